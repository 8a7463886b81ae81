// Exceptions and interruptions, see exceptions.cpp.
#pragma once

#include "host/nt/internal.hpp"

namespace host::nt {

void install_exception_handler();
// Makes the suspended thread of `block` leave guest code, if `context` says that it is there. True when `context` was changed.
bool interrupt_context(CONTEXT& context, ThreadBlock& block);

} // namespace host::nt
