// What the protocols of a client share when they take commands from its input.
// Its client's I/O thread only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace ringfence::agent::port {

class Client;

enum class Take : std::uint8_t {
  taken,      // a command, or a part of one; ask again
  need_more,  // no whole command
  blocked,    // the client's bounds or a barrier: ask again when one of its requests was answered
};

inline constexpr std::string_view bad_data_chunk = "CLIENT_ERROR bad data chunk\r\n";
inline constexpr std::string_view reserved_key =
    "CLIENT_ERROR keys that begin with ringfence! are reserved\r\n";

// Whether only the agent itself may use the key. (With tags on, the tag keeps the two apart.)
[[nodiscard]] bool is_reserved(Client& client, std::string_view key);
// Whether a value is streamed rather than held: a large one, or one for which no memory is left.
[[nodiscard]] bool is_streamed(Client& client, std::size_t value_bytes);

}  // namespace ringfence::agent::port
