// How a mesh is set up, and its bounds. Values; any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>

#include "shm_layout/result.hpp"

namespace ringfence::agent::config {
struct Config;
}

namespace ringfence::agent::mesh {

enum class LogLevel : std::uint8_t { info, warning };

struct MeshSettings {
  std::string listen;  // "ip:port" ("[::]:7411"); port 0 lets the kernel pick; empty: dials only
  // One of the three ways: the cluster's key, certificates, or plaintext on loopback.
  std::string key_file;
  std::string cert_file, private_key_file, ca_file;
  bool is_insecure = false;

  // A peer that is silent for so long is gone: six lost pings.
  std::uint32_t peer_timeout_ms = 1500;
  // From the first packet to the welcome; a handshake takes 2 round trips and 1 ms of CPU.
  std::uint32_t handshake_limit_ms = 5000;
  // A peer that takes no byte for so long while some wait is cut.
  std::uint32_t stall_limit_ms = 10'000;
  std::size_t peer_count_max = 1024;                      // a full mesh is for less than that
  std::size_t unproven_count_max = 64;                    // accepted and without a whole greeting
  std::size_t message_bytes_max = std::size_t{48} << 20;  // a snapshot of 64 pools
  std::size_t queue_bytes_max = std::size_t{64} << 20;    // to one peer; then it is cut

  std::function<void(LogLevel, const std::string&)> log;  // may be empty
};

// Checks what only the mesh's parts together can tell. Neither listen nor seeds: an error, for a
// fleet of one has no mesh.
[[nodiscard]] Result<MeshSettings> mesh_settings(const config::Config& config);

// Where others reach this agent: mesh.advertise, else mesh.listen unless it is a wildcard.
[[nodiscard]] Result<std::string> advertised_address(const config::Config& config);

}  // namespace ringfence::agent::mesh
