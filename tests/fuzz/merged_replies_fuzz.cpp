// Fuzzes the port between its clients and backends that answer anything; what must hold is in
// merged_replies_body.hpp.
#include "tests/fuzz/merged_replies_body.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static ringfence::merged_replies::Arena arena;
  arena.run({reinterpret_cast<const char*>(data), size});
  return 0;
}
