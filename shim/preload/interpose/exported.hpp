// What all entry points share. Each asks whether the descriptor is overlaid, and if not, which is
// nearly always, calls libc's function.
#pragma once

#include "shim/preload/process.hpp"
#include "shim/preload/real.hpp"

#define RINGFENCE_EXPORTED extern "C" __attribute__((visibility("default")))
