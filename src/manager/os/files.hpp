// Files of the host, as far as the C++ library does not reach.
#pragma once

#include "manager/unique_fd.hpp"

#include <map>
#include <string>

namespace lxss {

// Writes `text` beside `path`, to the disk, and replaces it: whole or not at all. "" or a message.
std::string replace_file(const std::string& path, const std::string& text);

// Opens `path` for appending, private to the user. Empty with a message.
UniqueFd open_log(const std::string& path, std::string& error);

// In a process that ChildProcess::start() was given a descriptor for: that.
HostDescriptor given_descriptor();

// Writes a line's worth of text for a person; what goes wrong is not worth a word.
void show(HostDescriptor terminal, const std::string& text);

// Another descriptor of the same object, not inherited; empty when there is no room.
UniqueFd duplicate_descriptor(HostDescriptor descriptor);

// Whether a folder's name says by itself where it is.
bool is_absolute_path(const std::string& path);

// The host's name servers in the format of resolv.conf(5), for the instance's init. "" when there are none.
std::string host_resolver_configuration();

// The drives that an instance mounts without being asked to: name below /mnt -> what mount(8) names it by.
// Linux: the root as c. Windows: each letter of a fixed, removable or network drive that has something in it.
std::map<std::string, std::string> host_drives();

} // namespace lxss
