// What prepare_exec() gathers for commit_exec(). It lies in the arena: the process that loads it may be another one.
#pragma once

#include "lxcore/task/elf_loader.hpp"
#include "lxcore/task/exec.hpp"

namespace lxcore {

// Argument and environment texts, each with its NUL, one behind the other over single pages.
class ExecStrings {
public:
    ExecStrings() = default;
    LXSS_NO_COPY(ExecStrings);
    ~ExecStrings();

    // `limit` on bytes of text and pointers: E2BIG beyond it.
    void set_limit(u64 bytes) { m_limit = bytes; }
    // Appends the texts of a guest's NULL-terminated array (none when it is null); how many there were. EFAULT, E2BIG.
    Result<u32> append_user(UserPtr<u64> array);
    // Appends bytes that hold `count` texts with their NULs.
    Result<void> append(const char* text, usize length, u32 count);
    u64 length() const { return m_length; }
    char at(u64 offset) const { return m_pages[offset >> base::kPageShift][offset & (base::kPageSize - 1)]; }
    // Bytes of the page that holds `offset`, from there to the page's or the text's end.
    std::string_view piece(u64 offset) const;
    // Offset behind the NUL of the text at `offset` (at most length()).
    u64 skip(u64 offset) const;
    // Counts `bytes` against the limit. E2BIG.
    Result<void> charge(u64 bytes);

private:
    Result<void> make_room(u64 bytes);
    Result<void> append_user_text(u64 address);
    Vector<char*> m_pages;
    u64 m_length = 0;
    u64 m_charged = 0;
    u64 m_limit = ~u64{0};
};

struct ExecImage : ArenaObject {
    ElfImage program, interpreter; // interpreter.file is null for static programs
    RefPtr<Credentials> credentials;
    bool is_secure = false;     // AT_SECURE: ids or capabilities were gained
    bool drops_dumpable = false;
    bool in_place = false;      // replaces the calling process's own address space
    char name[16] = {};         // comm
    String display_name;        // AT_EXECFN
    // argv, less what #! replaced, then envp.
    ExecStrings strings;
    u32 argument_count = 0;     // in `strings`
    u32 environment_count = 0;
    u64 environment_offset = 0; // in `strings`
    u64 argument_offset = 0;    // in `strings`: behind an argv[0] that #! replaced
    // What #! puts before: the end of two pages, filled backwards.
    static constexpr usize kPrefixPages = 2;
    char* prefix = nullptr;
    u32 prefix_offset = kPrefixPages * base::kPageSize;
    u32 prefix_count = 0;
    ~ExecImage();
};

// Opens a file to be executed: a regular file with execute permission, not on a noexec mount, not open for writing.
Result<RefPtr<File>> open_executable(const Path& path);

// Credentials after exec of `file`; sets is_secure, drops_dumpable. See capabilities(7), execve(2).
Result<void> prepare_credentials(ExecImage& image, File& file);

// Builds the first stack of a program. Returns the stack pointer.
struct StackPlan {
    u64 top, bytes;
    u64 program_bias, interpreter_base, entry;
};
Result<u64> build_stack(Mm& mm, ExecImage& image, const StackPlan& plan);

} // namespace lxcore
