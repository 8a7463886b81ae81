// Files of the host, as far as the C++ library does not reach.
#pragma once

#include "manager/unique_fd.hpp"

#include <string>

namespace lxss {

// Writes `text` beside `path`, to the disk, and replaces it: whole or not at all. "" or a message.
std::string replace_file(const std::string& path, const std::string& text);

// Opens `path` for appending, private to the user. Empty with a message.
UniqueFd open_log(const std::string& path, std::string& error);

// Writes a line's worth of text for a person; what goes wrong is not worth a word.
void show(HostDescriptor terminal, const std::string& text);

// Another descriptor of the same object, not inherited; empty when there is no room.
UniqueFd duplicate_descriptor(HostDescriptor descriptor);

// Whether a folder's name says by itself where it is.
bool is_absolute_path(const std::string& path);

// The host's name servers in the format of resolv.conf(5), for the instance's init. "" when there are none.
std::string host_resolver_configuration();

} // namespace lxss
