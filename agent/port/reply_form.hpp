// How answers look to a client: one form for each protocol. The dispatcher decides what is told,
// the form decides in which words. Stateless: one object serves all threads.
#pragma once

#include <array>
#include <string_view>

#include "agent/port/counters.hpp"
#include "agent/port/request.hpp"
#include "shim/text/reply.hpp"
#include "shim/wire_key.hpp"

namespace ringfence::agent::port {

// A short piece of a reply: all but values. What does not fit is left out, which no form comes to:
// a backend's line and a key are bounded by their parsers.
class ReplyText {
 public:
  void add(std::string_view part) noexcept {
    const std::size_t fitting = part.size() < room() ? part.size() : room();
    part.copy(text_.data() + size_, fitting);
    size_ += fitting;
  }
  [[nodiscard]] std::string_view view() const noexcept { return {text_.data(), size_}; }

 private:
  [[nodiscard]] std::size_t room() const noexcept { return text_.size() - size_; }

  std::array<char, shim::text::reply_line_bytes_max + 2 * shim::key_bytes_max + 64> text_;
  std::size_t size_ = 0;
};

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
