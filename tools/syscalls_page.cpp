// Writes docs/syscalls.md from the rows of the system-call table (src/lxcore/syscall/table/), or checks it:
//   syscalls_page              prints the page
//   syscalls_page --check FILE fails when FILE is not that page
// The rows alone are read, with a macro of its own: the handlers are freestanding code that no hosted program
// links.
#include <algorithm>
#include <array>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <iterator>
#include <string>

#include "abi/syscall_numbers.hpp"

namespace {

enum class Support { Missing, Partial, Done };

struct Row {
    const char* name = nullptr;
    Support support = Support::Missing;
    const char* note = "";
};

using Table = std::array<Row, abi::SYSCALL_TABLE_SIZE>;

Table build_table() {
    Table table{};
#define X(number, call_name) table[number].name = #call_name;
    LXSS_ABI_SYSCALLS(X)
#undef X
#define LXSS_CALL(call_name, handler, level, text)                                                           \
    table[abi::SYS_##call_name].support = Support::level;                                                    \
    table[abi::SYS_##call_name].note = text;
#include "lxcore/syscall/table/all.inc"
#undef LXSS_CALL
    return table;
}

// Numbers that Linux on x86-64 keeps reserved and answers with ENOSYS itself; see unimplemented(2) and the
// man page of each.
bool is_missing_in_linux(unsigned number) {
    static constexpr unsigned kNumbers[] = {
        abi::SYS_uselib,          abi::SYS__sysctl,        abi::SYS_create_module, abi::SYS_get_kernel_syms,
        abi::SYS_query_module,    abi::SYS_nfsservctl,     abi::SYS_getpmsg,       abi::SYS_putpmsg,
        abi::SYS_afs_syscall,     abi::SYS_tuxcall,        abi::SYS_security,      abi::SYS_set_thread_area,
        abi::SYS_get_thread_area, abi::SYS_lookup_dcookie, abi::SYS_epoll_ctl_old, abi::SYS_epoll_wait_old,
        abi::SYS_vserver,
    };
    return std::find(std::begin(kNumbers), std::end(kNumbers), number) != std::end(kNumbers);
}

const char* text_of(Support support) {
    switch (support) {
    case Support::Done:
        return "done";
    case Support::Partial:
        return "partial";
    case Support::Missing:
        break;
    }
    return "missing";
}

// A cell of a Markdown table.
std::string cell(const char* text) {
    std::string result;
    for (; *text; ++text) {
        if (*text == '|' || *text == '*' || *text == '<')
            result += '\\';
        result += *text;
    }
    return result;
}

std::string build_page() {
    const Table table = build_table();
    unsigned total = 0, done = 0, partial = 0, gone = 0;
    std::string rows;
    for (unsigned number = 0; number < table.size(); ++number) {
        const Row& row = table[number];
        if (!row.name)
            continue;
        ++total;
        done += row.support == Support::Done;
        partial += row.support == Support::Partial;
        std::string note = cell(row.note);
        if (row.support == Support::Missing) {
            const bool linux_lacks_it = is_missing_in_linux(number);
            gone += linux_lacks_it;
            note = linux_lacks_it ? "ENOSYS, as on Linux" : "ENOSYS";
        }
        rows += "| " + std::to_string(number) + " | " + cell(row.name) + " | " + text_of(row.support) + " |" +
                (note.empty() ? "" : " " + note) + " |\n";
    }
    const unsigned missing = total - done - partial;
    std::string page =
        "# System calls\n\n"
        "Generated from the rows in src/lxcore/syscall/table/ by `cmake --build build/dev --target "
        "update_syscalls_page`.\n\n";
    page += "Of the " + std::to_string(total) + " numbers of Linux 6.15 on x86-64, " + std::to_string(done) +
            " are done, " + std::to_string(partial) + " partial, " + std::to_string(missing) + " missing (" +
            std::to_string(gone) + " of these Linux itself answers with ENOSYS).\n\n";
    page += "Done means as the man page says, as far as we know. A partial call says what it lacks. A "
            "missing one "
            "returns ENOSYS, and\nthe instance log names it the first time it is made.\n\n";
    page += "| number | call | state | what is missing |\n|---|---|---|---|\n";
    return page + rows;
}

int check(const char* path) {
    std::ifstream file(path, std::ios::binary);
    const std::string committed{std::istreambuf_iterator<char>(file), {}};
    if (committed == build_page())
        return 0;
    std::fprintf(stderr,
                 "%s is not what the system-call table gives; write it anew with "
                 "cmake --build build/dev --target update_syscalls_page\n",
                 path);
    return 1;
}

} // namespace

int main(int count, char** arguments) {
    if (count == 3 && std::strcmp(arguments[1], "--check") == 0)
        return check(arguments[2]);
    if (count != 1) {
        std::fprintf(stderr, "Usage: syscalls_page [--check FILE]\n");
        return 2;
    }
    const std::string page = build_page();
    return std::fwrite(page.data(), 1, page.size(), stdout) == page.size() ? 0 : 1;
}
