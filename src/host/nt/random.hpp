// Random numbers from a generator in the host section: see random.cpp.
#pragma once

namespace host::nt {

// By the instance host, from Windows' own generator.
void seed_random();

} // namespace host::nt
