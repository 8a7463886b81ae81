// Names in the tree that are no guest's: a program of the host has made them, or they come from a host that
// spells names otherwise.
#include "host/nt/journal.hpp"
#include "host/nt/tree_check.hpp"
#include "host/nt/tree_paths.hpp"
#include "lxcore/memory/arena.hpp"

namespace host::nt {

namespace {

// A way through the tree: folders that are still to be read stand in a stack of paths, each with its length
// behind it.
class NameCheck {
public:
    NameCheck(bool repair, lxcore::HostReport& report) : m_repair(repair), m_report(report) {}

    Result<void> run() {
        if (!m_listing.bytes())
            return Errno::ENOMEM;
        TRY(push(nullptr, 0));
        while (m_folders.size() != 0) {
            const usize length = m_folders[m_folders.size() - 1];
            const usize start = m_folders.size() - 1 - length;
            TRY(m_path.resize(length));
            __builtin_memcpy(m_path.data(), m_folders.data() + start, length * sizeof(WCHAR));
            TRY(m_folders.resize(start));
            TRY(read());
        }
        return {};
    }

private:
    // A name in the folder that is read.
    Result<void> push(const WCHAR* name, usize length) {
        const usize start = m_folders.size(), separator = m_path.size() != 0 ? 1 : 0,
                    whole = m_path.size() + separator + length;
        if (whole > kLargestPath)
            return Errno::ENAMETOOLONG;
        TRY(m_folders.grow(start + whole + 1));
        WCHAR* at = m_folders.data() + start;
        __builtin_memcpy(at, m_path.data(), m_path.size() * sizeof(WCHAR));
        if (separator)
            at[m_path.size()] = '\\';
        __builtin_memcpy(at + whole - length, name, length * sizeof(WCHAR));
        at[whole] = static_cast<WCHAR>(whole);
        return {};
    }

    Result<void> read() {
        Object folder;
        const NTSTATUS opened =
            open_in_tree(m_path.data(), m_path.size(), kReadAccess, FILE_DIRECTORY_FILE, folder.receive());
        if (opened < 0)
            return errno_of(opened);
        for (bool restart = true;; restart = false) {
            IO_STATUS_BLOCK io{};
            const NTSTATUS status =
                NtQueryDirectoryFile(folder.get(), nullptr, nullptr, nullptr, &io, m_listing.bytes(),
                                     PathBuffer::kBytes, kIdFullDirectory, FALSE, nullptr, restart);
            if (status == STATUS_NO_MORE_FILES || status == STATUS_NO_SUCH_FILE)
                return {};
            if (status < 0)
                return errno_of(status);
            for (const u8* at = m_listing.bytes();;) {
                const auto& found = *reinterpret_cast<const FILE_ID_FULL_DIR_INFORMATION*>(at);
                TRY(take(folder.get(), found));
                if (found.NextEntryOffset == 0)
                    break;
                at += found.NextEntryOffset;
            }
        }
    }

    Result<void> take(HANDLE folder, const FILE_ID_FULL_DIR_INFORMATION& found) {
        const usize length = found.FileNameLength / sizeof(WCHAR);
        const WCHAR* units = found.FileName;
        if (length <= 2 && units[0] == '.' && (length == 1 || units[1] == '.'))
            return {};
        HostName own(kHiddenFolder, nullptr);
        if (m_path.size() == 0 && length == own.length() &&
            __builtin_memcmp(units, own.units(), length * sizeof(WCHAR)) == 0)
            return {};
        char name[kMaxNameBytes];
        const bool is_folder =
            (found.FileAttributes & (FILE_ATTRIBUTE_DIRECTORY | FILE_ATTRIBUTE_REPARSE_POINT)) ==
            FILE_ATTRIBUTE_DIRECTORY;
        if (guest_name(units, length, files().escapes_case, name) > 0)
            return is_folder ? push(units, length) : Result<void>();
        // From a host that tells capital letters apart it is spelled but for those.
        isize bytes = files().escapes_case ? guest_name(units, length, false, name) : -1;
        if (bytes < 0)
            bytes = plain_name(units, length, name);
        const std::string_view text(name, static_cast<usize>(bytes < 0 ? 0 : bytes));
        HostName spelled(text, files().escapes_case);
        const bool has_remedy = bytes > 0 && spelled.is_valid();
        const Result<void> outcome =
            m_repair && has_remedy ? rename(folder, units, length, spelled) : Result<void>();
        tell(text, has_remedy, outcome);
        if (!is_folder)
            return {};
        return m_repair && has_remedy && outcome.is_ok() ? push(spelled.units(), spelled.length())
                                                         : push(units, length);
    }

    static Result<void> rename(HANDLE folder, const WCHAR* units, usize length, HostName& spelled) {
        if (length > kMaxNameBytes)
            return Errno::ENAMETOOLONG;
        HostName name(units, length);
        Object object;
        const NTSTATUS status =
            open_object(folder, name, kAttributeAccess | DELETE, FILE_OPEN, 0, object.receive());
        if (status < 0)
            return errno_of(status);
        return rename_object(object.get(), folder, spelled, false);
    }

    void tell(std::string_view name, bool has_remedy, const Result<void>& outcome) {
        lxcore::Vector<char> path;
        const auto put = [&path](std::string_view text) {
            const usize at = path.size();
            if (path.grow(at + text.size()).is_ok())
                __builtin_memcpy(path.data() + at, text.data(), text.size());
        };
        for (usize at = 0; at < m_path.size();) {
            usize end = at;
            while (end < m_path.size() && m_path[end] != '\\')
                ++end;
            char part[kMaxNameBytes];
            isize bytes = guest_name(m_path.data() + at, end - at, files().escapes_case, part);
            if (bytes < 0)
                bytes = plain_name(m_path.data() + at, end - at, part);
            put({part, static_cast<usize>(bytes < 0 ? 0 : bytes)});
            put("/");
            at = end + 1;
        }
        put(name);
        m_report.tell({{path.data(), path.size()},
                       "the name cannot be reached: a program of the host has made it, or another host",
                       true,
                       has_remedy,
                       outcome});
    }

    bool m_repair;
    lxcore::HostReport& m_report;
    lxcore::Vector<WCHAR> m_folders, m_path;
    PathBuffer m_listing;
};

} // namespace

Result<void> check_names(bool repair, lxcore::HostReport& report) {
    return NameCheck(repair, report).run();
}

} // namespace host::nt
