// How answers look in the classic text protocol (memcached's protocol.txt). Any thread.
#pragma once

#include "agent/port/reply_form.hpp"

namespace ringfence::agent::port {

[[nodiscard]] const ReplyForm& text_form() noexcept;

}  // namespace ringfence::agent::port
