// What must hold of the mesh's frames and greetings for any bytes, however they are cut. Shared by
// the fuzzer and by a unit test that runs it over random bytes. Aborts when something does not
// hold.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "agent/mesh/framing.hpp"
#include "agent/mesh/hello.hpp"

namespace ringfence::agent::mesh {

inline constexpr std::size_t tried_message_bytes_max = 3000;

inline void require(bool holds) {
  if (!holds) std::abort();
}

// Everything the reader says of `bytes` that arrive in pieces of `piece_bytes`.
inline std::string frame_story(std::string_view bytes, std::size_t piece_bytes, bool is_open) {
  FrameReader reader(tried_message_bytes_max);
  if (is_open) reader.open_channels();
  std::string story;
  std::size_t arrived_bytes = 0;
  while (!bytes.empty()) {
    const std::string piece(bytes.substr(0, piece_bytes));  // a read past its end shows
    bytes.remove_prefix(piece.size());
    arrived_bytes += piece.size();
    std::string_view input = piece;
    while (true) {
      Frame frame;
      const FrameReader::Step step = reader.next(input, frame);
      // Strings grow by doubling, and begin with room for some: never by what a header promises.
      require(reader.held_bytes() <= 2 * arrived_bytes + 128);
      if (step == FrameReader::Step::failed)
        return story + "!" + std::string(describe(reader.error()));
      if (step == FrameReader::Step::need_more) break;
      require(frame.bytes.size() <= std::max(tried_message_bytes_max, hello_bytes_max));
      story += std::to_string(static_cast<int>(frame.kind)) + "." + std::to_string(frame.channel) +
               ":" + frame.bytes + ";";
    }
    require(input.empty());
  }
  return story;
}

inline void try_hello(std::string_view bytes) {
  const std::string exact(bytes);
  const DecodedHello decoded = decode_hello(exact);
  if (decoded.refusal) return;
  const Hello& hello = decoded.hello;
  require(hello.peer.id.value != 0 && hello.oldest <= hello.newest);
  require(hello.cluster.size() <= 63 && hello.peer.name.size() <= name_bytes_max &&
          hello.peer.address.size() <= address_bytes_max);
  // One greeting has one encoding, but for what a newer agent adds.
  require(exact.starts_with(encode_hello(hello)));
}

// The first byte says how the rest is cut, and whether the greeting is over.
inline void try_mesh(std::string_view bytes) {
  try_hello(bytes);
  if (bytes.empty()) return;
  const auto first = static_cast<unsigned char>(bytes[0]);
  bytes.remove_prefix(1);
  const bool is_open = first % 2 == 1;
  require(frame_story(bytes, 1 + first / 2, is_open) ==
          frame_story(bytes, bytes.size() + 1, is_open));
}

}  // namespace ringfence::agent::mesh
