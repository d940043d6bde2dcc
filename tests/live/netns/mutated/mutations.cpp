// ringfenced with one rule broken, to see that a live run and its checker notice. The program is
// the agent's own objects, unchanged; the linker leads calls of a few functions here (--wrap), and
// NETNS_MUTATION says which of them do wrong:
//   unfenced      fences are acknowledged and not set
//   impatient     a new leader takes the leases of earlier ones for ended
//   one_tag       generations are not raised: all slots are published with the first one
//   unflushed     what is sent in place of flush_all is answered OK and flushes nothing
// NETNS_LATE_MS: this host publishes each view so much later, which a right fleet must bear; it
// stretches the moments in which a wrong one is wrong.
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "agent/backends/connection.hpp"
#include "agent/core/leader.hpp"
#include "shm_layout/segment_writer.hpp"

namespace {

using ringfence::agent::backends::Connection;
using ringfence::agent::core::Instant;
using ringfence::agent::core::Leader;
using ringfence::shm_layout::SegmentWriter;
using ringfence::shm_layout::SlotState;
using ringfence::shm_layout::SlotWord;

constexpr std::int64_t longer_than_a_lease_ns = 60'000'000'000;
constexpr unsigned us_per_ms = 1000;

std::string_view text_of(const char* name) {
  const char* text = std::getenv(name);
  return text == nullptr ? "" : text;
}

bool is_mutated(std::string_view mutation) {
  static const std::string_view chosen = text_of("NETNS_MUTATION");
  return chosen == mutation;
}

// A private member of a class that must not know of this: access is not checked where a template is
// instantiated explicitly.
template <auto Member>
struct Reach {
  friend Instant& elected_at(Leader& leader) { return leader.*Member; }
};
Instant& elected_at(Leader& leader);
template struct Reach<&Leader::elected_at_>;

}  // namespace

// Member functions as functions, `this` first (Itanium C++ ABI). What they wrap must exist, or this
// does not link.
#define REAL(symbol) asm("__real_" symbol)
#define WRAPPED(symbol) asm("__wrap_" symbol)

#define FENCE "_ZN9ringfence10shm_layout13SegmentWriter10fence_slotEj"
void real_fence(SegmentWriter* writer, std::uint32_t slot) noexcept REAL(FENCE);
void fence(SegmentWriter* writer, std::uint32_t slot) noexcept WRAPPED(FENCE);
void fence(SegmentWriter* writer, std::uint32_t slot) noexcept {
  if (!is_mutated("unfenced")) real_fence(writer, slot);
}

#define STORE "_ZN9ringfence10shm_layout13SegmentWriter10store_slotEjNS0_8SlotWordE"
void real_store(SegmentWriter* writer, std::uint32_t slot, SlotWord word) noexcept REAL(STORE);
void store(SegmentWriter* writer, std::uint32_t slot, SlotWord word) noexcept WRAPPED(STORE);
void store(SegmentWriter* writer, std::uint32_t slot, SlotWord word) noexcept {
  if (is_mutated("unfenced")) word = word.unfenced();  // fences that a publication keeps
  if (is_mutated("one_tag") && word.state() == SlotState::served) {
    const SlotWord first(SlotState::served, word.backend(), 1);
    word = word.is_fenced() ? first.fenced() : first;
  }
  real_store(writer, slot, word);
}

#define PUBLISH "_ZN9ringfence10shm_layout13SegmentWriter13begin_publishEv"
void real_publish(SegmentWriter* writer) noexcept REAL(PUBLISH);
void publish(SegmentWriter* writer) noexcept WRAPPED(PUBLISH);
void publish(SegmentWriter* writer) noexcept {
  const std::string_view late_ms = text_of("NETNS_LATE_MS");
  if (!late_ms.empty()) usleep(static_cast<unsigned>(std::atoi(late_ms.data())) * us_per_ms);
  real_publish(writer);
}

#define ELECTED "_ZN9ringfence5agent4core6Leader13on_leadershipEb"
void real_elected(Leader* leader, bool is_leader) REAL(ELECTED);
void elected(Leader* leader, bool is_leader) WRAPPED(ELECTED);
void elected(Leader* leader, bool is_leader) {
  real_elected(leader, is_leader);
  if (is_leader && is_mutated("impatient")) elected_at(*leader).ns -= longer_than_a_lease_ns;
}

#define SEND                                                                                \
  "_ZN9ringfence5agent8backends10Connection4sendESt17basic_string_viewIcSt11char_traitsIcE" \
  "E"
void real_send(Connection* connection, std::string_view bytes) REAL(SEND);
void send_to_backend(Connection* connection, std::string_view bytes) WRAPPED(SEND);
void send_to_backend(Connection* connection, std::string_view bytes) {
  // The canary is gone and the answer is OK: as from a server that takes flush_all for a no-op, and
  // is not found out.
  const bool is_flush = bytes == "flush_all\r\n" && is_mutated("unflushed");
  real_send(connection, is_flush ? "delete ringfence!canary noreply\r\nverbosity 1\r\n" : bytes);
}
