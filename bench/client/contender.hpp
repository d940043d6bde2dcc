// Who is compared: each does the same three things with the same keys, its own way.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "bench/client/fleet.hpp"

namespace ringfence::bench {

inline constexpr std::size_t key_bytes = 32;
inline constexpr std::size_t value_bytes = 100;
inline constexpr std::size_t batch_keys = 100;   // of a get of many
inline constexpr std::size_t batch_sets = 1000;  // of a set of many

using Keys = std::vector<std::string>;

class Contender {
 public:
  virtual ~Contender() = default;
  [[nodiscard]] virtual std::string_view name() const = 0;
  // Stores `value` under every key, where this contender will look for it. Prepares what it may
  // prepare: nothing of this is timed.
  virtual void fill(const Keys& keys, const std::string& value) = 0;

  // The bytes of the values that were read; all throw where a server does not answer.
  virtual std::size_t get(std::size_t key) = 0;
  virtual std::size_t get_many(std::size_t batch) = 0;  // keys batch * batch_keys and following
  // Stores keys batch * batch_sets and following again, each acknowledged.
  virtual void set_many(std::size_t batch) = 0;
};

// To servers that share the keys in turns; to a proxy, which shares them by itself, as one.
[[nodiscard]] std::unique_ptr<Contender> make_hand_written(std::string_view name,
                                                           std::span<const std::uint16_t> ports);
[[nodiscard]] std::unique_ptr<Contender> make_linked_client(const Fleet& fleet);
[[nodiscard]] std::unique_ptr<Contender> make_libmemcached(const Fleet& fleet);  // null without it

}  // namespace ringfence::bench
