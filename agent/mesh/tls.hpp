// TLS 1.3 with mutual proof, over memory: no socket is known here. Two ways to prove oneself: the
// cluster's key, as an external PSK with (EC)DHE (forward secrecy; a PSK alone is refused), or
// certificates of one CA, asked for by both sides. No tickets, no resumption, no early data:
// nothing that was recorded can be played again. The loop's thread alone.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "agent/mesh/key_file.hpp"
#include "agent/mesh/settings.hpp"
#include "shm_layout/result.hpp"

struct ssl_ctx_st;
struct ssl_st;

namespace ringfence::agent::mesh {

enum class Side : std::uint8_t { dialler, acceptor };

// What all connections of a mesh share.
class TlsContext {
 public:
  [[nodiscard]] static Result<std::unique_ptr<TlsContext>> make(const MeshSettings& settings,
                                                                const std::string& cluster);
  ~TlsContext();
  TlsContext(const TlsContext&) = delete;
  TlsContext& operator=(const TlsContext&) = delete;

  [[nodiscard]] bool has_key() const { return has_key_; }
  [[nodiscard]] ssl_ctx_st* native(Side side) const {
    return side == Side::dialler ? dialler_ : acceptor_;
  }
  // For the PSK callbacks: identity and key of this cluster.
  [[nodiscard]] const std::string& identity() const { return identity_; }
  [[nodiscard]] const MeshKey& key() const { return key_; }

 private:
  TlsContext() = default;
  [[nodiscard]] Status set_up(const MeshSettings& settings, const std::string& cluster);

  ssl_ctx_st* dialler_ = nullptr;
  ssl_ctx_st* acceptor_ = nullptr;
  bool has_key_ = false;
  std::string identity_;
  MeshKey key_{};
};

// One connection's. After an error it is worth nothing any more; output() may hold the alert that
// tells the other side.
class TlsSession {
 public:
  [[nodiscard]] static Result<std::unique_ptr<TlsSession>> make(const TlsContext& context,
                                                                Side side);
  ~TlsSession();
  TlsSession(const TlsSession&) = delete;
  TlsSession& operator=(const TlsSession&) = delete;

  // Bytes from the wire; then advance() or read() until they have nothing more.
  void feed(std::string_view wire_bytes);
  // True once the other side has proved itself.
  [[nodiscard]] Result<bool> advance();
  // 0: nothing for now.
  [[nodiscard]] Result<std::size_t> read(char* place, std::size_t bytes_max);
  [[nodiscard]] Status write(std::string_view bytes);
  // For the wire; taken from the session.
  [[nodiscard]] std::string output();

  // The other side named a key of another cluster (acceptor, PSK).
  void note_foreign_identity() { has_foreign_identity_ = true; }

 private:
  explicit TlsSession(const TlsContext& context) : context_(context) {}
  [[nodiscard]] Error failure(const char* what) const;

  const TlsContext& context_;
  ssl_st* ssl_ = nullptr;
  bool has_foreign_identity_ = false;
};

}  // namespace ringfence::agent::mesh
