// The ways in which applications use a connected socket: which calls move bytes, and how they are
// waited for. One thread uses one.
#pragma once

#include <sys/types.h>

#include <functional>
#include <iosfwd>
#include <memory>
#include <string_view>
#include <vector>

namespace ringfence::live {

class SocketUse {
 public:
  virtual ~SocketUse() = default;
  virtual void begin([[maybe_unused]] int fd) {}
  // As send and recv that wait: at least a byte went or came; 0: the other side closed; -1: errno.
  [[nodiscard]] virtual ssize_t send(int fd, std::string_view bytes);
  [[nodiscard]] virtual ssize_t receive(int fd, char* into, std::size_t room) = 0;
};

struct NamedUse {
  const char* name;
  bool is_understood;  // else it leaves the connection to the agent
  std::function<std::unique_ptr<SocketUse>()> make;
};
[[nodiscard]] const std::vector<NamedUse>& socket_uses();
void PrintTo(const NamedUse& use, std::ostream* out);  // for gtest

}  // namespace ringfence::live
