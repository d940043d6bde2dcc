// What must hold of the port for whatever backends answer: nothing crashes; each client is answered
// in order and well-formed, or its connection ends; no value is another key's; nothing is called
// stored or deleted that no backend acknowledged; nobody waits for longer than the time-outs.
//
// The real port with its threads and sockets, over a segment of its own, between clients and
// backends that this thread plays. Shared by the fuzzer and by a live test that runs it over random
// bytes. Aborts when something does not hold.
#pragma once

#include <poll.h>

#include <chrono>
#include <cstring>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "agent/port/port.hpp"
#include "shim/route.hpp"
#include "shm_layout/clock.hpp"
#include "shm_layout/segment_writer.hpp"
#include "tests/fuzz/merged_replies_clients.hpp"

namespace ringfence::merged_replies {

using shm_layout::SlotState;
using shm_layout::SlotWord;

constexpr std::size_t backend_count = 2;
// Longer than the port waits for a slot that moved (limits.hpp), so that this happens as well.
constexpr std::int64_t request_timeout_ms = 80;
constexpr std::int64_t change_wait_ms = 20;
// All of them together, for each time that a request may be done again, on a busy machine.
constexpr auto wait_limit = std::chrono::seconds(5);

struct Totals {
  std::size_t answered = 0, closed = 0;
};

class Arena final : private agent::port::PortEvents {
 public:
  Arena() : folder_(make_folder()) {
    for (std::size_t i = 0; i < backend_count; ++i) {
      backends_.push_back(std::make_unique<Backend>(folder_ + "/b" + std::to_string(i)));
    }
    shm_layout::SegmentIdentity identity;
    identity.cluster = "fuzz";
    identity.pool = "default";
    writer_ = must(shm_layout::SegmentWriter::open(folder_ + "/segment", identity));
    writer_->store_agent(1, 1, static_cast<std::uint32_t>(::getpid()));
    writer_->store_pool(shm_layout::PoolWord{true, 0, 0, 's', 'a'});
    writer_->begin_publish();
    for (std::uint32_t slot = 0; slot < shm_layout::slot_count; ++slot) {
      const auto owner = static_cast<std::uint16_t>(slot % backend_count);
      writer_->store_slot(slot, SlotWord{SlotState::served, owner, 1});
    }
    end_publish();
    writer_->store_state(shm_layout::SegmentState::open);
    hold_lease();
    settings_.pool = "default";
    settings_.listen = {folder_ + "/port"};
    settings_.connect_timeout = settings_.request_timeout = ms(request_timeout_ms);
    settings_.change_wait = ms(change_wait_ms);
    port_ = must(agent::port::Port::start(settings_, writer_->reader(), *this));
    for (std::size_t key = 0; key < key_count; ++key) {
      slots_.push_back(shim::route(writer_->reader(), key_name(key)).slot);
    }
  }
  ~Arena() override {
    port_.reset();
    backends_.clear();
    std::filesystem::remove_all(folder_);
  }
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;

  Totals run(std::string_view bytes) {
    Choices choices(bytes);
    begin(choices.next());
    const int client_count = 1 + choices.next() % 4;
    std::vector<std::unique_ptr<Client>> clients;
    std::uint32_t next_write = 1;
    for (int i = 0; i < client_count; ++i) {
      clients.push_back(std::make_unique<Client>(choices, next_write));
      clients.back()->connect(settings_.listen[0]);
    }
    play(clients, choices);
    Totals totals;
    for (const auto& client : clients) {
      totals.answered += client->answered_count();
      if (client->is_closed()) ++totals.closed;
    }
    clients.clear();
    for (const auto& backend : backends_) backend->close_all();
    return totals;
  }

 private:
  void on_flush_all(agent::core::RequestId /*id*/, const std::string& /*pool*/) override {}
  void on_backend_trouble(const std::string& /*pool*/, const std::string& /*address*/) override {}

  static agent::core::Duration ms(std::int64_t count) { return {count * shm_layout::ns_per_ms}; }
  template <typename T>
  static T must(Result<T> result) {
    if (!result) complain(result.error().message);
    return std::move(result).value();
  }
  static std::string make_folder() {
    std::string name = "/dev/shm/ringfence-fuzz-XXXXXX";
    if (::mkdtemp(name.data()) == nullptr) complain("no folder in /dev/shm");
    return name;
  }

  // --- the agent's part

  void hold_lease() {
    writer_->store_deadline(shm_layout::boottime_ns() + 3600 * shm_layout::ns_per_second);
  }
  void end_publish() {
    ++epoch_;
    writer_->end_publish(epoch_, epoch_);
    if (port_ != nullptr) port_->view_changed();
  }

  // New lives of the backends, so that no case suffers from the one before.
  void begin(std::uint8_t choice) {
    hold_lease();
    writer_->begin_publish();
    for (std::size_t i = 0; i < backend_count; ++i) {
      shm_layout::BackendInfo info{};
      info.family = shm_layout::AddressFamily::unix_path;
      info.weight = 1;
      info.incarnation = epoch_;
      info.serving = 1;
      const std::string& path = backends_[i]->path();
      std::memcpy(info.text, path.c_str(), path.size());
      writer_->store_backend(static_cast<std::uint32_t>(i), info);
    }
    store_slots(0);
    end_publish();
    const bool tells = choice % 2 == 1;
    if (tells == settings_.tells_get_failure) return;
    settings_.tells_get_failure = settings_.tells_store_failure = tells;
    if (!port_->apply(settings_)) complain("settings refused");
  }
  void store_slots(unsigned moves) {
    for (const std::uint32_t slot : slots_) {
      const SlotWord word = writer_->slot(slot);
      const auto owner = static_cast<std::uint16_t>((word.backend() + moves) % backend_count);
      writer_->store_slot(slot, SlotWord{SlotState::served, owner, word.generation() + 1});
    }
  }

  void change(std::uint8_t choice) {
    switch (choice % 8) {
      case 1:
        writer_->begin_publish();
        store_slots(1);
        end_publish();
        break;
      case 2:
        writer_->begin_publish();
        store_slots(0);
        end_publish();
        break;
      case 3:
        for (const std::uint32_t slot : slots_) writer_->fence_slot(slot);
        break;
      case 4:
        writer_->begin_publish();
        for (const std::uint32_t slot : slots_) {
          writer_->store_slot(slot, writer_->slot(slot).unfenced());
        }
        end_publish();
        break;
      case 5:
        writer_->store_deadline(0);
        break;
      case 6:
        hold_lease();
        port_->view_changed();
        break;
      default:
        break;
    }
  }

  // --- the turns of a case

  void play(const std::vector<std::unique_ptr<Client>>& clients, Choices& choices) {
    using Clock = std::chrono::steady_clock;
    const auto limit = Clock::now() + wait_limit;
    Acknowledged acknowledged;
    const std::uint8_t changes = choices.next() % 8;
    for (int turn = 0;; ++turn) {
      for (const auto& client : clients) client->send();
      if (turn > 0 && turn <= changes) change(choices.next());
      wait(clients);
      for (const auto& backend : backends_) {
        backend->accept();
        for (Connection& connection : backend->connections()) {
          connection.receive(choices, acknowledged);
          connection.send();
        }
        backend->sweep();
      }
      bool is_done = true;
      for (const auto& client : clients) {
        client->receive(acknowledged);
        is_done = is_done && client->is_done();
      }
      if (is_done) return;
      if (Clock::now() > limit) complain("a client waits for longer than all time-outs");
    }
  }

  void wait(const std::vector<std::unique_ptr<Client>>& clients) {
    polled_.clear();
    for (const auto& client : clients) {
      if (!client->is_done()) polled_.push_back({client->fd(), POLLIN, 0});
    }
    for (const auto& backend : backends_) {
      polled_.push_back({backend->fd(), POLLIN, 0});
      for (const Connection& connection : backend->connections()) {
        polled_.push_back({connection.fd(), POLLIN, 0});
      }
    }
    ::poll(polled_.data(), polled_.size(), 1);
  }

  std::string folder_;
  std::vector<std::unique_ptr<Backend>> backends_;
  std::unique_ptr<shm_layout::SegmentWriter> writer_;
  std::uint64_t epoch_ = 1;
  std::vector<std::uint32_t> slots_;  // of the keys
  agent::port::PortSettings settings_;
  std::unique_ptr<agent::port::Port> port_;
  std::vector<pollfd> polled_;
};

}  // namespace ringfence::merged_replies
