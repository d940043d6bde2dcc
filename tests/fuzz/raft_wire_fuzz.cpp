// Fuzzes the reader of what engines send each other; what must hold is in raft_wire_body.hpp.
#include "tests/fuzz/raft_wire_body.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  ringfence::agent::engine::try_engine_message({reinterpret_cast<const char*>(data), size});
  return 0;
}
