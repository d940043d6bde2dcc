// One plain connection to a local port, as any application has it. What was not answered in time
// closes it; the next request opens another. One thread.
#pragma once

#include <netinet/in.h>

#include <cstddef>
#include <string>
#include <string_view>

#include "tests/live/netns/cache.hpp"

namespace netns {

class Wire {
 public:
  explicit Wire(const std::string& target);  // ip:port
  ~Wire() { drop(); }
  Wire(const Wire&) = delete;
  Wire& operator=(const Wire&) = delete;

  // False: it is not answered, or not in time.
  bool send(std::string_view bytes);
  bool read_line(std::string& line);  // without its end; values hold none, so a value is a line too
  bool read(std::size_t count, std::string& bytes);
  // Nothing came, or nothing that can be understood: closes it.
  Answer lost();
  // A line that no command answers with. An error in words leaves the connection in order.
  Answer failed(const std::string& line);

 private:
  void drop();
  bool connect_now();
  bool fill();

  sockaddr_in address_{};
  int fd_ = -1;
  std::string buffer_;
};

}  // namespace netns
