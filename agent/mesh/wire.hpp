// Frames on a connection, and their bounds. Everything is little-endian.
//
//   0  u32  payload bytes
//   4  u8   kind
//   5  u8   1: the message goes on in the channel's next frame; else 0
//   6  u16  0
//   8       payload
//
// Messages travel in fragments, so that two channels and the pings share a connection fairly.
// Constants and plain values; any thread.
#pragma once

#include <cstddef>
#include <cstdint>

namespace ringfence::agent::mesh {

enum class FrameKind : std::uint8_t {
  hello = 1,     // who I am; the first frame of either side
  welcome = 2,   // of the agent with the smaller id: this connection is the pair's
  refusal = 3,   // u8 Refusal; the connection ends
  ping = 4,      // u64 of the sender's own
  pong = 5,      // the same u64
  message = 16,  // + Channel
};
inline constexpr std::uint8_t channel_count = 2;

inline constexpr std::size_t frame_header_bytes = 8;
// 64 KiB take 0.5 ms at 1 Gbit/s: what waits behind one does not notice.
inline constexpr std::size_t fragment_bytes_max = std::size_t{64} << 10;
inline constexpr std::size_t hello_bytes_max = std::size_t{1} << 10;  // names and numbers
inline constexpr std::size_t name_bytes_max = 255;                    // a host's name
inline constexpr std::size_t address_bytes_max = 111;                 // as in the configuration

}  // namespace ringfence::agent::mesh
