// How answers look in memcached's binary protocol: as packets under the client's own opcode and
// opaque; a quiet command's expected reply is left out. Any thread.
#pragma once

#include "agent/port/reply_form.hpp"

namespace ringfence::agent::port {

[[nodiscard]] const ReplyForm& binary_form() noexcept;

}  // namespace ringfence::agent::port
