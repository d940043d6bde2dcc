// What a client process of the live proof talks to: the local port, the linked library, or another
// library that ringfence is compared with. One thread; one call at a time.
#pragma once

#include <memory>
#include <string>

namespace netns {

enum class Answer : char {
  done = 'o',      // stored, deleted
  not_done = 'n',  // NOT_STORED, NOT_FOUND
  hit = 'h',
  miss = 'm',
  failed = 'e',      // an error was reported: a write may or may not have happened
  unanswered = 'u',  // nothing came: the same
};

class Cache {
 public:
  Cache() = default;
  virtual ~Cache() = default;
  Cache(const Cache&) = delete;
  Cache& operator=(const Cache&) = delete;

  virtual Answer get(const std::string& key, std::string& value) = 0;
  virtual Answer set(const std::string& key, const std::string& value) = 0;
  virtual Answer add(const std::string& key, const std::string& value) = 0;
  virtual Answer erase(const std::string& key) = 0;
};

// `kind` port: `target` is ip:port. Each program knows one or two kinds; null: not this one.
std::unique_ptr<Cache> open_cache(const std::string& kind, const std::string& target);
std::unique_ptr<Cache> open_port(const std::string& target);

}  // namespace netns
