// The text in which a file or a command lists backends: one address a line, perhaps with weight=N,
// '#' begins a comment. Either all of it is understood or none of it counts. Pure; any thread.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "agent/core/event.hpp"
#include "shm_layout/result.hpp"

namespace ringfence::agent::discovery {

using List = std::vector<core::WantedBackend>;

// 1,024 backends with the longest addresses and a comment each need half of it.
inline constexpr std::size_t list_bytes_max = std::size_t{512} * 1024;

struct ListRules {
  // The last line must end: a file that is still being written is cut anywhere. What a command
  // printed is whole once the command ended well.
  bool must_end = true;
  // Hosts of a fleet share every address: one on loopback would be another memcached on each.
  bool is_shared = false;
};

// Errors read "NAME:LINE: what". Of an address that stands twice the larger weight counts.
[[nodiscard]] Result<List> parse_list(std::string_view text, const std::string& name,
                                      const ListRules& rules);
// Sorted, each address once.
void make_canonical(List& list);
// The same addresses with the same weights; both canonical.
[[nodiscard]] bool are_same(const List& a, const List& b);
// Why this address cannot be shared by the hosts of a fleet; empty: it can.
[[nodiscard]] std::string why_not_shared(const std::string& address);

}  // namespace ringfence::agent::discovery
