// The verified flush of one admission, as a script: what to send next, what to wait for, and the
// outcome. flush_all is sent exactly once; its OK alone proves nothing, so a canary that was stored
// before must be gone after it.
//
// Why it waits: memcached's flush_all counts in whole seconds. It declares dead what was stored
// before the second in which it runs, walks its lists for newer items, and skips those whose lock
// is busy. Once the server's own clock stands two seconds past the canary's second, everything that
// was stored before the canary is dead by the clock alone. An empty instance has nothing to wait
// for.
//
// Pure: replies and instants in, steps out. One script a flush; the loop's thread.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "agent/backends/dialogue.hpp"
#include "agent/core/event.hpp"
#include "shim/text/reply.hpp"

namespace ringfence::agent::backends {

class FlushScript {
 public:
  struct Step {
    enum class Kind : std::uint8_t { send, wait, finished } kind = Kind::finished;
    std::string wire;                            // send
    std::vector<shim::text::ReplyShape> shapes;  // of the replies to `wire`
    std::int64_t until_ns = 0;                   // wait
    core::FlushOutcome outcome{};                // finished
    std::string why;
  };

  // `nonce` is what the canary holds: nobody else can have stored it.
  // `is_proof` false: flush at once, without the wait that is told of above.
  FlushScript(std::string nonce, std::string claim_value, bool is_proof);

  [[nodiscard]] Step begin(std::int64_t now_ns);
  [[nodiscard]] Step on_replies(std::int64_t now_ns, Dialogue::Replies replies);
  [[nodiscard]] Step on_waited(std::int64_t now_ns);

  // After `verified`: the server as it was when the claim was written.
  [[nodiscard]] const ServerStats& stats() const { return stats_; }

 private:
  enum class Stage : std::uint8_t { set_canary, await_clock, flush, look_for_canary, claim };

  [[nodiscard]] Step canary_set(Dialogue::Replies replies);
  [[nodiscard]] Step clock_read(std::int64_t now_ns, Dialogue::Replies replies);
  [[nodiscard]] Step flushed(std::int64_t now_ns, const Reply& reply);
  [[nodiscard]] Step canary_looked_for(std::int64_t now_ns, const Reply& reply);
  [[nodiscard]] Step claimed(Dialogue::Replies replies);
  [[nodiscard]] Step ask_clock();
  [[nodiscard]] Step ask_flush();
  [[nodiscard]] Step ask_canary();
  [[nodiscard]] Step ask_claim();

  std::string nonce_, claim_value_;
  bool is_proof_;
  Stage stage_ = Stage::set_canary;
  std::int64_t canary_time_s_ = 0;
  std::int64_t give_up_ns_ = 0;
  ServerStats stats_;
};

}  // namespace ringfence::agent::backends
