// memcached's binary protocol: the 24 bytes that every packet begins with, the opcodes and the
// statuses of memcached 1.6.18, and what follows from them alone. Numbers are big endian.
//
//   0 magic | 1 opcode | 2 key bytes (2) | 4 extras bytes | 5 data type | 6 vbucket or status (2)
//   8 body bytes (4) | 12 opaque (4) | 16 cas (8) | 24 extras, key, value: the body
//
// Pure; any thread; no allocation.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace ringfence::shim::binary {

inline constexpr std::uint8_t request_magic = 0x80;
inline constexpr std::uint8_t reply_magic = 0x81;
inline constexpr std::size_t header_bytes = 24;
inline constexpr std::size_t flags_bytes = 4;        // the extras of a value: its client flags
inline constexpr std::size_t extras_bytes_max = 20;  // of incr and decr; no command has more

// A q at the end: quiet, what is expected is not told. A k: the key comes back.
enum class Opcode : std::uint8_t {
  get = 0x00,
  set = 0x01,
  add = 0x02,
  replace = 0x03,
  delete_key = 0x04,
  incr = 0x05,
  decr = 0x06,
  quit = 0x07,
  flush = 0x08,
  getq = 0x09,
  noop = 0x0a,
  version = 0x0b,
  getk = 0x0c,
  getkq = 0x0d,
  append = 0x0e,
  prepend = 0x0f,
  stat = 0x10,
  setq = 0x11,
  addq = 0x12,
  replaceq = 0x13,
  deleteq = 0x14,
  incrq = 0x15,
  decrq = 0x16,
  quitq = 0x17,
  flushq = 0x18,
  appendq = 0x19,
  prependq = 0x1a,
  verbosity = 0x1b,  // named by the protocol, unknown to 1.6.18
  touch = 0x1c,
  gat = 0x1d,
  gatq = 0x1e,
  sasl_list = 0x20,
  sasl_auth = 0x21,
  sasl_step = 0x22,
  gatk = 0x23,
  gatkq = 0x24,
};

enum class Status : std::uint16_t {
  success = 0x00,
  not_found = 0x01,
  exists = 0x02,
  too_large = 0x03,
  invalid_arguments = 0x04,
  not_stored = 0x05,
  not_a_number = 0x06,
  auth_error = 0x20,
  auth_continue = 0x21,
  unknown_command = 0x81,
  out_of_memory = 0x82,
};

struct Header {
  std::uint8_t magic = 0;
  Opcode opcode{};
  std::uint16_t key_bytes = 0;
  std::uint8_t extras_bytes = 0;
  std::uint8_t data_type = 0;
  Status status{};  // of a reply; a request's vbucket, which memcached does not look at
  std::uint32_t body_bytes = 0;
  std::uint32_t opaque = 0;
  std::uint64_t cas = 0;
};

template <std::unsigned_integral Number>
[[nodiscard]] constexpr Number load_number(const char* bytes) noexcept {
  Number number = 0;
  for (std::size_t i = 0; i < sizeof(Number); ++i) {
    number = static_cast<Number>(std::uint64_t{number} << 8 | static_cast<unsigned char>(bytes[i]));
  }
  return number;
}

template <std::unsigned_integral Number>
constexpr void store_number(char* bytes, Number number) noexcept {
  for (std::size_t i = sizeof(Number); i > 0; --i) {
    bytes[i - 1] = static_cast<char>(number & 0xff);
    number = static_cast<Number>(std::uint64_t{number} >> 8);
  }
}

// `bytes` hold at least header_bytes; whatever they are, this is what they say.
[[nodiscard]] Header load_header(std::string_view bytes) noexcept;
void store_header(char* bytes, const Header& header) noexcept;

// memcached's own words for a status; empty for success.
[[nodiscard]] std::string_view text_of(Status status) noexcept;

// The same command without its q; itself when it has none.
[[nodiscard]] Opcode loud_form(Opcode opcode) noexcept;
[[nodiscard]] inline bool is_quiet(Opcode opcode) noexcept {
  return loud_form(opcode) != opcode;
}
// As it goes to a backend: loud, and without the key in its reply.
[[nodiscard]] Opcode backend_form(Opcode opcode) noexcept;

[[nodiscard]] bool returns_key(Opcode opcode) noexcept;
[[nodiscard]] inline bool is_retrieval(Opcode opcode) noexcept {
  return backend_form(opcode) == Opcode::get || backend_form(opcode) == Opcode::gat;
}
// A value follows its key.
[[nodiscard]] bool is_storage(Opcode opcode) noexcept;

// Whether a client that sent `opcode` is told nothing of such a reply: a quiet retrieval's miss,
// any other quiet command's success. Errors are always told.
[[nodiscard]] bool is_hidden(Opcode opcode, Status status) noexcept;

}  // namespace ringfence::shim::binary
