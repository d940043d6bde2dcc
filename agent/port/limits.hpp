// Every bound of the port, in one place: unit, value, why. README ("The local port") adds them up.
// Constants only.
#pragma once

#include <cstddef>
#include <cstdint>

namespace ringfence::agent::port {

inline constexpr std::size_t kib = 1024;
inline constexpr std::size_t mib = 1024 * kib;

// What is received lies in arenas: bytes of a chunk, and the least that one recv has room for.
// Inside a large value both are larger: fewer calls, wake-ups and segments for each byte (with 64
// KiB a value of 1 MB takes a third more CPU time; more than 512 KiB gains nothing).
inline constexpr std::size_t receive_chunk_bytes = 64 * kib - 64;
inline constexpr std::size_t receive_room_bytes_min = 32 * kib;
inline constexpr std::size_t large_receive_chunk_bytes = 512 * kib - 64;
inline constexpr std::size_t large_receive_room_bytes_min = 128 * kib;
// From this size on a received piece is shared instead of copied; it keeps its chunk.
inline constexpr std::size_t share_bytes_min = 16 * kib;

// What is to be sent: replies of a turn, all clients together; and what waits for one backend.
inline constexpr std::size_t reply_chunk_bytes = 16 * kib - 64;
inline constexpr std::size_t link_chunk_bytes = 4 * kib - 64;

// Keys of one retrieval that are routed side by side, so that their slots travel together.
inline constexpr std::size_t route_batch_keys = 32;

// A value up to this size is held whole and goes over the shared link; a larger one is streamed
// over a connection of its own, so that it never delays other clients' requests.
inline constexpr std::size_t held_value_bytes_max = 64 * kib;
// What one client may always hold in unanswered input; more draws on the thread's budget.
inline constexpr std::size_t client_input_bytes_free = 16 * kib;
inline constexpr std::size_t client_input_bytes_max = 256 * kib;
inline constexpr std::size_t input_budget_bytes = 64 * mib;  // of one I/O thread

// A client with more unsent reply bytes is not read from and its further keys are not asked for.
inline constexpr std::size_t client_unsent_bytes_pause = 256 * kib;
// A client that holds more makes its backend link wait; without progress it is closed.
inline constexpr std::size_t client_buffer_bytes_max = 32 * mib;
// The same bound once all clients of the thread together hold more than the budget.
inline constexpr std::size_t client_buffer_bytes_tight = 64 * kib;
inline constexpr std::size_t output_budget_bytes = 256 * mib;  // of one I/O thread
inline constexpr std::uint64_t slow_client_ms = 100;

// Keys one client may have outstanding: 2 MiB of replies at the size of its largest recent value.
inline constexpr std::uint32_t window_start = 128;
inline constexpr std::uint32_t window_max = 512;
inline constexpr std::size_t window_bytes = 2 * mib;

// memcached reads lines over 2,048 bytes only when they begin with "get " or "gets ".
inline constexpr std::size_t group_bytes_max_gat = 1900;

inline constexpr std::uint64_t tick_ms = 10;  // the granularity of every deadline of the port
// A request whose slot has moved waits no longer for the old owner's reply, which could not be
// believed: one that is well answers far sooner, and its connection is kept then.
inline constexpr std::uint64_t moved_patience_ms = 50;
inline constexpr std::uint64_t backoff_ms_min = 10;
inline constexpr std::uint64_t backoff_ms_max = 1000;
inline constexpr std::uint64_t accept_pause_ms = 100;  // after the process ran out of files
inline constexpr std::uint64_t flush_wait_ms = 30'000;

inline constexpr std::uint32_t upload_count_max = 64;      // at once, of one I/O thread
inline constexpr std::uint32_t idle_upload_count_max = 4;  // connections kept for each backend
inline constexpr std::uint64_t upload_idle_ms = 10'000;

inline constexpr std::uint8_t redo_count_max = 3;

}  // namespace ringfence::agent::port
