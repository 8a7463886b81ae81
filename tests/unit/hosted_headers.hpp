// Everything hosted that kernel tests use. See kernel_test.hpp.

// <cxxabi.h> makes `abi` a name for the C++ run-time's namespace, and GoogleTest uses it.
#define abi runtime_abi
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <gtest/gtest.h>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>
#undef abi
