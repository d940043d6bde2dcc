// A port without a daemon: real memcacheds, a segment that the test itself writes, and the Port.
// The test plays the agent: it fences, publishes, lets the lease lapse. One thread uses it.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "agent/port/port.hpp"
#include "shm_layout/segment_writer.hpp"
#include "tests/live/support/memcached.hpp"
#include "tests/live/support/temp_dir.hpp"
#include "tests/live/support/text_client.hpp"

namespace ringfence::live {

struct PortHostSettings {
  std::size_t backends = 2;
  bool has_tags = true;
  bool has_unix_backends = false;  // memcacheds on unix sockets; else on TCP
  std::vector<std::string> memcached_arguments;
  agent::port::PortSettings port;  // listen empty: 127.0.0.1:0

  PortHostSettings();
  // Where no backend fails, none should seem to on a machine that is busy.
  void be_patient();
};

class PortHost final : private agent::port::PortEvents {
 public:
  explicit PortHost(PortHostSettings settings = {});
  ~PortHost() override;
  PortHost(const PortHost&) = delete;
  PortHost& operator=(const PortHost&) = delete;

  [[nodiscard]] agent::port::Port& port() { return *port_; }
  [[nodiscard]] std::string address() const { return port_->addresses().front(); }
  [[nodiscard]] std::string segment() const { return dir_.file("segment"); }
  [[nodiscard]] TextClient client(Milliseconds timeout = patience) const {
    return TextClient{address(), timeout};
  }
  [[nodiscard]] Memcached& memcached(std::size_t index) { return memcacheds_[index]; }
  [[nodiscard]] std::size_t size() const { return memcacheds_.size(); }

  // Which backend a key goes to now, and a key that goes to a given one.
  [[nodiscard]] std::size_t owner_of(const std::string& key) const;
  [[nodiscard]] std::string key_on(std::size_t backend, const std::string& stem = "key") const;

  // As a reload would: all but the addresses.
  void reconfigure(const agent::port::PortSettings& settings);

  // The agent's part. Each one wakes the port.
  void fence_slots_of(std::size_t backend);
  void fence_all();
  // Everything that `backend` owns goes to `taker`, with a new generation, unfenced.
  void move_slots(std::size_t backend, std::size_t taker);
  void move_slot_of(const std::string& key, std::size_t taker);
  void unfence_all();  // an abandoned change: nothing moved
  void publish_unowned(std::size_t backend);
  void raise_generations();
  void renew_record(std::size_t backend);    // a new incarnation, as after an admission
  void rewrite_record(std::size_t backend);  // the same life, other counts
  // The record names another server from now on, which must outlive the host.
  void replace_backend(std::size_t backend, const std::string& address);
  void end_lease();
  void renew_lease();
  void close_segment();

  [[nodiscard]] std::size_t trouble_count() const { return trouble_count_; }
  // flush_all commands that the port passed on and that wait for an answer.
  [[nodiscard]] std::vector<std::uint64_t> flush_ids() const;

 private:
  void on_flush_all(agent::core::RequestId id, const std::string& pool) override;
  void on_backend_trouble(const std::string& pool, const std::string& address) override;
  void store_backend(std::size_t index);
  void store_port();
  void publish(const std::function<void()>& change);

  TempDir dir_;
  std::vector<std::string> listen_;
  std::vector<Memcached> memcacheds_;
  std::vector<std::string> addresses_;
  std::vector<std::uint64_t> incarnations_;
  std::unique_ptr<shm_layout::SegmentWriter> writer_;
  std::uint64_t epoch_ = 1;
  std::atomic<std::size_t> trouble_count_{0};
  mutable std::mutex mutex_;
  std::vector<std::uint64_t> flush_ids_;  // guarded by mutex_
  std::unique_ptr<agent::port::Port> port_;
};

}  // namespace ringfence::live
