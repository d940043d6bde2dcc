// A DNS server for one name, on a UDP port of 127.0.0.1, whose answers a test changes while others
// ask. Its own thread answers.
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace ringfence::live {

class DnsServer {
 public:
  enum class Mood : std::uint8_t { answers, answers_ip4_alone, fails, is_silent };

  // Of `ips`, IPv4 ones are its A records and the others its AAAA records.
  explicit DnsServer(std::vector<std::string> ips, std::uint32_t ttl_s = 1);
  ~DnsServer();
  DnsServer(const DnsServer&) = delete;
  DnsServer& operator=(const DnsServer&) = delete;

  void set(std::vector<std::string> ips);
  void set(Mood mood);
  [[nodiscard]] const std::string& address() const { return address_; }
  [[nodiscard]] std::uint64_t question_count() const { return question_count_.load(); }

 private:
  void run();
  [[nodiscard]] std::string answer_to(const std::string& question);

  int socket_ = -1;
  std::string address_;
  std::uint32_t ttl_s_;
  std::mutex mutex_;
  std::vector<std::string> ips_;                  // under mutex_
  Mood mood_ = Mood::answers;                     // under mutex_
  std::atomic<bool> is_ending_{false};            // relaxed: only ends the loop
  std::atomic<std::uint64_t> question_count_{0};  // a count
  std::thread thread_;
};

}  // namespace ringfence::live
