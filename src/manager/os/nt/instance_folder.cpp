#include "manager/instance_folder.hpp"

#include "manager/os/nt/folder_copy.hpp"
#include "manager/os/nt/windows.hpp"
#include "manager/paths.hpp"

#include <cerrno>

namespace lxss {

namespace {

bool is_folder(const std::string& path) {
    const DWORD attributes = ::GetFileAttributesW(wide_path(path).c_str());
    return attributes != INVALID_FILE_ATTRIBUTES && (attributes & FILE_ATTRIBUTE_DIRECTORY) &&
           !(attributes & FILE_ATTRIBUTE_REPARSE_POINT);
}

// Names in a folder with their attributes; false with GetLastError().
struct Item {
    std::wstring name;
    DWORD attributes;
};
bool list_folder(const std::wstring& folder, std::vector<Item>& items) {
    WIN32_FIND_DATAW found;
    const HANDLE search = ::FindFirstFileExW((folder + L"\\*").c_str(), FindExInfoBasic, &found,
                                             FindExSearchNameMatch, nullptr, FIND_FIRST_EX_LARGE_FETCH);
    if (search == INVALID_HANDLE_VALUE)
        return false;
    do {
        const std::wstring name = found.cFileName;
        if (name != L"." && name != L"..")
            items.push_back({name, found.dwFileAttributes});
    } while (::FindNextFileW(search, &found));
    ::FindClose(search);
    return true;
}

// An errno value. Links are removed, not followed.
int remove_contents(const std::wstring& folder) {
    std::vector<Item> items;
    if (!list_folder(folder, items))
        return errno_of(::GetLastError());
    for (const Item& item : items) {
        const std::wstring path = folder + L"\\" + item.name;
        const bool is_directory = item.attributes & FILE_ATTRIBUTE_DIRECTORY;
        if (item.attributes & FILE_ATTRIBUTE_READONLY)
            ::SetFileAttributesW(path.c_str(),
                                 item.attributes & ~static_cast<DWORD>(FILE_ATTRIBUTE_READONLY));
        if (is_directory && !(item.attributes & FILE_ATTRIBUTE_REPARSE_POINT))
            if (const int failure = remove_contents(path))
                return failure;
        if (!(is_directory ? ::RemoveDirectoryW(path.c_str()) : ::DeleteFileW(path.c_str())))
            return errno_of(::GetLastError());
    }
    return 0;
}

} // namespace

bool is_free_folder(const std::string& folder) {
    const DWORD attributes = ::GetFileAttributesW(wide_path(folder).c_str());
    if (attributes == INVALID_FILE_ATTRIBUTES)
        return ::GetLastError() == ERROR_FILE_NOT_FOUND || ::GetLastError() == ERROR_PATH_NOT_FOUND;
    std::vector<Item> items;
    return is_folder(folder) && list_folder(wide_path(folder), items) && items.empty();
}

bool prepare_instance_folder(const std::string& folder, bool& made_folder, std::string& error) {
    made_folder = ::GetFileAttributesW(wide_path(folder).c_str()) == INVALID_FILE_ATTRIBUTES;
    if (made_folder && !make_folders(folder)) {
        error = "cannot make " + folder + ": " + error_text(::GetLastError());
        return false;
    }
    if (!is_folder(folder)) {
        error = "cannot use " + folder + ": it is no folder";
        return false;
    }
    if (!is_free_folder(folder)) {
        error = folder + " is not empty; name a folder that is empty or does not exist";
        return false;
    }
    if (!::CreateDirectoryW(wide_path(folder + "/rootfs").c_str(), nullptr)) {
        error = "cannot write to " + folder + ": " + error_text(::GetLastError());
        if (made_folder)
            ::RemoveDirectoryW(wide_path(folder).c_str());
        return false;
    }
    return true;
}

bool adopt_instance_folder(const std::string& folder, std::string& error) {
    std::vector<Item> items;
    if (!is_folder(folder) || !is_folder(folder + "/rootfs") || !list_folder(wide_path(folder), items)) {
        error = folder + " holds no instance: there is no rootfs in it";
        return false;
    }
    for (const Item& item : items)
        if (item.name != L"rootfs" && item.name != L"lock" && item.name != L"lxss.log" &&
            item.name != L"temp") {
            error = folder + " holds something else than an instance: " + to_utf8(item.name);
            return false;
        }
    return true;
}

int move_instance_folder(const std::string& folder, const std::string& target, bool& copied,
                         const MoveProgress& progress) {
    copied = false;
    const std::wstring to = wide_path(target);
    if (const size_t slash = target.rfind('/'); slash > 3 && !make_folders(target.substr(0, slash)))
        return errno;
    const bool was_there = ::GetFileAttributesW(to.c_str()) != INVALID_FILE_ATTRIBUTES;
    if (was_there && !::RemoveDirectoryW(to.c_str())) // refuses one that is not empty
        return errno_of(::GetLastError());
    if (::MoveFileExW(wide_path(folder).c_str(), to.c_str(), 0))
        return 0;
    int failure = errno_of(::GetLastError());
    if (was_there && !::CreateDirectoryW(to.c_str(), nullptr))
        return errno_of(::GetLastError());
    if (failure != EXDEV)
        return failure;
    // The store of the tree's metadata knows the files by their ids, which a copy's files do not have.
    if (!work_on_tree("--list-places", folder))
        return EXDEV;
    if (!was_there && !::CreateDirectoryW(to.c_str(), nullptr))
        return errno_of(::GetLastError());
    copied = true;
    failure = copy_instance_folder(wide_path(folder), to, progress);
    if (!failure && !work_on_tree("--adopt-places", target))
        failure = EXDEV;
    if (failure)
        remove_instance_folder(target, !was_there, 0);
    return failure;
}

int remove_instance_folder(const std::string& folder, bool made_folder, int lock_seconds) {
    if (!is_folder(folder))
        return ::GetFileAttributesW(wide_path(folder).c_str()) == INVALID_FILE_ATTRIBUTES ? 0 : ENOTDIR;
    std::string error;
    bool held = false;
    UniqueFd lock = lock_instance_folder(folder, held, error);
    for (int tries = lock_seconds * 20; held; --tries) {
        if (tries <= 0)
            return EBUSY;
        ::Sleep(50);
        lock = lock_instance_folder(folder, held, error);
    }
    if (const int failure = remove_contents(wide_path(folder + "/rootfs")); failure != 0 && failure != ENOENT)
        return failure;
    lock.reset(); // the host removes no open file
    if (const int failure = remove_contents(wide_path(folder)))
        return failure;
    return made_folder && !::RemoveDirectoryW(wide_path(folder).c_str()) ? errno_of(::GetLastError()) : 0;
}

} // namespace lxss
