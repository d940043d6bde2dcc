// What fleet-level tests share: an agent over some memcacheds with times short enough to test with,
// and the keys that a backend owns.
#pragma once

#include <string>
#include <vector>

#include "tests/live/support/agent.hpp"
#include "tests/live/support/memcached.hpp"

namespace ringfence::live {

// Keys of [[pool]]: back soon after a loss, and no budget in the way. The times that guarantee
// something (probe_timeout, lease) keep their defaults.
extern const char* const impatient_pool;

[[nodiscard]] AgentSettings impatient(const std::vector<Memcached>& memcacheds);

// Keys "key-0", "key-1"... that `address` owns now.
[[nodiscard]] std::vector<std::string> keys_owned_by(const Agent& agent, const std::string& address,
                                                     std::size_t count);

// Whether a process stands still (SIGSTOP) now.
[[nodiscard]] bool is_stopped(pid_t pid);

// Whether a process has ended, be it that nobody has collected it yet.
[[nodiscard]] bool is_gone(pid_t pid);

// Sets until STORED, for while a change of the view may be under way; throws after the limit.
void set_until_stored(TextClient& client, const std::string& key, const std::string& value);

}  // namespace ringfence::live
