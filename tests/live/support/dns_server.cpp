#include "tests/live/support/dns_server.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <stdexcept>
#include <utility>

namespace ringfence::live {
namespace {

constexpr std::size_t header_bytes = 12;
constexpr std::uint16_t type_a = 1;
constexpr std::uint16_t type_aaaa = 28;
constexpr char code_server_failure = 2;

void put_u16(std::string& out, std::uint16_t value) {
  out += static_cast<char>(value >> 8U);
  out += static_cast<char>(value & 0xffU);
}

// Where the question ends: behind its name, type and class. 0: it is none.
std::size_t end_of_question(const std::string& packet) {
  std::size_t at = header_bytes;
  while (at < packet.size() && packet[at] != 0) at += static_cast<unsigned char>(packet[at]) + 1U;
  const std::size_t end = at + 5;
  return end <= packet.size() ? end : 0;
}

std::string record(const std::string& ip, std::uint16_t type, std::uint32_t ttl_s) {
  char bytes[16] = {};
  const bool is_ip4 = type == type_a;
  if (inet_pton(is_ip4 ? AF_INET : AF_INET6, ip.c_str(), bytes) != 1) return {};
  const std::uint16_t size = is_ip4 ? 4 : 16;
  std::string made;
  put_u16(made, 0xc000U | header_bytes);  // the question's name
  put_u16(made, type);
  put_u16(made, 1);  // Internet
  put_u16(made, static_cast<std::uint16_t>(ttl_s >> 16U));
  put_u16(made, static_cast<std::uint16_t>(ttl_s & 0xffffU));
  put_u16(made, size);
  made.append(bytes, size);
  return made;
}

}  // namespace

DnsServer::DnsServer(std::vector<std::string> ips, std::uint32_t ttl_s)
    : ttl_s_(ttl_s), ips_(std::move(ips)) {
  socket_ = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  sockaddr_in own{};
  own.sin_family = AF_INET;
  own.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof own;
  auto* generic = reinterpret_cast<sockaddr*>(&own);
  if (bind(socket_, generic, size) != 0 || getsockname(socket_, generic, &size) != 0) {
    throw std::runtime_error("the DNS server has no port");
  }
  address_ = "127.0.0.1:" + std::to_string(ntohs(own.sin_port));
  thread_ = std::thread([this] { run(); });
}

DnsServer::~DnsServer() {
  is_ending_.store(true, std::memory_order_relaxed);
  thread_.join();
  close(socket_);
}

void DnsServer::set(std::vector<std::string> ips) {
  const std::lock_guard lock(mutex_);
  ips_ = std::move(ips);
}

void DnsServer::set(Mood mood) {
  const std::lock_guard lock(mutex_);
  mood_ = mood;
}

void DnsServer::run() {
  constexpr int turn_ms = 20;
  while (!is_ending_.load(std::memory_order_relaxed)) {
    pollfd waited{socket_, POLLIN, 0};
    if (poll(&waited, 1, turn_ms) <= 0) continue;
    char bytes[1500];
    sockaddr_storage asker{};
    socklen_t size = sizeof asker;
    auto* generic = reinterpret_cast<sockaddr*>(&asker);
    const ssize_t got = recvfrom(socket_, bytes, sizeof bytes, 0, generic, &size);
    if (got <= 0) continue;
    question_count_.fetch_add(1);
    const std::string answer = answer_to({bytes, static_cast<std::size_t>(got)});
    if (!answer.empty()) (void)sendto(socket_, answer.data(), answer.size(), 0, generic, size);
  }
}

std::string DnsServer::answer_to(const std::string& question) {
  const std::lock_guard lock(mutex_);
  const std::size_t end = end_of_question(question);
  if (mood_ == Mood::is_silent || end == 0) return {};
  const auto type = static_cast<std::uint16_t>(static_cast<unsigned char>(question[end - 4]) << 8U |
                                               static_cast<unsigned char>(question[end - 3]));
  const bool fails =
      mood_ == Mood::fails || (mood_ == Mood::answers_ip4_alone && type == type_aaaa);
  std::string records;
  std::uint16_t count = 0;
  for (const std::string& ip : ips_) {
    const bool is_ip6 = ip.find(':') != std::string::npos;
    if (fails || type != (is_ip6 ? type_aaaa : type_a)) continue;
    records += record(ip, type, ttl_s_);
    ++count;
  }
  std::string answer = question.substr(0, 2);
  answer += static_cast<char>(0x81);                              // an answer, recursion wished for
  answer += static_cast<char>(static_cast<unsigned char>(0x80) |  // and available
                              (fails ? code_server_failure : 0));
  put_u16(answer, 1);  // question
  put_u16(answer, count);
  put_u16(answer, 0);
  put_u16(answer, 0);
  return answer + question.substr(header_bytes, end - header_bytes) + records;
}

}  // namespace ringfence::live
