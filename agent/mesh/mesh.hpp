// The mesh: one live connection between every two agents that know of each other, over TLS 1.3 with
// mutual proof. It carries bytes and knows agents' ids, nothing of views.
//
// Every length a peer sends is bounded before it is believed, memory grows only by bytes that have
// arrived, and who has not proved itself costs the others nothing. A peer that takes nothing is
// cut.
//
// One connection a pair, decided by one of the two: the agent with the smaller id welcomes the
// first connection whose greeting is whole and refuses further ones while that lives; the other
// waits for the welcome. So both name the same one, and an agent comes up once however many
// dialled.
//
// Runs on the loop's thread alone; no globals, no signals (the process ignores SIGPIPE). No event
// is called from inside send(), dial() or close(). What is sent leaves before the loop
// waits again (do not send from a uv_prepare callback of your own).
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "agent/core/types.hpp"
#include "agent/mesh/settings.hpp"
#include "shm_layout/result.hpp"

typedef struct uv_loop_s uv_loop_t;  // NOLINT(modernize-use-using)

namespace ringfence::agent::mesh {

// Order is kept within a channel; a long message of one does not hold up the other.
enum class Channel : std::uint8_t { core = 1, engine = 2 };

struct Self {
  core::AgentId id;
  core::Incarnation incarnation;
  std::string cluster;
  std::string name;
  std::string address;  // host:port at which others reach this agent
};

struct PeerHello {
  core::AgentId id;
  core::Incarnation incarnation;
  std::string name, address;
};

class MeshEvents {
 public:
  // Up and down of one id strictly alternate. `dialled_as`: addresses given to dial() that led
  // there.
  virtual void on_peer_up(const PeerHello& hello, const std::vector<std::string>& dialled_as) = 0;
  virtual void on_peer_down(core::AgentId id, const std::string& why) = 0;
  // A peer that is up was found behind more of the addresses given to dial(); all of them.
  virtual void on_peer_addresses(core::AgentId id, const std::vector<std::string>& dialled_as) = 0;
  virtual void on_message(core::AgentId from, Channel channel, std::string bytes) = 0;
  // An address given to dial() is this agent itself. Told once an address. Who sits on the wire can
  // make any address look so (it reflects what this agent sends): count all of them as one agent.
  virtual void on_self_dialled(const std::string& address) = 0;

 protected:
  ~MeshEvents() = default;
};

// A peer that is up, or a dialled address that leads to nobody who is.
struct PeerReport {
  bool is_up = false;
  core::AgentId id;  // 0: nobody answered there yet
  core::Incarnation incarnation;
  std::string name, address;            // as the peer says; of one that is down: as dialled
  std::vector<std::string> dialled_as;  // addresses given to dial() that lead there
  std::string remote;                   // ip of the other end
  bool is_dialled = false;              // by this agent
  std::int64_t up_ns = 0;               // for how long
  std::int64_t round_trip_ns = -1;      // of the last ping; -1: not measured yet
  std::uint64_t sent_bytes = 0, received_bytes = 0;  // on the wire, of this connection
  std::uint64_t queued_bytes = 0;                    // not yet taken by the kernel
  std::string last_error;                            // why it is down, or was last
};

class Mesh {
 public:
  [[nodiscard]] static Result<std::unique_ptr<Mesh>> start(uv_loop_t* loop,
                                                           const MeshSettings& settings,
                                                           const Self& self, MeshEvents& events);
  virtual ~Mesh() = default;

  // False: no such peer, the message is too long, or its queue is full (it is cut then).
  virtual bool send(core::AgentId to, Channel channel, std::string_view bytes) = 0;
  // The whole wanted set (seeds and peers' addresses); replaces the former. Connections stay.
  virtual void dial(const std::vector<std::string>& addresses) = 0;
  [[nodiscard]] virtual std::vector<PeerReport> peers() const = 0;
  // Of the listener; 0 when there is none. What port 0 became.
  [[nodiscard]] virtual std::uint16_t listen_port() const = 0;
  // No event comes after this. The mesh must live until `done` is called, from the loop.
  virtual void close(std::function<void()> done) = 0;
};

}  // namespace ringfence::agent::mesh
