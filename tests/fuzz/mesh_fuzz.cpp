// Fuzzes the mesh's frames and greetings; what must hold is in mesh_body.hpp.
#include "tests/fuzz/mesh_body.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  ringfence::agent::mesh::try_mesh({reinterpret_cast<const char*>(data), size});
  return 0;
}
