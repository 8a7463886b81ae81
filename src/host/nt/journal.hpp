// Renames that the host does in several steps: a small file in the hidden folder says what was meant until they are done, so
// that whoever comes after a crash can complete or undo them.
#pragma once

#include "host/nt/files.hpp"

namespace host::nt {

Result<void> rename_object(HANDLE object, HANDLE directory, HostName& name, bool replace);

// Names in the hidden folder: 'd' and the number of a file that only handles keep, 'j' and that of a journal.
class OwnName : public HostName {
public:
    OwnName(char kind, u64 number) : HostName(Text(kind, number).writer.view(), nullptr) {}

private:
    struct Text {
        Text(char kind, u64 number) {
            writer.put(kind);
            base::print(writer, "{:x}", number);
        }
        base::FixedWriter<24> writer;
    };
};
// Calls visit(context, number) for all such names, again from the start whenever it says that it has changed them.
void visit_hidden_folder(char kind, bool (*visit)(void* context, u64 number), void* context);

// With names_lock: nobody shall remove the aside name `number`, which is back in the tree.
void forget_aside(u64 number);

class Journal {
public:
    enum class Kind : u32 {
        Replace,  // `to` goes to the aside name, then `from` to `to`
        Exchange, // `from` goes to the aside name, `to` to `from`, the aside name to `to`
    };
    // `number` of the aside name.
    Result<void> begin(Kind kind, HANDLE from_directory, const HostName& from, HANDLE to_directory,
                       const HostName& to, u64 number);
    void end();

private:
    RenameSlot* m_slot = nullptr;
    Object m_object;
};

} // namespace host::nt
