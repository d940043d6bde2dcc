// How requests of meta commands look: to a backend, and their answers to a client.
// Stateless; any thread.
#pragma once

#include <string_view>

#include "agent/port/reply_form.hpp"
#include "agent/port/request.hpp"
#include "shim/meta/command.hpp"

namespace ringfence::agent::port {

// One for each command: it knows which.
[[nodiscard]] const ReplyForm& meta_form(shim::meta::Verb verb) noexcept;

// The command that a request was made of. The request's form is one of meta_form()'s.
[[nodiscard]] shim::meta::Command meta_command_of(const Request& request) noexcept;

// The line that goes to a backend, in pieces; a set's value follows it.
template <typename Out>
void write_meta_command(Out&& out, const Request& request, std::string_view wire_key,
                        std::size_t value_bytes) {
  shim::meta::write_command(out, meta_command_of(request), wire_key, value_bytes);
}

}  // namespace ringfence::agent::port
