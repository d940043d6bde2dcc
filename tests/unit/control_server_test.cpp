// The control socket's server on a loop of its own: what it refuses and what it bounds.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include <uv.h>

#include <filesystem>
#include <string>
#include <vector>

#include "agent/control/commands.hpp"
#include "agent/control/control.hpp"

namespace ringfence::agent::control {
namespace {

class ControlServerTest : public testing::Test {
 protected:
  void SetUp() override {
    directory_ = std::filesystem::temp_directory_path() / ("control-" + std::to_string(getpid()));
    std::filesystem::create_directories(directory_);
    path_ = directory_ / "control.sock";
    uv_loop_init(&loop_);
    auto server = ControlServer::start(
        &loop_, path_,
        [this](const Peer& peer, const std::string& request, const ControlServer::Reply& reply) {
          peers_.push_back(peer);
          requests_.push_back(request);
          reply(R"({"ok":true})");
        });
    ASSERT_TRUE(server) << server.error().message;
    server_ = std::move(server).value();
  }
  void TearDown() override {
    for (const int fd : fds_) close(fd);
    server_->close([] {});
    uv_run(&loop_, UV_RUN_DEFAULT);
    server_.reset();
    uv_loop_close(&loop_);
    std::filesystem::remove_all(directory_);
  }

  [[nodiscard]] int connect_client() {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path_.copy(address.sun_path, path_.size());
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    EXPECT_EQ(connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
    fds_.push_back(fd);
    return fd;
  }
  // Turns the loop until a line came or the server closed (empty).
  [[nodiscard]] std::string read_line(int fd) {
    std::string line;
    for (int turn = 0; turn < 1000; ++turn) {
      uv_run(&loop_, UV_RUN_NOWAIT);
      char c = 0;
      const ssize_t count = recv(fd, &c, 1, MSG_DONTWAIT);
      if (count == 0) return line;
      if (count < 0) continue;
      if (c == '\n') return line;
      line += c;
      --turn;
    }
    return line;
  }

  uv_loop_t loop_{};
  std::filesystem::path directory_;
  std::string path_;
  std::unique_ptr<ControlServer> server_;
  std::vector<int> fds_;
  std::vector<Peer> peers_;
  std::vector<std::string> requests_;
};

void send_text(int fd, const std::string& text) {
  ASSERT_EQ(send(fd, text.data(), text.size(), MSG_NOSIGNAL), static_cast<ssize_t>(text.size()));
}

TEST_F(ControlServerTest, RequestInTwoPiecesThenOneReply) {
  const int fd = connect_client();
  send_text(fd, R"({"command":)");
  uv_run(&loop_, UV_RUN_NOWAIT);
  send_text(fd, "\"status\"}\n");
  EXPECT_EQ(read_line(fd), R"({"ok":true})");
  EXPECT_EQ(requests_, std::vector<std::string>{R"({"command":"status"})"});
}

TEST_F(ControlServerTest, TwoRequestsInOnePieceThenTwoReplies) {
  const int fd = connect_client();
  send_text(fd, "{}\n{}\n");
  EXPECT_EQ(read_line(fd), R"({"ok":true})");
  EXPECT_EQ(read_line(fd), R"({"ok":true})");
}

TEST_F(ControlServerTest, BadJsonThenErrorAndTheHandlerNeverSeesIt) {
  const int fd = connect_client();
  for (const char* line : {"not json\n", "[1]\n", "\n", "{\"a\":\n"}) {
    send_text(fd, line);
    EXPECT_NE(read_line(fd).find("\"ok\":false"), std::string::npos) << line;
  }
  EXPECT_TRUE(requests_.empty());
}

TEST_F(ControlServerTest, LineOver64KiBThenErrorAndClosed) {
  const int fd = connect_client();
  send_text(fd, std::string(66 * 1024, 'x'));
  EXPECT_NE(read_line(fd).find("64 KiB"), std::string::npos);
  EXPECT_EQ(read_line(fd), "");
  EXPECT_TRUE(requests_.empty());
}

TEST_F(ControlServerTest, OwnProcessThenCredentialsMayChange) {
  const int fd = connect_client();
  send_text(fd, "{}\n");
  ASSERT_NE(read_line(fd), "");
  EXPECT_EQ(peers_.at(0).pid, getpid());
  EXPECT_EQ(peers_.at(0).uid, geteuid());
  EXPECT_TRUE(peers_.at(0).may_change);
}

TEST_F(ControlServerTest, SocketFileThenOthersHaveNoRights) {
  struct stat found {};
  ASSERT_EQ(stat(path_.c_str(), &found), 0);
  EXPECT_EQ(found.st_mode & 0777U, 0660U);
}

TEST_F(ControlServerTest, ManyClientsThenThoseOverTheLimitAreClosed) {
  for (int i = 0; i < 65; ++i) static_cast<void>(connect_client());
  for (int turn = 0; turn < 10; ++turn) uv_run(&loop_, UV_RUN_NOWAIT);
  char c = 0;
  EXPECT_EQ(recv(fds_.back(), &c, 1, MSG_DONTWAIT), 0);
  send_text(fds_.front(), "{}\n");
  EXPECT_EQ(read_line(fds_.front()), R"({"ok":true})");
}

TEST_F(ControlServerTest, SocketInUseThenErrorNamesTheOther) {
  const auto second = ControlServer::start(&loop_, path_, {});
  ASSERT_FALSE(second);
  EXPECT_NE(second.error().message.find("pid " + std::to_string(getpid())), std::string::npos);
}

TEST_F(ControlServerTest, FileThatIsNoSocketThenErrorAndItStays) {
  const std::string path = directory_ / "file";
  close(open(path.c_str(), O_CREAT | O_CLOEXEC, 0600));
  const auto second = ControlServer::start(&loop_, path, {});
  ASSERT_FALSE(second);
  EXPECT_TRUE(std::filesystem::exists(path));
}

}  // namespace
}  // namespace ringfence::agent::control
