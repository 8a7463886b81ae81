#include "manager/os/nt/folder_copy.hpp"

#include "manager/os/nt/windows.hpp"

// After windows.hpp.
#include <winternl.h>

#include <winioctl.h>

#include <algorithm>
#include <cerrno>
#include <map>
#include <utility>

extern "C" {
NTSTATUS NTAPI NtQueryEaFile(HANDLE file, PIO_STATUS_BLOCK io, PVOID buffer, ULONG length, BOOLEAN single,
                             PVOID list, ULONG list_length, PULONG index, BOOLEAN restart);
NTSTATUS NTAPI NtSetEaFile(HANDLE file, PIO_STATUS_BLOCK io, PVOID buffer, ULONG length);
}

namespace lxss {

namespace {

constexpr DWORD kHoleBytes = 64 * 1024, kBufferBytes = 1024 * 1024;
constexpr DWORD kOpenFlags = FILE_FLAG_BACKUP_SEMANTICS | FILE_FLAG_OPEN_REPARSE_POINT;
constexpr DWORD kShareAll = FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE;
// Windows 10; not in all headers.
constexpr auto kCaseSensitive = static_cast<FILE_INFO_BY_HANDLE_CLASS>(23);
constexpr NTSTATUS kNoAttributes = static_cast<NTSTATUS>(0xc0000052); // STATUS_NO_EAS_ON_FILE

int last_error() {
    return errno_of(::GetLastError());
}

bool can_have_attributes(HANDLE file) {
    DWORD flags = 0;
    return ::GetVolumeInformationByHandleW(file, nullptr, 0, nullptr, nullptr, &flags, nullptr, 0) &&
           (flags & FILE_SUPPORTS_EXTENDED_ATTRIBUTES);
}

class FolderCopy {
public:
    FolderCopy(const std::wstring& from, const std::wstring& to, const MoveProgress& progress)
        : from_(from), to_(to), progress_(progress), buffer_(kBufferBytes) {}

    int run() {
        if (progress_)
            total_ = count();
        std::vector<std::wstring> folders = {L""}; // relative, each with a separator before it
        for (size_t i = 0; i < folders.size(); ++i) {
            WIN32_FIND_DATAW found;
            const HANDLE search =
                ::FindFirstFileExW((from_ + folders[i] + L"\\*").c_str(), FindExInfoBasic, &found,
                                   FindExSearchNameMatch, nullptr, FIND_FIRST_EX_LARGE_FETCH);
            if (search == INVALID_HANDLE_VALUE)
                return last_error();
            int failure = 0;
            do {
                failure = copy(folders, folders[i], found);
            } while (!failure && ::FindNextFileW(search, &found));
            if (!failure && ::GetLastError() != ERROR_NO_MORE_FILES)
                failure = last_error();
            ::FindClose(search);
            if (failure)
                return failure;
        }
        // What was put into a folder has changed its times.
        for (size_t i = folders.size(); i-- > 1;)
            if (const int failure = finish_folder(folders[i]))
                return failure;
        return 0;
    }

private:
    int copy(std::vector<std::wstring>& folders, const std::wstring& folder, const WIN32_FIND_DATAW& found) {
        const std::wstring name = found.cFileName;
        if (name == L"." || name == L".." || (folder.empty() && name == L"lock"))
            return 0;
        const std::wstring path = folder + L"\\" + name;
        if (found.dwFileAttributes & FILE_ATTRIBUTE_REPARSE_POINT)
            return ENOTSUP; // no instance has any; what they lead to is none of it
        int failure = 0;
        if (found.dwFileAttributes & FILE_ATTRIBUTE_DIRECTORY) {
            failure = make_folder(path);
            folders.push_back(path);
        } else {
            failure = copy_file(path);
        }
        if (progress_)
            progress_(std::min(++done_, total_), total_);
        return failure;
    }

    int make_folder(const std::wstring& path) {
        if (!::CreateDirectoryW((to_ + path).c_str(), nullptr))
            return last_error();
        const UniqueFd from = open(from_ + path, GENERIC_READ);
        ULONG flags = 0;
        if (!from)
            return last_error();
        if (!::GetFileInformationByHandleEx(handle_of(from.get()), kCaseSensitive, &flags, sizeof flags) ||
            flags == 0)
            return 0;
        const UniqueFd to = open(to_ + path, GENERIC_READ | FILE_WRITE_ATTRIBUTES);
        return to && ::SetFileInformationByHandle(handle_of(to.get()), kCaseSensitive, &flags, sizeof flags)
                   ? 0
                   : ENOTSUP;
    }

    int finish_folder(const std::wstring& path) {
        const UniqueFd from = open(from_ + path, GENERIC_READ),
                       to = open(to_ + path, GENERIC_READ | GENERIC_WRITE);
        return from && to ? copy_information(from, to) : last_error();
    }

    int copy_file(const std::wstring& path) {
        const UniqueFd from = open(from_ + path, GENERIC_READ);
        BY_HANDLE_FILE_INFORMATION information;
        if (!from || !::GetFileInformationByHandle(handle_of(from.get()), &information))
            return last_error();
        if (information.nNumberOfLinks > 1) {
            const auto [first, is_first] =
                links_.try_emplace({information.nFileIndexHigh, information.nFileIndexLow}, path);
            if (!is_first)
                return ::CreateHardLinkW((to_ + path).c_str(), (to_ + first->second).c_str(), nullptr)
                           ? 0
                           : last_error();
        }
        const UniqueFd to = owned(::CreateFileW((to_ + path).c_str(), GENERIC_READ | GENERIC_WRITE, 0,
                                                nullptr, CREATE_NEW, FILE_ATTRIBUTE_NORMAL, nullptr));
        if (!to)
            return last_error();
        if (const int failure = copy_content(handle_of(from.get()), handle_of(to.get())))
            return failure;
        const int failure = copy_information(from, to);
        return failure || ::FlushFileBuffers(handle_of(to.get())) ? failure : last_error();
    }

    // What is zero stays a hole where the file has some.
    int copy_content(HANDLE from, HANDLE to) {
        FILE_STANDARD_INFO information;
        if (!::GetFileInformationByHandleEx(from, FileStandardInfo, &information, sizeof information))
            return last_error();
        const bool has_holes = information.AllocationSize.QuadPart < information.EndOfFile.QuadPart;
        DWORD ignored;
        if (has_holes) // where the file system wants to be told
            ::DeviceIoControl(to, FSCTL_SET_SPARSE, nullptr, 0, nullptr, 0, &ignored, nullptr);
        for (DWORD length; ::ReadFile(from, buffer_.data(), kBufferBytes, &length, nullptr);) {
            if (length == 0)
                return ::SetEndOfFile(to) ? 0 : last_error();
            for (DWORD at = 0; at < length;) {
                const DWORD part = std::min(has_holes ? kHoleBytes : length, length - at);
                const char* data = buffer_.data() + at;
                if (has_holes && std::all_of(data, data + part, [](char byte) { return byte == 0; })) {
                    LARGE_INTEGER distance;
                    distance.QuadPart = part;
                    if (!::SetFilePointerEx(to, distance, nullptr, FILE_CURRENT))
                        return last_error();
                } else {
                    DWORD written;
                    if (!::WriteFile(to, data, part, &written, nullptr))
                        return last_error();
                    if (written != part)
                        return ENOSPC;
                }
                at += part;
            }
        }
        return last_error();
    }

    // Times, attributes, extended attributes.
    int copy_information(const UniqueFd& from, const UniqueFd& to) {
        if (can_have_attributes(handle_of(from.get()))) {
            IO_STATUS_BLOCK io{};
            const NTSTATUS got = ::NtQueryEaFile(handle_of(from.get()), &io, buffer_.data(), kBufferBytes,
                                                 FALSE, nullptr, 0, nullptr, TRUE);
            const bool has_some = got >= 0 && io.Information != 0;
            if (got < 0 && got != kNoAttributes)
                return EIO;
            if (has_some && (!can_have_attributes(handle_of(to.get())) ||
                             ::NtSetEaFile(handle_of(to.get()), &io, buffer_.data(),
                                           static_cast<ULONG>(io.Information)) < 0))
                return ENOTSUP;
        }
        FILE_BASIC_INFO basic;
        if (!::GetFileInformationByHandleEx(handle_of(from.get()), FileBasicInfo, &basic, sizeof basic) ||
            !::SetFileInformationByHandle(handle_of(to.get()), FileBasicInfo, &basic, sizeof basic))
            return last_error();
        return 0;
    }

    static UniqueFd open(const std::wstring& path, DWORD access) {
        return owned(
            ::CreateFileW(path.c_str(), access, kShareAll, nullptr, OPEN_EXISTING, kOpenFlags, nullptr));
    }

    // All below the folder, for progress alone.
    uint64_t count() const {
        uint64_t number = 0;
        std::vector<std::wstring> folders = {from_};
        while (!folders.empty()) {
            const std::wstring folder = std::move(folders.back());
            folders.pop_back();
            WIN32_FIND_DATAW found;
            const HANDLE search =
                ::FindFirstFileExW((folder + L"\\*").c_str(), FindExInfoBasic, &found, FindExSearchNameMatch,
                                   nullptr, FIND_FIRST_EX_LARGE_FETCH);
            if (search == INVALID_HANDLE_VALUE)
                continue;
            do {
                const std::wstring name = found.cFileName;
                if (name == L"." || name == L"..")
                    continue;
                ++number;
                if ((found.dwFileAttributes & (FILE_ATTRIBUTE_DIRECTORY | FILE_ATTRIBUTE_REPARSE_POINT)) ==
                    FILE_ATTRIBUTE_DIRECTORY)
                    folders.push_back(folder + L"\\" + name);
            } while (::FindNextFileW(search, &found));
            ::FindClose(search);
        }
        return number;
    }

    std::wstring from_, to_;
    const MoveProgress& progress_;
    std::vector<char> buffer_;
    std::map<std::pair<DWORD, DWORD>, std::wstring>
        links_; // by file id: the first name of files that have several
    uint64_t done_ = 0, total_ = 0;
};

} // namespace

int copy_instance_folder(const std::wstring& folder, const std::wstring& target,
                         const MoveProgress& progress) {
    return FolderCopy(folder, target, progress).run();
}

} // namespace lxss
