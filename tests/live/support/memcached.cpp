#include "tests/live/support/memcached.hpp"

#include <unistd.h>

#include <stdexcept>
#include <utility>

namespace ringfence::live {
namespace {

bool does_answer(const std::string& address) {
  const int fd = connect_to(address);
  if (fd < 0) {
    return false;
  }
  close(fd);
  return TextClient{address}.ask("version").starts_with("VERSION");
}

}  // namespace

Memcached::Memcached(std::vector<std::string> arguments)
    : Memcached("127.0.0.1:" + std::to_string(free_port()), std::move(arguments)) {}

Memcached Memcached::on_unix_socket(const std::string& path) {
  return Memcached{path, {}};
}

Memcached Memcached::at(const std::string& address) {
  return Memcached{address, {}};
}

Memcached::Memcached(std::string address, std::vector<std::string> arguments)
    : address_(std::move(address)), argv_{"memcached", "-U", "0", "-m", "16", "-t", "1"} {
  if (geteuid() == 0) {
    argv_.insert(argv_.end(), {"-u", "root"});  // or it refuses to run, and to use a test's socket
  }
  if (address_.starts_with('/')) {
    argv_.insert(argv_.end(), {"-s", address_});
  } else {
    const std::size_t colon = address_.rfind(':');
    argv_.insert(argv_.end(), {"-l", address_.substr(0, colon), "-p", address_.substr(colon + 1)});
  }
  argv_.insert(argv_.end(), arguments.begin(), arguments.end());
  start();
}

void Memcached::start() {
  child_.emplace(argv_, "/dev/null");
  const bool is_up = wait_until([this] { return does_answer(address_) || !child_->is_running(); });
  if (!is_up || !child_->is_running()) {
    throw std::runtime_error("memcached on " + address_ + " did not start");
  }
}

void Memcached::kill() {
  child_->kill_and_wait();
}

void Memcached::restart() {
  start();
}

std::vector<Memcached> start_memcacheds(std::size_t count) {
  std::vector<Memcached> memcacheds;
  memcacheds.reserve(count);
  for (std::size_t i = 0; i < count; ++i) {
    memcacheds.emplace_back();
  }
  return memcacheds;
}

std::vector<std::string> addresses_of(const std::vector<Memcached>& memcacheds) {
  std::vector<std::string> addresses;
  addresses.reserve(memcacheds.size());
  for (const Memcached& memcached : memcacheds) {
    addresses.push_back(memcached.address());
  }
  return addresses;
}

Memcached& at_address(std::vector<Memcached>& memcacheds, const std::string& address) {
  for (Memcached& memcached : memcacheds) {
    if (memcached.address() == address) {
      return memcached;
    }
  }
  throw std::runtime_error("no memcached of this test is at " + address);
}

}  // namespace ringfence::live
