// Answers the command at the head of the queue from what has arrived: which reply belongs to it,
// whether it may be believed, and what the application is told.
//
//  - A reply is accepted only while its ticket holds.
//  - A get whose value may not be believed, or will not come, fails, as does a store: a miss and
//    NOT_STORED, or an error where the pool asks for one.
//  - An answer without a value that may not be believed waits, bounded, for a lease, or for the end
//    of a change that moves nothing.
//  - delete, touch, incr, decr whose outcome is unknown wait as long for the next generation of
//    their slot: at the moment of its activation the slot was empty, so NOT_FOUND is the truth.
//    (Tags only.) Else they are an error.
//  - Once a part of a value went out there is no way back: the rest, or a broken connection.
//
// Pure but for the clock and the segment that tickets are judged by. The receiving side.
#pragma once

#include <cstdint>

#include "shim/preload/entry.hpp"
#include "shim/preload/sink.hpp"
#include "shim/preload/words.hpp"
#include "shim/route.hpp"

namespace ringfence::shim::preload {

enum class Step : std::uint8_t {
  done,        // the answer is whole
  need_bytes,  // of `inbox`
  full,        // the application's buffer
  waiting,     // for the view
  broken,      // a part of a value went out, and the rest is lost
};
struct Stepped {
  Step step = Step::done;
  Inbox* inbox = nullptr;
};

// What became of keys, for the counters.
struct Tally {
  std::uint32_t hits = 0;
  std::uint32_t misses = 0;
  std::uint32_t refused_by_lease = 0;  // answers that came when the lease had ended
  std::uint32_t refused_by_fence = 0;  // that came when the slot had moved, or was about to
  std::uint32_t timed_out = 0;
};

class Answering {
 public:
  // `wait_end_ns`: of the session's last wait for the view, on the coarse clock; 0: there was none.
  Answering(Entry& entry, Sink& sink, Tally& tally, std::int64_t& wait_end_ns) noexcept
      : entry_(entry), sink_(sink), tally_(tally), wait_end_ns_(wait_end_ns) {}

  [[nodiscard]] Stepped run();
  // Some of the value that is arriving was received straight into the sink.
  void received_value(std::size_t count) noexcept;

 private:
  [[nodiscard]] Stepped local();
  [[nodiscard]] Stepped retrieval();
  [[nodiscard]] bool tell_whole_hit();
  [[nodiscard]] bool next_key(Stepped& stepped);
  [[nodiscard]] Stepped end_of_retrieval();
  [[nodiscard]] bool read_end(Part& part, Stepped& stepped);
  [[nodiscard]] bool begin_value_of_key(Part& part, const text::ReplyEvent& event,
                                        const text::ReplyParser& probe);
  void take_error(const Part& part, std::string_view line);
  [[nodiscard]] std::string_view end_of_keys() const noexcept;
  [[nodiscard]] Stepped single();
  [[nodiscard]] Stepped take_line(std::string_view line);
  [[nodiscard]] Stepped tell_line(std::string_view line);
  [[nodiscard]] Stepped value_is_over();
  [[nodiscard]] Stepped value();
  [[nodiscard]] Stepped line();
  [[nodiscard]] Stepped stats();
  [[nodiscard]] Stepped stat_packets();
  [[nodiscard]] Stepped lost();
  [[nodiscard]] Stepped begin_wait();
  [[nodiscard]] Stepped wait();

  void begin_value(const Key& key, const Part& part, const text::ReplyEvent& header);
  [[nodiscard]] text::ReplyEvent next_event(Inbox& inbox, std::string_view bytes) noexcept;
  [[nodiscard]] TicketStatus judge(const Key& key, const Part& part) noexcept;
  [[nodiscard]] Stepped tell(const ReplyText& words);
  [[nodiscard]] Stepped miss();
  // By itself: applications' stacks may be small, and so its words are on them for no longer.
  [[nodiscard, gnu::noinline]] Stepped fail(std::string_view why);
  static void break_off(Inbox& inbox) noexcept;

  Entry& entry_;
  Sink& sink_;
  Tally& tally_;
  std::int64_t& wait_end_ns_;
};

}  // namespace ringfence::shim::preload
