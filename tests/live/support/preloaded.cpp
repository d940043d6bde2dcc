#include "tests/live/support/preloaded.hpp"

#include <dlfcn.h>
#include <sys/socket.h>

#include <cstdlib>
#include <stdexcept>
#include <string_view>

#include "tests/live/support/sanitized.hpp"

namespace ringfence::live {
namespace {

// What a test starts is not built with its sanitizer, whose run time the preload would bring along.
[[maybe_unused]] const bool is_alone = is_sanitized && unsetenv("LD_PRELOAD") == 0;

}  // namespace

void expect_preloaded() {
  Dl_info info{};
  const bool is_found =
      dladdr(dlsym(RTLD_DEFAULT, "recv"), &info) != 0 && info.dli_fname != nullptr;
  if (!is_found ||
      std::string_view(info.dli_fname).find("ringfence-preload") == std::string_view::npos) {
    throw std::runtime_error("run this test with LD_PRELOAD=libringfence-preload.so");
  }
}

std::uint64_t keys_through_port(PortHost& host) {
  const agent::port::PortCounters counters = host.port().counters();
  return counters.cmd_get + counters.cmd_set + counters.cmd_touch + counters.delete_hits +
         counters.delete_misses + counters.incr_hits + counters.incr_misses;
}

TextClient warm_client(PortHost& host) {
  TextClient client = host.client();
  for (std::size_t i = 0; i < host.size(); ++i) {
    const std::string key = host.key_on(i, "warm");
    // Until an answer that the port did not see.
    const bool is_warm = wait_until([&] {
      const std::uint64_t before = keys_through_port(host);
      return !client.get(key).has_value() && keys_through_port(host) == before;
    });
    if (!is_warm) throw std::runtime_error("the connection to a backend does not open");
  }
  return client;
}

}  // namespace ringfence::live
