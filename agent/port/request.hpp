// One key of a client's command, or a command without a key: the unit that is routed, sent,
// answered and counted. A retrieval of many keys is many requests, the last of which ends the
// reply.
//
// Life: made by the client's protocol -> (parked) -> on a link -> answered -> released by its
// client, in the client's order. A client whose connection ended stays in memory until all its
// requests came back: a reply on a shared link must still be read past.
// One I/O thread; plain data and intrusive lists.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include "agent/port/byte_queue.hpp"
#include "agent/port/chunk.hpp"
#include "shim/binary/packet.hpp"
#include "shim/text/command.hpp"
#include "shim/ticket.hpp"

namespace ringfence::agent::port {

class Client;
class ReplyForm;
using shim::text::has_one_key;
using shim::text::is_get_and_touch;
using shim::text::is_plain_get;
using shim::text::is_retrieval;
using shim::text::is_storage;
using shim::text::name_of;
using shim::text::Verb;

enum class Park : std::uint8_t {
  none,
  route,    // not sent: no lease, no view, or its slot is fenced
  reply,    // answered by the backend while the lease had lapsed or the slot was fenced
  outcome,  // sent or not, its backend is gone; what became of it shows with the next view
};

// What a request's link to its backend speaks. Meta commands go over the text link.
enum class Wire : std::uint8_t { text, binary };

// What a binary request carries beside extras, key and value, as its client sent it.
struct BinaryWords {
  shim::binary::Opcode opcode{};
  std::uint32_t opaque = 0;
  std::uint64_t cas = 0;
};

struct Request;
struct ParkedLinks {
  Request* previous = nullptr;
  Request* next = nullptr;
};

struct Request {
  Client* client = nullptr;
  const ReplyForm* form = nullptr;    // how its client is answered
  Request* next_of_client = nullptr;  // in the order of the client's commands
  Request* next_of_link = nullptr;    // in the order of the backend's replies
  ParkedLinks parked_of_thread;       // in the order of parking
  ParkedLinks parked_of_client;

  ChunkRef bytes;  // holds the views below
  std::string_view key;
  // Meta: all flags of the command, and none. Binary: the extras, and none.
  std::string_view client_flags, exptime;
  std::string_view number;   // text: cas: the unique; incr and decr: the delta
  std::string_view value;    // text: with its CRLF
  BinaryWords binary;        // only where wire is binary
  std::string_view failure;  // text: of a key of many: the error in place of END, behind the others
  ByteQueue reply;           // what waits for the client's turn, or for the lease

  shim::Ticket ticket;
  std::uint64_t stream_begin = 0;     // where its command begins in the link's stream
  std::uint64_t enqueued_ms = 0;      // when it was given to the link
  std::uint64_t parked_until_ms = 0;  // set when parked first, for all its waiting
  std::uint64_t order = 0;            // in the client's commands

  Verb verb = Verb::get;
  Wire wire = Wire::text;
  Park park = Park::none;
  std::uint8_t redo_count = 0;
  bool is_noreply = false;
  bool is_upload = false;     // its value is streamed: not held, never redone
  bool ends_reply = false;    // text: last key of a retrieval: END follows
  bool ends_command = false;  // last key of the command on the link
  bool is_meta = false;       // one command of its own on the link, answered as meta commands are
  bool is_base64 = false;     // meta: its client sent the key encoded
  bool is_quiet = false;      // its client does not hear of the expected answer
  bool is_routed = false;     // the ticket names its slot
  bool is_sent = false;       // some of it may have reached a backend
  bool is_answered = false;
  bool holds_value = false;          // `reply` is a value, not a line: it waits for the lease
  bool is_partly_delivered = false;  // some of its value is on the way to the client
};

// Its command line as it goes to a backend; the words point into the request. (Classic text; meta's
// is meta_form.hpp's.)
[[nodiscard]] shim::text::CommandWords words_of(const Request& request, std::string_view wire_key,
                                                std::size_t value_bytes) noexcept;

// First in, first out, through one of the two "next" members.
template <Request* Request::*Next>
class RequestFifo {
 public:
  [[nodiscard]] Request* head() const noexcept { return head_; }
  [[nodiscard]] Request* tail() const noexcept { return tail_; }
  [[nodiscard]] bool is_empty() const noexcept { return head_ == nullptr; }
  void push(Request& request) noexcept {
    request.*Next = nullptr;
    (head_ == nullptr ? head_ : tail_->*Next) = &request;
    tail_ = &request;
  }
  Request* pop() noexcept {
    Request* first = head_;
    head_ = first->*Next;
    if (head_ == nullptr) tail_ = nullptr;
    first->*Next = nullptr;
    return first;
  }

 private:
  Request* head_ = nullptr;
  Request* tail_ = nullptr;
};
using ClientFifo = RequestFifo<&Request::next_of_client>;
using LinkFifo = RequestFifo<&Request::next_of_link>;

// Parked requests in the order of parking, of a thread or of a client. Removal from anywhere.
template <ParkedLinks Request::*Links>
class ParkedList {
 public:
  [[nodiscard]] Request* head() const noexcept { return head_; }
  [[nodiscard]] static Request* after(const Request& request) noexcept {
    return (request.*Links).next;
  }
  [[nodiscard]] bool is_empty() const noexcept { return head_ == nullptr; }
  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  void push(Request& request) noexcept {
    request.*Links = {tail_, nullptr};
    (tail_ == nullptr ? head_ : (tail_->*Links).next) = &request;
    tail_ = &request;
    ++size_;
  }
  void remove(Request& request) noexcept {
    const ParkedLinks links = std::exchange(request.*Links, {});
    (links.previous == nullptr ? head_ : (links.previous->*Links).next) = links.next;
    (links.next == nullptr ? tail_ : (links.next->*Links).previous) = links.previous;
    --size_;
  }

 private:
  std::size_t size_ = 0;
  Request* head_ = nullptr;
  Request* tail_ = nullptr;
};
using ParkedOfThread = ParkedList<&Request::parked_of_thread>;
using ParkedOfClient = ParkedList<&Request::parked_of_client>;

// Spare requests, so that the data path does not allocate.
class RequestPool {
 public:
  [[nodiscard]] Request* take();
  void give_back(Request* request);

 private:
  std::vector<std::unique_ptr<Request>> spare_;
};

}  // namespace ringfence::agent::port
