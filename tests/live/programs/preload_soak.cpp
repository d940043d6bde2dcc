// An application with plain sockets and many threads, to be run with the preload library: 9 gets to
// a set, each answer looked at, each thread with a connection of its own that it closes and opens
// again as it goes.
//   preload_soak PORT THREADS OPERATIONS CONNECTS
// Prints "warm KIB FILES" after a fifth of the operations, "end KIB FILES" after all of them, with
// all connections open, and "closed KIB FILES" behind them: resident memory, open descriptors. Then
// it waits for SIGTERM. Exits with 1 on a wrong answer, which it shows.
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <barrier>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <memory>
#include <random>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace {

constexpr std::size_t keys_of_thread = 40;
constexpr std::size_t sizes_max = 3000;
constexpr int patience_ms = 30'000;

struct Plan {
  std::uint16_t port;
  std::size_t threads, operations, connects;
};

class Connection {
 public:
  // Every second one does not block, and polls.
  Connection(std::uint16_t port, bool polls) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    fd_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
      throw std::runtime_error(std::string("connect: ") + std::strerror(errno));
    }
    const int on = 1;
    setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    flags_ = polls ? MSG_DONTWAIT : 0;
  }
  ~Connection() { close(fd_); }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // The answer, up to and with `end`.
  std::string ask(const std::string& command, const std::string& end) {
    std::size_t sent = 0;
    while (sent < command.size()) {
      const ssize_t count =
          send(fd_, command.data() + sent, command.size() - sent, MSG_NOSIGNAL | flags_);
      if (count < 0) await(POLLOUT, "send");
      if (count > 0) sent += static_cast<std::size_t>(count);
    }
    std::string answer;
    std::array<char, 8192> chunk{};
    while (!answer.ends_with(end) && !answer.starts_with("SERVER_ERROR")) {
      const ssize_t count = recv(fd_, chunk.data(), chunk.size(), flags_);
      if (count == 0) throw std::runtime_error("closed after '" + answer + "'");
      if (count < 0) await(POLLIN, "recv");
      if (count > 0) answer.append(chunk.data(), static_cast<std::size_t>(count));
    }
    return answer;
  }

 private:
  void await(short events, const char* what) const {
    pollfd waiting{fd_, events, 0};
    if (errno == EAGAIN && flags_ != 0 && poll(&waiting, 1, patience_ms) > 0) return;
    throw std::runtime_error(std::string(what) + ": " + std::strerror(errno));
  }

  int fd_ = -1;
  int flags_ = 0;
};

std::string value_of(std::size_t number, std::size_t size) {
  std::string value = std::to_string(number) + ":";
  value.resize(std::max(size, value.size()), 'x');
  return value;
}

class Worker {
 public:
  Worker(const Plan& plan, std::size_t index)
      : plan_(plan), index_(index), random_(static_cast<unsigned>(index)) {}

  void work(std::size_t operations) {
    const std::size_t between = std::max<std::size_t>(plan_.operations / plan_.connects, 1);
    for (std::size_t i = 0; i < operations; ++i, ++done_) {
      if (done_ % between == 0 || !connection_) {
        connection_ = std::make_unique<Connection>(plan_.port, index_ % 2 == 1);
      }
      step();
    }
  }
  void close() { connection_.reset(); }

 private:
  void step() {
    const std::size_t key = random_() % keys_of_thread;
    const std::string name = process_ + "-" + std::to_string(index_) + "-" + std::to_string(key);
    Stored& stored = stored_[key];
    if (!stored.is_there || random_() % 10 == 0) {
      stored = {true, done_, random_() % sizes_max};
      const std::string value = value_of(stored.number, stored.size);
      const std::string line = name + " 0 0 " + std::to_string(value.size());
      expect(connection_->ask("set " + line + "\r\n" + value + "\r\n", "\r\n"), "STORED\r\n", name);
      return;
    }
    const std::string value = value_of(stored.number, stored.size);
    expect(connection_->ask("get " + name + "\r\n", "END\r\n"),
           "VALUE " + name + " 0 " + std::to_string(value.size()) + "\r\n" + value + "\r\nEND\r\n",
           name);
  }
  struct Stored {
    bool is_there = false;
    std::size_t number = 0, size = 0;
  };
  static void expect(const std::string& answer, const std::string& wanted, const std::string& key) {
    if (answer == wanted) return;
    throw std::runtime_error(key + ": '" + answer.substr(0, 100) + "' instead of '" +
                             wanted.substr(0, 100) + "'");
  }

  const Plan& plan_;
  const std::string process_ = "soak-" + std::to_string(getpid());  // its keys are its own
  const std::size_t index_;
  std::mt19937 random_;
  std::size_t done_ = 0;
  std::unique_ptr<Connection> connection_;
  std::array<Stored, keys_of_thread> stored_{};
};

void print(const char* when) {
  std::ifstream status("/proc/self/status");
  long resident_kib = 0;
  for (std::string word; status >> word;) {
    if (word == "VmRSS:") status >> resident_kib;
  }
  std::size_t files = 0;
  for ([[maybe_unused]] const auto& file : std::filesystem::directory_iterator("/proc/self/fd")) {
    ++files;
  }
  std::printf("%s %ld %zu\n", when, resident_kib, files - 1);  // less the one that looks
  std::fflush(stdout);
}

void run(const Plan& plan) {
  std::barrier meeting(static_cast<std::ptrdiff_t>(plan.threads) + 1);
  const auto meet_twice = [&meeting] {  // the main thread looks between the two
    meeting.arrive_and_wait();
    meeting.arrive_and_wait();
  };
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < plan.threads; ++i) {
    threads.emplace_back([&, i] {
      Worker worker(plan, i);
      try {
        const std::size_t operations = plan.operations / plan.threads;
        worker.work(operations / 5);
        meet_twice();
        worker.work(operations - operations / 5);
        meet_twice();
      } catch (const std::exception& error) {
        std::printf("wrong: thread %zu: %s\n", i, error.what());
        std::exit(1);
      }
    });
  }
  for (const char* when : {"warm", "end"}) {
    meeting.arrive_and_wait();
    print(when);
    meeting.arrive_and_wait();
  }
  for (std::thread& thread : threads) thread.join();
  print("closed");
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 5) {
    std::fprintf(stderr, "usage: preload_soak PORT THREADS OPERATIONS CONNECTS\n");
    return 64;
  }
  sigset_t ending;
  sigemptyset(&ending);
  sigaddset(&ending, SIGTERM);
  sigprocmask(SIG_BLOCK, &ending, nullptr);
  run({static_cast<std::uint16_t>(std::atoi(argv[1])), std::strtoul(argv[2], nullptr, 10),
       std::strtoul(argv[3], nullptr, 10), std::strtoul(argv[4], nullptr, 10)});
  int number = 0;
  sigwait(&ending, &number);
  return 0;
}
