#include "bench/client/fleet.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <thread>
#include <vector>

#include "shm_layout/clock.hpp"

namespace ringfence::bench {
namespace {

using shm_layout::SlotState;
using shm_layout::SlotWord;

constexpr std::int64_t lease_ns = 24 * 3600 * shm_layout::ns_per_second;
constexpr std::chrono::seconds start_limit{5};

[[noreturn]] void fail(const std::string& what) {
  throw std::runtime_error(what + ": " + std::strerror(errno));
}

sockaddr_in loopback(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

int try_to_connect(std::uint16_t port) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const sockaddr_in address = loopback(port);
  if (connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) return fd;
  close(fd);
  return -1;
}

// One that was free a moment ago.
std::uint16_t free_port() {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address = loopback(0);
  socklen_t size = sizeof address;
  if (bind(fd, reinterpret_cast<sockaddr*>(&address), size) != 0 ||
      getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) != 0) {
    fail("bind");
  }
  close(fd);
  return ntohs(address.sin_port);
}

void end_server(pid_t pid) {
  if (pid <= 0) return;
  kill(pid, SIGKILL);
  waitpid(pid, nullptr, 0);
}

// Ends with this thread. Waits until it takes connections; returns its pid.
pid_t start_server(const std::vector<std::string>& arguments, std::uint16_t port) {
  std::vector<char*> words;
  for (const std::string& word : arguments) words.push_back(const_cast<char*>(word.c_str()));
  words.push_back(nullptr);
  const pid_t pid = fork();
  if (pid == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    execvp(words[0], words.data());
    _exit(127);
  }
  if (pid < 0) fail("fork");
  const auto end = std::chrono::steady_clock::now() + start_limit;
  for (int fd = -1; (fd = try_to_connect(port)) < 0;) {
    if (std::chrono::steady_clock::now() > end) {
      end_server(pid);
      fail(arguments[0] + " on port " + std::to_string(port));
    }
    std::this_thread::sleep_for(std::chrono::milliseconds{5});
  }
  return pid;
}

}  // namespace

int connect_to_port(std::uint16_t port) {
  const int fd = try_to_connect(port);
  if (fd < 0) fail("connect to port " + std::to_string(port));
  const int yes = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
  return fd;
}

Fleet::Fleet() {
  dir_ = std::filesystem::is_directory("/dev/shm") ? "/dev/shm" : "/tmp";
  dir_ += "/ringfence-bench.XXXXXX";
  if (mkdtemp(dir_.data()) == nullptr) fail("mkdtemp " + dir_);
  segment_ = dir_ + "/segment";
  for (std::size_t i = 0; i < server_count; ++i) start_memcached(i);
  start_proxy();
  write_segment();
}

Fleet::~Fleet() {
  end_server(proxy_pid_);
  for (const pid_t pid : pids_) end_server(pid);
  std::error_code ignored;
  std::filesystem::remove_all(dir_, ignored);
}

void Fleet::start_memcached(std::size_t server) {
  ports_[server] = free_port();
  std::vector<std::string> arguments = {
      "memcached", "-U",  "0",  "-l", "127.0.0.1", "-p", std::to_string(ports_[server]),
      "-m",        "256", "-t", "1"};
  if (geteuid() == 0) arguments.insert(arguments.end(), {"-u", "root"});  // or it refuses to run
  pids_[server] = start_server(arguments, ports_[server]);
}

// As its users configure it: ketama, one connection a server.
void Fleet::start_proxy() {
  const char* path = "/usr/sbin/nutcracker";
  if (access(path, X_OK) != 0) return;
  proxy_port_ = free_port();
  const std::string file = dir_ + "/nutcracker.yml";
  std::ofstream settings(file);
  settings << "bench:\n  listen: 127.0.0.1:" << proxy_port_
           << "\n  hash: fnv1a_64\n  distribution: ketama\n  auto_eject_hosts: false\n"
              "  preconnect: true\n  servers:\n";
  for (const std::uint16_t port : ports_) settings << "   - 127.0.0.1:" << port << ":1\n";
  settings.close();
  proxy_pid_ =
      start_server({path, "-c", file, "-o", dir_ + "/nutcracker.log", "-p",
                    dir_ + "/nutcracker.pid", "-a", "127.0.0.1", "-s", std::to_string(free_port())},
                   proxy_port_);
}

void Fleet::write_segment() {
  shm_layout::SegmentIdentity identity;
  identity.cluster = "bench";
  identity.pool = "default";
  auto opened = shm_layout::SegmentWriter::open(segment_, identity);
  if (!opened) throw std::runtime_error(opened.error().message);
  writer_ = std::move(opened).value();
  writer_->store_agent(1, 1, static_cast<std::uint32_t>(getpid()));
  writer_->store_pool(shm_layout::PoolWord{true, 0, 0, 's', 'a'});
  writer_->begin_publish();
  for (std::size_t i = 0; i < server_count; ++i) {
    shm_layout::BackendInfo info{};
    info.family = shm_layout::AddressFamily::inet4;
    info.port = ports_[i];
    info.weight = info.serving = 1;
    info.incarnation = 1;
    info.slot_count = shm_layout::slot_count / server_count;
    inet_pton(AF_INET, "127.0.0.1", info.ip);
    const std::string text = "127.0.0.1:" + std::to_string(ports_[i]);
    std::memcpy(info.text, text.c_str(), text.size());
    writer_->store_backend(static_cast<std::uint32_t>(i), info);
  }
  for (std::uint32_t slot = 0; slot < shm_layout::slot_count; ++slot) {
    const auto owner = static_cast<std::uint16_t>(slot % server_count);
    writer_->store_slot(slot, SlotWord{SlotState::served, owner, 1000});
  }
  writer_->end_publish(1, 1);
  writer_->store_state(shm_layout::SegmentState::open);
  writer_->store_deadline(shm_layout::boottime_ns() + lease_ns);
}

}  // namespace ringfence::bench
