// Fuzzes the text protocol's request parser; what must hold is in text_request_body.hpp.
#include "tests/fuzz/text_request_body.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  ringfence::shim::text::try_requests({reinterpret_cast<const char*>(data), size});
  return 0;
}
