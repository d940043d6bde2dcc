// One connection between two agents: greeting, frames, pings, and the limits of each stage. Whether
// it is kept is its owner's decision. The loop's thread alone. It belongs to its owner, who frees
// it outside of its calls.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "agent/mesh/framing.hpp"
#include "agent/mesh/hello.hpp"
#include "agent/mesh/mesh.hpp"
#include "agent/mesh/stream.hpp"

namespace ringfence::agent::mesh {

class Connection;

class ConnectionOwner {
 public:
  // A greeting that makes sense, or the refusal it deserves.
  virtual void on_hello(Connection& connection, const DecodedHello& hello) = 0;
  virtual void on_welcome(Connection& connection) = 0;
  virtual void on_frame(Connection& connection, Channel channel, std::string bytes) = 0;
  // It is over; called once, and never from inside send() or refuse().
  virtual void on_ended(Connection& connection, EndKind kind, const std::string& why) = 0;
  // It has something to write: flush() is to be called before the loop waits.
  virtual void on_dirty(Connection& connection) = 0;

 protected:
  ~ConnectionOwner() = default;
};

class Connection final : private StreamEvents {
 public:
  enum class Stage : std::uint8_t {
    securing,  // TCP and TLS
    greeting,  // until their greeting is whole
    waiting,   // for the welcome, or for the owner's decision
    up,
    refused,  // the refusal is on its way
    over,
  };
  // `target` names what was dialled; 0 for one that was accepted.
  Connection(ConnectionOwner& owner, const MeshSettings& settings, Side side, std::uint64_t target);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  void dial(StreamContext& context, const SocketAddress& to);
  // False: nothing was accepted.
  [[nodiscard]] bool accept(StreamContext& context, uv_stream_t* listener);

  void send_hello(const std::string& encoded);
  void welcome();               // tells the other side
  void set_up();                // the pair's connection from now on
  void refuse(Refusal reason);  // tells the other side, and ends without an event
  // False: it is cut at the next flush, and takes nothing any more.
  [[nodiscard]] bool send(Channel channel, std::string_view bytes);
  void flush();
  void tick(std::int64_t now_ns);
  // This process stood still: nobody else's silence is judged by that.
  void forgive(std::int64_t pause_ns) { heard_ns_ += pause_ns; }
  void close();  // no event comes after this

  [[nodiscard]] Stage stage() const { return stage_; }
  [[nodiscard]] Side side() const { return side_; }
  [[nodiscard]] std::uint64_t target() const { return target_; }
  [[nodiscard]] const PeerHello& peer() const { return peer_; }
  [[nodiscard]] const std::string& remote() const { return remote_; }
  // Accepted, and holding a place for nothing so far.
  [[nodiscard]] bool is_unproven() const;
  [[nodiscard]] std::int64_t began_ns() const { return began_ns_; }
  void report(PeerReport& report, std::int64_t now_ns) const;

  bool is_dirty = false;  // the owner's mark

 private:
  void on_secured() override;
  void on_bytes(std::string_view bytes) override;
  void on_writable() override;
  void on_ended(EndKind kind, const std::string& why) override;

  void take(Frame& frame);
  void take_refusal(std::string_view bytes);
  void take_pong(std::string_view bytes);
  void ping(std::int64_t now_ns);
  void check_silence(std::int64_t now_ns);
  void check_stall(std::int64_t now_ns);
  void mark_dirty();
  void end(EndKind kind, const std::string& why);
  void end_at_flush(const std::string& why);

  ConnectionOwner& owner_;
  const MeshSettings& settings_;
  const Side side_;
  const std::uint64_t target_;
  Stage stage_ = Stage::securing;
  Stream* stream_ = nullptr;
  std::string remote_;
  PeerHello peer_;
  FrameReader reader_;
  SendQueue queue_;
  std::optional<std::string> cut_why_;
  std::int64_t began_ns_ = 0;  // then: since when it is up, or refused
  std::int64_t heard_ns_ = 0, said_ns_ = 0, pinged_ns_ = 0;
  std::int64_t ping_open_ns_ = 0;  // the ping that waits for its pong; 0: none
  std::int64_t round_trip_ns_ = -1;
  std::uint64_t taken_bytes_ = 0;  // by the kernel, when it last took some
  std::int64_t taken_ns_ = 0;
};

}  // namespace ringfence::agent::mesh
