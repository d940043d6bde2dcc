// Faults of the local port that were found, each as the client saw it.
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>

#include "tests/live/support/port_host.hpp"

namespace ringfence::live {
namespace {

using namespace std::chrono_literals;

// Takes connections on `address` in the kernel and says nothing.
class SilentListener {
 public:
  explicit SilentListener(const std::string& address) : fd_(::socket(AF_INET, SOCK_STREAM, 0)) {
    const int on = 1;
    ::setsockopt(fd_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    sockaddr_in where{};
    where.sin_family = AF_INET;
    where.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const std::string port = address.substr(address.rfind(':') + 1);
    where.sin_port = htons(static_cast<std::uint16_t>(std::stoi(port)));
    is_listening_ = ::bind(fd_, reinterpret_cast<sockaddr*>(&where), sizeof(where)) == 0 &&
                    ::listen(fd_, 8) == 0;
  }
  ~SilentListener() { ::close(fd_); }
  SilentListener(const SilentListener&) = delete;
  SilentListener& operator=(const SilentListener&) = delete;
  [[nodiscard]] bool is_listening() const { return is_listening_; }

 private:
  int fd_;
  bool is_listening_ = false;
};

TEST(Regression, ClientThatSentFlushAllNoreplyAloneIsReadFromAgain) {
  PortHost host;
  TextClient client = host.client(5s);

  client.send("flush_all noreply\r\n");
  ASSERT_TRUE(wait_until([&] { return host.flush_ids().size() == 1; }));
  host.port().answer_flush_all(agent::core::RequestId{host.flush_ids()[0]}, true, {});
  pass(20ms);

  EXPECT_EQ(client.get("k"), std::nullopt);
}

TEST(Regression, ClientOfMoreNoreplySetsThanItsWindowIsReadFromAgain) {
  PortHost host;
  TextClient client = host.client(5s);
  std::string sets;
  for (int i = 0; i < 400; ++i) sets += "set key" + std::to_string(i) + " 0 0 1 noreply\r\nv\r\n";

  client.send(sets);
  ASSERT_TRUE(wait_until([&] { return host.client().get("key399") == "v"; }));
  pass(20ms);

  EXPECT_EQ(client.get("key399"), "v");
}

TEST(Regression, UnsentDeleteTriedAgainOnASilentBackendStillEndsInTime) {
  PortHost host;
  TextClient client = host.client(5s);
  const std::string key = host.key_on(0);
  host.memcached(0).kill();

  client.send("delete " + key + "\r\n");
  pass(100ms);  // it is parked, and tried again now and then
  const SilentListener silent{host.memcached(0).address()};
  ASSERT_TRUE(silent.is_listening());

  EXPECT_TRUE(client.read_line().starts_with("SERVER_ERROR ringfence"));
}

TEST(Regression, UnsentDeleteIsNotTriedAgainBehindALaterSet) {
  PortHost host;
  TextClient client = host.client(5s);
  const std::string key = host.key_on(0);
  host.memcached(0).kill();

  client.send("delete " + key + "\r\nset " + key + " 0 0 1\r\nv\r\n");
  pass(50ms);
  host.memcached(0).restart();

  EXPECT_TRUE(client.read_line().starts_with("SERVER_ERROR ringfence"));
  EXPECT_EQ(client.read_line(), "NOT_STORED");
  EXPECT_EQ(host.memcached(0).stat("delete_misses"), 0U);
}

TEST(Regression, SecondLapseOfTheLeaseIsWaitedOutLikeTheFirst) {
  PortHost host;
  TextClient client = host.client(5s);
  host.end_lease();
  EXPECT_EQ(client.set("k", "v"), "NOT_STORED");
  host.renew_lease();  // no request comes now
  pass(50ms);

  host.end_lease();
  client.send("set k 0 0 1\r\nv\r\n");
  pass(50ms);
  host.renew_lease();

  EXPECT_EQ(client.read_line(), "STORED");
}

}  // namespace
}  // namespace ringfence::live
