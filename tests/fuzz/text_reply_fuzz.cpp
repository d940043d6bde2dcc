// Fuzzes the text protocol's reply parser; what must hold is in text_reply_body.hpp.
#include "tests/fuzz/text_reply_body.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  ringfence::shim::text::try_replies({reinterpret_cast<const char*>(data), size});
  return 0;
}
