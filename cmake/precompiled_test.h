#pragma once
#include "cmake/precompiled.h"

#include <catch2/catch.hpp>

// CHECK is the project's own (lib/base/check.h); tests say REQUIRE.
#undef CHECK
