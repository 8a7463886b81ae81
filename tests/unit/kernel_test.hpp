// To be included first by a test of kernel code. The hosted headers go before, and their macros, whose names
// src/abi gives to constants, are then taken back (undefine_macros.py).
#pragma once

#include "hosted_headers.hpp"

#include "undefined_macros.hpp"
