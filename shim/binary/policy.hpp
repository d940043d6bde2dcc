// By the rules of which classic command a binary one goes its way. Pure; any thread.
#pragma once

#include <cstdint>
#include <string_view>

#include "shim/binary/packet.hpp"
#include "shim/text/request.hpp"

namespace ringfence::shim::binary {

// A cas makes any of set, add and replace a cas, as in memcached.
[[nodiscard]] text::Verb policy_of(const Header& header) noexcept;

// Whether a get that failed may be told as an error. There are clients that take one among quiet
// gets for the end of them all.
[[nodiscard]] bool may_tell_failure(Opcode get) noexcept;

// Whether the answer "not found" cannot be: incr and decr that begin with a value where there is
// none. `extras` as the client sent them.
[[nodiscard]] bool creates_number(text::Verb policy, std::string_view extras) noexcept;

}  // namespace ringfence::shim::binary
