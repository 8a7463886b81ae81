// Which folders are drives: set up by the instance host before the first clone.
#pragma once

#include <string_view>

namespace host::linux_host {

// `folder`: an absolute path, which need not exist yet. False when it is none, the letter is none, or there is no room.
bool add_drive(char letter, std::string_view folder);
// After all add_drive(): C: is / unless it was given, and the user's groups are learnt.
void prepare_drives();

} // namespace host::linux_host
