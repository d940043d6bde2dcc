// Fuzzes the parser of meta commands; what must hold is in meta_request_body.hpp.
#include "tests/fuzz/meta_request_body.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  ringfence::shim::meta::try_requests({reinterpret_cast<const char*>(data), size});
  return 0;
}
