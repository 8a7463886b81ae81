// Standard streams and files that are handed to the manager.
#pragma once

#include "manager/unique_fd.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace lxss {

// The command line in UTF-8, without the program's name; standard streams that are closed lead nowhere from
// then on (another object would take their place, and be handed to the session).
std::vector<std::string> prepare_launcher(int count, char** arguments);

// 0 input, 1 output, 2 error. Stays the process's.
HostDescriptor standard_stream(int number);
bool is_terminal(HostDescriptor descriptor);

// All below give an empty descriptor, or a message, when they fail; the message does not name the file.
UniqueFd duplicate(HostDescriptor descriptor, std::string& error);
UniqueFd open_nothing(); // reads as empty
UniqueFd open_for_reading(const std::string& path, std::string& error);
// Truncates; `is_private` makes it readable by the user alone and refuses a symbolic link.
UniqueFd open_for_writing(const std::string& path, bool is_private, std::string& error);

struct FileKind {
    bool is_folder = false;
    bool is_regular = false;
    uint64_t size = 0;
};
FileKind kind_of(HostDescriptor descriptor);
bool file_exists(const std::string& path);
// To the disk, then under its final name. "" or a message.
std::string finish_file(HostDescriptor file, const std::string& path, const std::string& final_path);
void remove_file(const std::string& path);

// The absolute name of a folder whose parents may be missing too. "" with a message.
std::string absolute_folder(std::string folder, std::string& error);

} // namespace lxss
