// Who is measured: a client of several memcacheds that has a way of its own to do without one of
// them. One thread at a time.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace ringfence::bench {

struct Answer {
  bool is_answered = false;          // false: an error, a time-out, a connection that ended
  std::optional<std::string> value;  // nothing: a miss
};

class Contender {
 public:
  virtual ~Contender() = default;
  [[nodiscard]] virtual Answer get(const std::string& key) = 0;
  [[nodiscard]] virtual bool set(const std::string& key, const std::string& value) = 0;
  // What the memcacheds know it by.
  [[nodiscard]] virtual std::string key_on_server(const std::string& key) { return key; }
};

struct Kind {
  std::string name;                       // with its settings; bench/failover/section.sh knows it
  std::chrono::seconds return_limit{15};  // how long a return is waited for
  std::function<std::unique_ptr<Contender>(const std::vector<std::string>& memcacheds)> make;
};

[[nodiscard]] Kind ringfence_kind();
[[nodiscard]] std::vector<Kind> twemproxy_kinds();     // none where it is not installed
[[nodiscard]] std::vector<Kind> libmemcached_kinds();  // likewise

}  // namespace ringfence::bench
