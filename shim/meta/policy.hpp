// By the rules of which classic command a meta command goes its way. Pure; any thread.
#pragma once

#include "shim/meta/request.hpp"
#include "shim/text/request.hpp"

namespace ringfence::shim::meta {

// A get that changes something is never repeated: one that touches, creates, or may win the right
// to fetch the value anew.
[[nodiscard]] text::Verb policy_of(const Request& request) noexcept;

// Whether the answer "not found" cannot be: a counter that is to be made when there is none.
[[nodiscard]] bool creates_number(const Command& command) noexcept;

}  // namespace ringfence::shim::meta
