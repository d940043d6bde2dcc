// Tells the agent of this host that a backend made trouble; see shm_layout/hint.hpp.
#pragma once

#include <cstdint>
#include <string>

namespace ringfence::shim {

// Best effort and never waits: three system calls, 5 us. Errors are nobody's concern: without an
// agent there is nobody to tell. Any thread, also after fork.
void send_hint(const std::string& segment_path, std::uint16_t backend) noexcept;

}  // namespace ringfence::shim
