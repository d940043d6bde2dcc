// The cluster's shared key: read from a file that only its owner and group may open, and refused
// when it cannot hold 256 bits of chance. What leaves here is derived from it and the cluster's
// name, so one key file in two clusters makes no bridge. Reads a file; any thread.
#pragma once

#include <array>
#include <string>

#include "shm_layout/result.hpp"

namespace ringfence::agent::mesh {

inline constexpr std::size_t mesh_key_bytes = 32;  // SHA-256, the hash of the handshake
using MeshKey = std::array<unsigned char, mesh_key_bytes>;

[[nodiscard]] Result<MeshKey> load_mesh_key(const std::string& path, const std::string& cluster);

// A file with a secret: a regular one that others can neither read nor write.
[[nodiscard]] Status check_secret_file(const std::string& path);

}  // namespace ringfence::agent::mesh
