// One client's connection: its input, the order of its replies, and its bounds.
// The protocol, which the first byte decides for good, takes commands from the front of the input
// and makes requests; the dispatcher answers them in any order; the client sends the answers in the
// order of the commands.
//
// Bounds: a window of outstanding requests, bytes of unanswered input, bytes of unsent replies
// (limits.hpp). A client over one of them is not read from. An idle client holds no buffer.
// Its I/O thread only.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "agent/port/binary_commands.hpp"
#include "agent/port/byte_queue.hpp"
#include "agent/port/limits.hpp"
#include "agent/port/request.hpp"
#include "agent/port/socket_watch.hpp"
#include "agent/port/text_commands.hpp"

namespace ringfence::agent::port {

class IoThread;
class Upload;

class Client final : public SocketOwner {
 public:
  explicit Client(IoThread& thread) : thread_(thread) {}
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  [[nodiscard]] bool open(int fd);
  void on_socket(int events) override;
  void run();    // takes commands as far as the bounds allow
  void flush();  // sends what waits; closes when all is done

  // For the protocol: the input and new requests.
  [[nodiscard]] IoThread& thread() noexcept { return thread_; }
  [[nodiscard]] std::string_view input() const noexcept {
    return {input_ ? input_->data() + input_begin_ : nullptr, input_end_ - input_begin_};
  }
  [[nodiscard]] const ChunkRef& input_chunk() const noexcept { return input_; }
  void consume(std::size_t bytes);
  [[nodiscard]] Request& make_request(Verb verb, const ReplyForm& form);
  void submit(Request& request);  // in the order of the commands, to the dispatcher
  void submit(std::span<Request* const> requests);
  void queue(Request& request);  // in the order of the commands; somebody else answers it
  void answer_locally(std::string_view text);
  void close_after_answers();
  [[nodiscard]] bool is_idle() const noexcept { return outstanding_ == 0; }
  [[nodiscard]] bool has_one_request() const noexcept { return outstanding_ == 1; }
  [[nodiscard]] bool may_take() const noexcept;
  // How many more requests its window has room for.
  [[nodiscard]] std::size_t request_room() const noexcept { return window_ - outstanding_; }

  // For whoever answers.
  [[nodiscard]] bool is_closed() const noexcept { return is_closed_; }
  // Appends to the reply of `request`: straight to the output when it is its turn.
  void reply(Request& request, std::string_view bytes);
  void reply(Request& request, const ChunkRef& chunk, std::string_view slice);
  void answered(Request& request);  // its reply is whole
  // Keeps a part of the reply back, whoever's turn it is.
  void hold(Request& request, const ChunkRef& chunk, std::string_view slice);
  void hold(Request& request, std::string_view bytes);
  void drop_reply(Request& request);
  void note_value(std::size_t bytes) noexcept;  // adapts the window
  [[nodiscard]] std::size_t buffered_bytes() const noexcept { return buffered_bytes_; }
  [[nodiscard]] bool has_output() const noexcept { return !output_.is_empty(); }
  [[nodiscard]] std::uint64_t last_progress_ms() const noexcept { return last_progress_ms_; }
  [[nodiscard]] bool has_noreply_since(const Request& request) const noexcept {
    return last_noreply_order_ > request.order;
  }

  [[nodiscard]] bool is_newest(const Request& request) const noexcept {
    return request.order + 1 == next_order_;
  }

  void close();  // at once
  void reset();  // at once, and the client can tell that something was lost

  // Kept here for their owners.
  std::size_t table_index = 0;  // IoThread
  ParkedOfClient parked;        // Dispatcher
  Upload* upload = nullptr;     // Uploads: takes the input while it is set
  bool is_flushing = false;     // Flushes: no command is taken meanwhile
  bool is_runnable = false;     // IoThread
  bool is_dirty = false;        // IoThread
  bool is_buried = false;       // IoThread
  bool blocks_link = false;     // BackendLinks

 private:
  void receive();
  [[nodiscard]] bool wants_input() const noexcept;
  [[nodiscard]] bool prepare_input();
  [[nodiscard]] Take take_command();
  [[nodiscard]] bool is_binary() const noexcept { return protocol_ == Protocol::binary; }
  void take_received(std::size_t bytes);
  void keep_rest();
  void refuse_for_memory();
  struct Sink {
    ByteQueue& queue;
    Arena& arena;
  };
  Sink sink_of(Request& request);
  void advance();
  void end_reply(Request& request);
  void release(Request& request);
  void update_interest();
  [[nodiscard]] bool is_over() const noexcept;

  IoThread& thread_;
  SocketWatch watch_;
  enum class Protocol : std::uint8_t { unknown, text, binary };
  Protocol protocol_ = Protocol::unknown;
  TextCommands text_;
  BinaryCommands binary_;
  ChunkRef input_;
  std::uint32_t input_begin_ = 0;
  std::uint32_t input_end_ = 0;
  ClientFifo order_;
  ByteQueue output_;
  std::string_view failure_;  // of a key of the retrieval whose reply is under way

  std::size_t buffered_bytes_ = 0;  // output_, and replies that wait for their turn
  std::size_t held_bytes_ = 0;      // keys and values of outstanding requests
  std::size_t recent_value_bytes_ = 0;
  std::uint64_t next_order_ = 1;
  std::uint64_t last_noreply_order_ = 0;
  std::uint64_t last_progress_ms_ = 0;
  std::uint32_t outstanding_ = 0;
  std::uint32_t window_ = window_start;
  bool is_closed_ = false;
  bool is_closing_ = false;  // no more commands; closes when all is answered and sent
  bool is_input_ended_ = false;
  bool wants_to_run_ = false;  // stopped taking commands by a bound, not for lack of input
  bool can_write_ = true;
};

}  // namespace ringfence::agent::port
