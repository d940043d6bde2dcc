// The flush_all commands of a thread's clients that wait for the daemon's answer. A client takes no
// further command meanwhile. Its I/O thread only.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "agent/port/request.hpp"
#include "shim/reply_text.hpp"

namespace ringfence::agent::port {

class IoThread;

class Flushes {
 public:
  explicit Flushes(IoThread& thread) : thread_(thread) {}
  void begin(Request& request);
  // An id that is not waited for here is another thread's, or its client went away.
  void answer(std::uint64_t id, bool is_ok, const std::string& text);
  void forget(Client& client);
  [[nodiscard]] bool tick(std::uint64_t now_ms);  // true while one waits

 private:
  struct Waiting {
    std::uint64_t id;
    std::uint64_t until_ms;
    Request* request;
  };
  // Takes it off the list; its client goes on.
  [[nodiscard]] Request& take(std::size_t position);
  static void finish(Request& request, const shim::ReplyText& text);
  void fail(std::size_t position, const std::string& line);

  IoThread& thread_;
  std::vector<Waiting> waiting_;
};

}  // namespace ringfence::agent::port
