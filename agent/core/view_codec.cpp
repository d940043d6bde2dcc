#include "agent/core/view_codec.hpp"

#include <bit>
#include <cstdint>
#include <cstring>
#include <utility>

#include "agent/core/entry.hpp"
#include "shm_layout/layout.hpp"

namespace ringfence::agent::core {
namespace {

using shm_layout::backend_count_max;
using shm_layout::slot_count;
using shm_layout::SlotState;

// Slots are written as their raw bytes: 512 KiB at memory speed.
static_assert(std::endian::native == std::endian::little);
static_assert(sizeof(SlotWord) == 8);
constexpr std::size_t slots_bytes = std::size_t{slot_count} * sizeof(SlotWord);

void write_backend(ByteWriter& out, const Backend& backend) {
  out.u16(backend.index);
  out.text(backend.address);
  out.u32(backend.weight);
  out.u8(static_cast<std::uint8_t>(backend.status));
  out.u64(backend.incarnation);
}

Backend read_backend(ByteReader& in) {
  Backend backend;
  backend.index = in.u16();
  backend.address = in.text(address_bytes_max);
  backend.weight = in.u32();
  backend.status = static_cast<BackendStatus>(in.u8_at_most(1));
  backend.incarnation = in.u64();
  if (backend.index >= backend_count_max || backend.weight > weight_max) in.fail();
  return backend;
}

void write_pool_head(ByteWriter& out, const Pool& pool) {
  out.text(pool.name);
  write_options(out, pool.options);
  out.u64(pool.next_backend_incarnation);
  out.u16(pool.next_backend_index);
  out.u32(static_cast<std::uint32_t>(pool.backends.size()));
  for (const Backend& backend : pool.backends) write_backend(out, backend);
}

void write_slots(ByteWriter& out, const SlotTable& slots) {
  for (std::size_t i = 0; i < slots.block_count(); ++i) {
    const SlotTable::Words& words = slots.block(i);
    out.raw({reinterpret_cast<const char*>(words.data()), sizeof(words)});
  }
}

SlotTable read_slots(std::string_view raw) {
  std::vector<SlotWord> words(slot_count);
  std::memcpy(static_cast<void*>(words.data()), raw.data(), slots_bytes);
  return SlotTable(words);
}

bool are_slots_sane(const Pool& pool) {
  std::vector<bool> is_serving(std::size_t{UINT16_MAX} + 1, false);
  for (const Backend& backend : pool.backends) {
    if (backend.status == BackendStatus::serving) is_serving[backend.index] = true;
  }
  for (const SlotWord slot : pool.slots) {
    if (slot.is_fenced()) return false;
    if (slot.state() == SlotState::unowned) continue;
    if (slot.state() != SlotState::served || !is_serving[slot.backend()]) return false;
  }
  return true;
}

Pool read_pool(ByteReader& in) {
  Pool pool;
  pool.name = in.text(pool_name_bytes_max);
  pool.options = read_options(in);
  pool.next_backend_incarnation = in.u64();
  pool.next_backend_index = in.u16();
  if (pool.next_backend_index >= backend_count_max) in.fail();
  const std::uint32_t backend_count = in.count(backend_count_max, 1);
  for (std::uint32_t i = 0; i < backend_count && in.is_ok(); ++i) {
    pool.backends.push_back(read_backend(in));
    if (i > 0 && pool.backends[i - 1].index >= pool.backends[i].index) in.fail();
  }
  const std::string_view raw = in.raw(slots_bytes);
  if (!in.is_ok()) return pool;
  pool.slots = read_slots(raw);
  if (!are_slots_sane(pool)) in.fail();
  return pool;
}

void write_view_head(ByteWriter& out, const View& view) {
  for (const std::uint8_t byte : view.cluster_id) out.u8(byte);
  out.u64(view.epoch.value);
  out.u32(static_cast<std::uint32_t>(view.agents.size()));
  for (const Agent& agent : view.agents) {
    write_agent(out, agent);
  }
  out.u32(static_cast<std::uint32_t>(view.pools.size()));
}

}  // namespace

void write_view(ByteWriter& out, const View& view) {
  write_view_head(out, view);
  for (const Pool& pool : view.pools) {
    write_pool_head(out, pool);
    write_slots(out, pool.slots);
  }
}

void write_view_summary(ByteWriter& out, const View& view) {
  write_view_head(out, view);
  for (const Pool& pool : view.pools) {
    write_pool_head(out, pool);
    out.u64(pool.slots.digest());
  }
}

View read_view(ByteReader& in) {
  View view;
  for (std::uint8_t& byte : view.cluster_id) byte = in.u8();
  view.epoch = Epoch{in.u64()};
  const std::uint32_t agent_count = in.count(agent_count_max, 37);
  for (std::uint32_t i = 0; i < agent_count && in.is_ok(); ++i) {
    Agent agent = read_agent(in);
    if (i > 0 && view.agents.back().id >= agent.id) in.fail();
    view.agents.push_back(std::move(agent));
  }
  const std::uint32_t pool_count = in.count(pool_count_max, slots_bytes);
  for (std::uint32_t i = 0; i < pool_count && in.is_ok(); ++i) {
    view.pools.push_back(read_pool(in));
    if (i > 0 && view.pools[i - 1].name >= view.pools[i].name) in.fail();
  }
  return view;
}

}  // namespace ringfence::agent::core
