// The rules of a request's way (design, section 6): where it goes, whether a reply may be believed,
// what happens when the view changes under it or its backend is lost, and what the client is told.
//
//  - A reply is accepted only while its ticket holds. A reply that does not validate may be
//    validated again later, as if it had arrived then: an equal slot word under a living lease
//    means that nothing happened in between, because generations only grow.
//  - A miss may always be told. A get is done again under a new view, else it is a miss.
//  - A write is done again only under a new tag, and only if its client sent no later request for
//    that slot; never when its value was streamed. Nothing is repeated under one tag.
//  - delete, touch, incr, decr whose outcome is unknown wait for the next generation of their slot:
//    at the moment of its activation the slot was empty, so NOT_FOUND is the truth. (Tags only.)
//  - Nothing that may be lost is reported as done.
// Its I/O thread only.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "agent/port/chunk.hpp"
#include "agent/port/request.hpp"
#include "shim/reply_text.hpp"
#include "shim/route.hpp"
#include "shim/text/reply.hpp"
#include "shim/ticket.hpp"

namespace ringfence::agent::port {

class IoThread;

enum class ValueFate : std::uint8_t {
  deliver,
  hold,             // until the lease is renewed
  discard,          // the view changed: asked again, or a miss
  discard_as_miss,  // no room for it
};
enum class LossKind : std::uint8_t {
  unreachable,  // nothing of it left this host, and its backend does not take connections
  not_sent,     // nothing of it left this host, and the connection ended
  broken,       // the connection ended
  silent,       // no answer within the time
  moved,        // nor for a while, and its slot has another generation: a reply would be too late
};

class Dispatcher {
 public:
  explicit Dispatcher(IoThread& thread) : thread_(thread) {}

  // Routes, then sends, parks or answers.
  void submit(Request& request);
  void submit(std::span<Request* const> requests);

  // What a backend said. `arrival` was made when it had arrived.
  void on_line(Request& request, std::string_view line, const shim::ArrivalCheck& arrival);
  [[nodiscard]] ValueFate on_value(Request& request, const shim::text::ReplyEvent& header,
                                   const shim::ArrivalCheck& arrival);
  void on_value_bytes(Request& request, ValueFate fate, const ChunkRef& chunk,
                      std::string_view bytes);
  void on_value_done(Request& request, ValueFate fate);
  void on_miss(Request& request);
  void on_refused(Request& request);  // a get: an error came instead of values
  // Its backend will not answer.
  void on_lost(Request& request, LossKind kind);

  // Its slot has another generation than the request's: under tags its old keys are out of reach.
  [[nodiscard]] bool has_moved(const Request& request) const noexcept;

  void view_changed();
  [[nodiscard]] bool tick(std::uint64_t now_ms);  // true while one is parked
  void forget(Client& client);                    // answers what it has parked, to nobody

 private:
  [[nodiscard]] bool may_send(const Request& request) const noexcept;
  [[nodiscard]] bool must_wait_behind(const Request& request) const noexcept;
  void refuse(Request& request);
  void send(Request& request);
  void park(Request& request, Park why);
  void unpark(Request& request);
  void resume(Request& request);
  [[nodiscard]] bool may_try_again(const Request& request);
  // Whether the client sent something later that this request, done again, would come behind.
  [[nodiscard]] static bool has_later_in_slot(const Request& request);
  void expire(Request& request);

  void dispatch(Request& request);
  [[nodiscard]] static shim::TicketStatus status_of(const Request& request,
                                                    const shim::ArrivalCheck& arrival) noexcept;
  void judge_reply(Request& request);
  void judge_outcome(Request& request);
  void redo_or_fail(Request& request);
  void redo(Request& request);

  void count(const Request& request, std::string_view line);
  void count_hit(const Request& request);
  void finish(Request& request, const shim::ReplyText& text);
  void finish_line(Request& request, std::string_view line);
  void finish_value(Request& request);
  void fail(Request& request, std::string_view why);
  void fail_get(Request& request, std::string_view why);
  void finish_moved(Request& request);

  IoThread& thread_;
  ParkedOfThread parked_;
  std::uint64_t lapsed_since_ms_ = 0;  // since when no route could be taken at all; 0: it can
};

}  // namespace ringfence::agent::port
