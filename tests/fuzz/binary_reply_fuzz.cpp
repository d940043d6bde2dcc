// Fuzzes the binary protocol's reply parser; what must hold is in binary_reply_body.hpp.
#include "tests/fuzz/binary_reply_body.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  ringfence::shim::binary::try_replies({reinterpret_cast<const char*>(data), size});
  return 0;
}
