// How answers look to a client: one form for each protocol. The dispatcher decides what is told,
// the form decides in which words. Stateless: one object serves all threads.
#pragma once

#include <string_view>

#include "agent/port/counters.hpp"
#include "agent/port/request.hpp"
#include "shim/reply_text.hpp"
#include "shim/text/reply.hpp"

namespace ringfence::agent::port {

using shim::ReplyText;

class ReplyForm {
 public:
  // What stands before and behind a value's bytes.
  virtual void begin_value(const Request& request, const shim::text::ReplyEvent& header,
                           ReplyText& out) const noexcept = 0;
  [[nodiscard]] virtual std::string_view end_of_value() const noexcept = 0;
  // (The end of a reply of many values is its client's to add.)
  virtual void miss(const Request& request, ReplyText& out) const noexcept = 0;
  // A backend's whole reply without a value, as it came (a line without its end, or a packet).
  virtual void line(const Request& request, std::string_view line,
                    ReplyText& out) const noexcept = 0;
  [[nodiscard]] virtual Outcome outcome_of(const Request& request,
                                           std::string_view line) const noexcept = 0;
  // The truthful answer to a delete, touch, incr or decr whose slot has a new generation.
  virtual void not_found(const Request& request, ReplyText& out) const noexcept = 0;
  // A store that was not done.
  virtual void not_stored(const Request& request, ReplyText& out) const noexcept = 0;
  // `why`: a line of shim/text/port_answers.hpp.
  virtual void failure(const Request& request, std::string_view why,
                       ReplyText& out) const noexcept = 0;
  // A flush_all that took effect; meta commands have none.
  virtual void flushed(const Request& /*request*/, ReplyText& out) const noexcept {
    out.add("OK\r\n");
  }

 protected:
  ~ReplyForm() = default;  // nobody owns one by its base
};

}  // namespace ringfence::agent::port
