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

// `target` is ip:port of a local port, or what the library takes. Null: this program does not know
// that kind.
std::unique_ptr<Cache> open_cache(const std::string& kind, const std::string& target);
// The kinds text, meta and binary: a local port, by each of its protocols.
std::unique_ptr<Cache> open_text(const std::string& target);
std::unique_ptr<Cache> open_meta(const std::string& target);
std::unique_ptr<Cache> open_binary(const std::string& target);

}  // namespace netns
