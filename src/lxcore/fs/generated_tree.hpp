// File systems whose files are made up on demand (proc, sysfs): a table of rows says what there is.
//
// A table is a list of files by their path in it; the directories on the way are implied. Beside its rows, a directory can
// hold entries that are numbers (processes, threads, descriptors). A row that is a directory may continue in a
// table of its own, as each process does. Tables are constants of the image.
//
// Locks: a file's text is guarded by the file's own lock, which is held around the printer and outside of all others.
#pragma once

#include "base/format.hpp"
#include "lxcore/fs/mount.hpp"
#include "lxcore/fs/file.hpp"

namespace lxcore {

class GeneratedNode;
class Process;
struct GeneratedTable;

struct GeneratedRow {
    const char* path; // in the table, without a leading slash
    u32 mode;         // type and permissions
    // The file's whole text, or a link's target. Called again with more room when it did not fit.
    Result<void> (*print)(base::Writer& writer, const GeneratedNode& node) = nullptr;
    // What one write(2) brought, without its last line end. EINVAL...
    Result<void> (*write)(std::string_view text, const GeneratedNode& node) = nullptr;
    const char* argument = nullptr; // for `print` and `write`
    // A link to a place (Inode::follow_magic_link).
    Result<Path> (*follow)(const GeneratedNode& node) = nullptr;
    const GeneratedTable* table = nullptr; // of a directory that is described elsewhere
    // Files with operations of their own.
    Result<RefPtr<File>> (*open)(const GeneratedNode& node, u32 flags) = nullptr;
    // For others than the process itself and those that may trace it: EACCES.
    bool is_private = false;
};

// Entries whose names are numbers (behind a common stem), in ascending order.
struct NumberedEntries {
    // The first number from `from` on that `directory` has now; -1 when there is none.
    i32 (*next)(const GeneratedNode& directory, i32 from);
    // Fills in what `entry`, made for `number`, is about (its mode too, if it is a matter of the single entry). ENOENT.
    Result<void> (*enter)(const GeneratedNode& directory, i32 number, GeneratedNode& entry);
    GeneratedRow row; // what each is; `path` is not used
    const char* stem = ""; // in front of the number
};

struct GeneratedTable {
    const GeneratedRow* rows;
    usize count;
    const NumberedEntries* numbered = nullptr;
};

class GeneratedNode : public Inode {
public:
    // The row it was made for; null for a file system's root and for implied directories.
    const GeneratedRow* row = nullptr;
    // Of directories: the rows that they show are those of `table` whose path starts with `prefix`.
    const GeneratedTable* table = nullptr;
    std::string_view prefix;
    // What it is about; null and 0: the whole system.
    RefPtr<Process> process;
    i32 thread = 0; // tid; 0: the process as a whole
    i32 entry = -1; // number of the descriptor

    Result<RefPtr<Inode>> lookup(std::string_view name) override;
    Result<RefPtr<File>> open(const Path& path, u32 flags) override;
    Result<usize> read_link(char* buffer, usize capacity) override;
    Result<Path> follow_magic_link() override;
    Result<void> refresh() override;
    Result<RefPtr<Inode>> create(std::string_view name, u32 mode, u32 uid, u32 gid, u64 device) override;
    Result<void> set_attributes(const AttributeChange& change) override;
    bool may_cache_name(const Inode* found) const override;
    bool is_same_file(const Inode& other) const override;

    // Takes over the process's owner.
    void refresh_owner();
    // EACCES if the row is private and the current task may not look into the process.
    Result<void> check_private() const;
    // The row's own node, or with `implied` not 0 the directory that the first so many characters of its path imply.
    Result<RefPtr<GeneratedNode>> make_child(const GeneratedRow& at, usize implied) const;
    Result<RefPtr<GeneratedNode>> make_numbered(i32 number) const;
    // Inode number of what make_child() makes.
    u64 child_number(const GeneratedRow& at, usize implied) const;
};

// An open file: its text is made at the first read and anew at each read from the start.
class GeneratedFile : public File {
public:
    explicit GeneratedFile(RefPtr<GeneratedNode> node);
    ~GeneratedFile() override;
    bool is_seekable() const override { return true; }
    Result<usize> read(IoBuffer& buffer, i64 offset) override;
    Result<usize> write(IoBuffer& buffer, i64 offset) override;

private:
    Result<usize> read_at(IoBuffer& buffer, u64 offset);
    void drop_text();
    RefPtr<GeneratedNode> m_node;
    Mutex m_lock;
    char* m_text = nullptr;
    usize m_pages = 0, m_length = 0;
};

// A super block over `table`. Implied directories have mode 0555.
Result<RefPtr<SuperBlock>> create_generated(const char* type_name, u32 magic, const GeneratedTable& table);

// The lowest process-wide rule of proc(5): whether the current task may read `process`'s memory and places
// (PTRACE_MODE_READ). EACCES.
Result<void> may_inspect(Process& process);

// -- printers and parsers for rows
// row->argument as it stands.
Result<void> print_constant(base::Writer& writer, const GeneratedNode& node);
// A decimal number, white space around it allowed. EINVAL.
Result<i64> parse_integer(std::string_view text);
// A host information page; row->argument names it.
Result<void> print_host_page(base::Writer& writer, const GeneratedNode& node);
// Puts the page; false when the host has none.
bool put_host_page(base::Writer& writer, std::string_view page);

} // namespace lxcore
