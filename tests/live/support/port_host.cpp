#include "tests/live/support/port_host.hpp"

#include <arpa/inet.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <stdexcept>

#include "agent/port/sockets.hpp"
#include "agent/shims/connection_places.hpp"
#include "shim/route.hpp"
#include "shm_layout/clock.hpp"

namespace ringfence::live {
namespace {

using shm_layout::SlotState;
using shm_layout::SlotWord;

constexpr std::int64_t far_ns = 3600 * shm_layout::ns_per_second;

template <typename T>
T value_or_throw(Result<T> result) {
  if (!result) throw std::runtime_error(result.error().message);
  return std::move(result).value();
}

void done_or_throw(const Status& status) {
  if (!status) throw std::runtime_error(status.error().message);
}

}  // namespace

PortHostSettings::PortHostSettings() {
  port.pool = "default";
  port.connect_timeout = agent::core::Duration{300 * shm_layout::ns_per_ms};
  port.request_timeout = agent::core::Duration{500 * shm_layout::ns_per_ms};
  port.change_wait = agent::core::Duration{500 * shm_layout::ns_per_ms};
}

void PortHostSettings::be_patient() {
  port.connect_timeout = agent::core::Duration{10 * shm_layout::ns_per_second};
  port.request_timeout = port.connect_timeout;
  port.change_wait = port.connect_timeout;
}

PortHost::PortHost(PortHostSettings settings) : dir_(TempDir::on_tmpfs()) {
  for (std::size_t i = 0; i < settings.backends; ++i) {
    memcacheds_.push_back(settings.has_unix_backends
                              ? Memcached::on_unix_socket(dir_.file("m" + std::to_string(i)))
                              : Memcached{settings.memcached_arguments});
  }
  for (const Memcached& memcached : memcacheds_) addresses_.push_back(memcached.address());
  incarnations_.resize(settings.backends, 1);
  shm_layout::SegmentIdentity identity;
  identity.cluster = "test";
  identity.pool = "default";
  writer_ = value_or_throw(shm_layout::SegmentWriter::open(dir_.file("segment"), identity));
  done_or_throw(agent::shims::make_connection_places(segment(), std::nullopt));
  writer_->store_agent(1, 1, static_cast<std::uint32_t>(getpid()));
  writer_->store_pool(shm_layout::PoolWord{settings.has_tags, 0, 0, 's', 'a'});
  publish([&] {
    for (std::size_t i = 0; i < settings.backends; ++i) store_backend(i);
    for (std::uint32_t slot = 0; slot < shm_layout::slot_count; ++slot) {
      const auto owner = static_cast<std::uint16_t>(slot % settings.backends);
      writer_->store_slot(slot, SlotWord{SlotState::served, owner, 1});
    }
  });
  writer_->store_state(shm_layout::SegmentState::open);
  writer_->store_deadline(shm_layout::boottime_ns() + far_ns);
  if (settings.port.listen.empty()) settings.port.listen = {"127.0.0.1:0"};
  listen_ = settings.port.listen;
  port_ = value_or_throw(agent::port::Port::start(settings.port, writer_->reader(), *this));
  store_port();
  writer_->store_answers(agent::port::answer_word(settings.port));
  setenv("RINGFENCE_SEGMENT", segment().c_str(), 1);  // for the preload, where tests run under it
}

PortHost::~PortHost() = default;

void PortHost::publish(const std::function<void()>& change) {
  writer_->begin_publish();
  change();
  ++epoch_;
  writer_->end_publish(epoch_, epoch_);
  if (port_ != nullptr) port_->view_changed();
}

void PortHost::store_backend(std::size_t index) {
  const std::string& address = addresses_[index];
  shm_layout::BackendInfo info{};
  info.family = shm_layout::AddressFamily::unix_path;
  info.weight = 1;
  info.incarnation = incarnations_[index];
  info.serving = 1;
  info.slot_count = static_cast<std::uint32_t>(epoch_);
  if (!address.starts_with('/')) {
    const std::size_t colon = address.rfind(':');
    info.family = shm_layout::AddressFamily::inet4;
    info.port = static_cast<std::uint16_t>(std::stoul(address.substr(colon + 1)));
    inet_pton(AF_INET, address.substr(0, colon).c_str(), info.ip);
  }
  std::memcpy(info.text, address.c_str(), address.size());
  writer_->store_backend(static_cast<std::uint32_t>(index), info);
}

// As the agent does, for who overlays the port or overflows to it.
void PortHost::store_port() {
  const auto address = value_or_throw(agent::port::parse_address(port_->addresses().front()));
  const auto& inet4 = reinterpret_cast<const sockaddr_in&>(address.storage);
  shm_layout::InterceptInfo info{};
  info.family = shm_layout::AddressFamily::inet4;
  info.port = ntohs(inet4.sin_port);
  std::memcpy(info.ip, &inet4.sin_addr, sizeof(inet4.sin_addr));
  writer_->store_intercept(0, info);
}

std::size_t PortHost::owner_of(const std::string& key) const {
  return shim::route(writer_->reader(), key).backend();
}

std::string PortHost::key_on(std::size_t backend, const std::string& stem) const {
  for (int i = 0;; ++i) {
    std::string key = stem + std::to_string(i);
    if (owner_of(key) == backend) return key;
  }
}

void PortHost::reconfigure(const agent::port::PortSettings& settings) {
  agent::port::PortSettings next = settings;
  next.listen = listen_;
  if (Status applied = port_->apply(next); !applied)
    throw std::runtime_error(applied.error().message);
  writer_->store_answers(agent::port::answer_word(next));
}

void PortHost::fence_slots_of(std::size_t backend) {
  for (std::uint32_t slot = 0; slot < shm_layout::slot_count; ++slot) {
    if (writer_->slot(slot).backend() == backend) writer_->fence_slot(slot);
  }
}

void PortHost::fence_all() {
  for (std::uint32_t slot = 0; slot < shm_layout::slot_count; ++slot) writer_->fence_slot(slot);
}

void PortHost::move_slots(std::size_t backend, std::size_t taker) {
  publish([&] {
    for (std::uint32_t slot = 0; slot < shm_layout::slot_count; ++slot) {
      const SlotWord word = writer_->slot(slot);
      if (word.backend() != backend) continue;
      writer_->store_slot(slot, SlotWord{SlotState::served, static_cast<std::uint16_t>(taker),
                                         word.generation() + 1});
    }
  });
}

void PortHost::move_slot_of(const std::string& key, std::size_t taker) {
  const std::uint32_t slot = shim::route(writer_->reader(), key).slot;
  publish([&] {
    writer_->store_slot(slot, SlotWord{SlotState::served, static_cast<std::uint16_t>(taker),
                                       writer_->slot(slot).generation() + 1});
  });
}

void PortHost::unfence_all() {
  publish([&] {
    for (std::uint32_t slot = 0; slot < shm_layout::slot_count; ++slot) {
      writer_->store_slot(slot, writer_->slot(slot).unfenced());
    }
  });
}

void PortHost::publish_unowned(std::size_t backend) {
  publish([&] {
    for (std::uint32_t slot = 0; slot < shm_layout::slot_count; ++slot) {
      const SlotWord word = writer_->slot(slot);
      if (word.backend() != backend) continue;
      writer_->store_slot(slot, SlotWord{SlotState::unowned, 0, word.generation() + 1});
    }
  });
}

void PortHost::raise_generations() {
  publish([&] {
    for (std::uint32_t slot = 0; slot < shm_layout::slot_count; ++slot) {
      const SlotWord word = writer_->slot(slot);
      writer_->store_slot(slot, SlotWord{SlotState::served, word.backend(), word.generation() + 1});
    }
  });
}

void PortHost::renew_record(std::size_t backend) {
  publish([&] {
    ++incarnations_[backend];
    store_backend(backend);
  });
}

void PortHost::rewrite_record(std::size_t backend) {
  publish([&] { store_backend(backend); });
}

void PortHost::replace_backend(std::size_t backend, const std::string& address) {
  addresses_[backend] = address;
  renew_record(backend);
}

void PortHost::end_lease() {
  writer_->store_deadline(0);
}

void PortHost::renew_lease() {
  writer_->store_deadline(shm_layout::boottime_ns() + far_ns);
  port_->view_changed();
}

void PortHost::close_segment() {
  writer_->store_state(shm_layout::SegmentState::closed);
}

std::vector<std::uint64_t> PortHost::flush_ids() const {
  const std::lock_guard lock(mutex_);
  return flush_ids_;
}

void PortHost::on_flush_all(agent::core::RequestId id, const std::string& /*pool*/) {
  const std::lock_guard lock(mutex_);
  flush_ids_.push_back(id.value);
}

void PortHost::on_backend_trouble(const std::string& /*pool*/, const std::string& /*address*/) {
  // Relaxed: a count that tests wait for.
  trouble_count_.fetch_add(1, std::memory_order_relaxed);
}

}  // namespace ringfence::live
