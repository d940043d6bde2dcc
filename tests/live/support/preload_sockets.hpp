// A connection under the preload whose backends are open, with one key stored, and what its tests
// ask of it: at the end all keys must have gone straight to their backends.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "tests/live/support/preloaded.hpp"

namespace ringfence::live {

class PreloadSockets : public testing::Test {
 protected:
  PreloadSockets() : client_(warm_client(host_)) {
    expect_preloaded();
    EXPECT_EQ(client_.set("k", "value"), "STORED");
    before_ = keys_through_port(host_);
  }
  ~PreloadSockets() override { EXPECT_LE(keys_through_port(host_), before_ + allowed_); }
  PreloadSockets(const PreloadSockets&) = delete;
  PreloadSockets& operator=(const PreloadSockets&) = delete;

  [[nodiscard]] int fd() const { return client_.fd(); }
  void ask(std::string_view command = "get k\r\n") const {
    ASSERT_EQ(send(fd(), command.data(), command.size(), 0), static_cast<ssize_t>(command.size()));
  }
  // Everything that comes until `size` bytes are there.
  [[nodiscard]] std::string read_all(std::size_t size) const {
    std::string all(size, '\0');
    EXPECT_EQ(recv(fd(), all.data(), size, MSG_WAITALL), static_cast<ssize_t>(size));
    return all;
  }
  void expect_hit() const { EXPECT_EQ(read_all(hit_.size()), hit_); }
  void set_nonblocking() const { ASSERT_EQ(fcntl(fd(), F_SETFL, O_NONBLOCK | O_RDWR), 0); }

  const std::string hit_ = "VALUE k 0 5\r\nvalue\r\nEND\r\n";
  PortHost host_;
  TextClient client_;
  std::uint64_t before_ = 0;
  std::uint64_t allowed_ = 0;
};

}  // namespace ringfence::live
