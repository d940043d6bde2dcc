// Fuzzes the binary protocol's request parser; what must hold is in binary_request_body.hpp.
#include "tests/fuzz/binary_request_body.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  ringfence::shim::binary::try_requests({reinterpret_cast<const char*>(data), size});
  return 0;
}
