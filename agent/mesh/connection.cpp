#include "agent/mesh/connection.hpp"

#include <fmt/core.h>

#include <utility>

#include "agent/core/bytes.hpp"

namespace ringfence::agent::mesh {
namespace {

constexpr std::int64_t ns_per_ms = 1'000'000;
// What is framed and encrypted at once. Two fragments, so that each channel has its turn.
constexpr std::size_t batch_bytes = 2 * fragment_bytes_max;
// Six of these fit into peer_timeout's default.
constexpr std::int64_t ping_after_ns = 250 * ns_per_ms;
// A connection that is never silent is measured as well.
constexpr std::int64_t ping_at_least_ns = 1000 * ns_per_ms;
// No byte of an answer for so long: nobody is there. A lost SYN is sent again after 1 s.
constexpr std::int64_t answer_limit_ns = 2000 * ns_per_ms;
// For the other side to read the refusal before the connection goes.
constexpr std::int64_t refusal_limit_ns = 500 * ns_per_ms;

std::int64_t now() {
  return static_cast<std::int64_t>(uv_hrtime());
}

std::string number_bytes(std::int64_t number) {
  core::ByteWriter out;
  out.i64(number);
  return out.take();
}

}  // namespace

Connection::Connection(ConnectionOwner& owner, const MeshSettings& settings, Side side,
                       std::uint64_t target)
    : owner_(owner),
      settings_(settings),
      side_(side),
      target_(target),
      reader_(settings.message_bytes_max),
      queue_(settings.queue_bytes_max) {
  began_ns_ = heard_ns_ = said_ns_ = pinged_ns_ = taken_ns_ = now();
}

Connection::~Connection() {
  close();
}

void Connection::dial(StreamContext& context, const SocketAddress& to) {
  remote_ = ip_text(to);
  stream_ = Stream::dial(context, *this, to);
}

bool Connection::accept(StreamContext& context, uv_stream_t* listener) {
  stream_ = Stream::accept(context, *this, listener);
  if (stream_ == nullptr) return false;
  remote_ = ip_text(stream_->remote());
  return true;
}

bool Connection::is_unproven() const {
  return side_ == Side::acceptor &&
         (stage_ == Stage::securing || stage_ == Stage::greeting || stage_ == Stage::refused);
}

void Connection::close() {
  stage_ = Stage::over;
  if (stream_ != nullptr) std::exchange(stream_, nullptr)->close();
}

void Connection::end(EndKind kind, const std::string& why) {
  if (stage_ == Stage::over) return;
  const bool is_told = stage_ == Stage::refused;
  close();
  owner_.on_ended(*this, is_told ? EndKind::lost : kind, why);
}

void Connection::end_at_flush(const std::string& why) {
  if (!cut_why_) cut_why_ = why;
  mark_dirty();
}

void Connection::mark_dirty() {
  if (stage_ != Stage::over) owner_.on_dirty(*this);
}

// --- what is sent -----------------------------------------------------------------------------

void Connection::send_hello(const std::string& encoded) {
  queue_.push_control(FrameKind::hello, encoded);
  mark_dirty();
}

void Connection::welcome() {
  queue_.push_control(FrameKind::welcome, {});
  mark_dirty();
}

void Connection::set_up() {
  stage_ = Stage::up;
  began_ns_ = heard_ns_ = taken_ns_ = now();
  ping(began_ns_);
}

void Connection::refuse(Refusal reason) {
  if (stage_ == Stage::over) return;
  queue_.push_control(FrameKind::refusal, std::string(1, static_cast<char>(reason)));
  stage_ = Stage::refused;
  began_ns_ = now();
  mark_dirty();
}

bool Connection::send(Channel channel, std::string_view bytes) {
  if (stage_ != Stage::up || cut_why_ || bytes.size() > settings_.message_bytes_max) return false;
  if (!queue_.push(static_cast<std::uint8_t>(channel), bytes)) {
    end_at_flush(fmt::format("it reads too slowly: more than {} MiB waited for it",
                             settings_.queue_bytes_max >> 20));
    return false;
  }
  mark_dirty();
  return true;
}

void Connection::flush() {
  if (stage_ == Stage::over) return;
  if (cut_why_) return end(EndKind::lost, *cut_why_);
  std::string batch;
  while (!queue_.is_empty() && stage_ != Stage::securing && stream_->is_writable()) {
    batch.clear();
    queue_.take(batch, batch_bytes);
    said_ns_ = now();
    stream_->write(batch);
  }
  if (stage_ == Stage::refused && queue_.is_empty()) stream_->finish();
}

void Connection::ping(std::int64_t now_ns) {
  pinged_ns_ = now_ns;
  if (ping_open_ns_ == 0) ping_open_ns_ = now_ns;
  queue_.push_control(FrameKind::ping, number_bytes(now_ns));
  mark_dirty();
}

// --- what comes -------------------------------------------------------------------------------

void Connection::on_secured() {
  stage_ = Stage::greeting;
  mark_dirty();  // who dials has its greeting in the queue already
}

void Connection::on_bytes(std::string_view bytes) {
  heard_ns_ = now();
  Frame frame;
  while (stage_ != Stage::over && stage_ != Stage::refused) {
    const FrameReader::Step step = reader_.next(bytes, frame);
    if (step == FrameReader::Step::need_more) return;
    if (step == FrameReader::Step::failed) {
      return end(EndKind::refused, std::string(describe(reader_.error())));
    }
    take(frame);
  }
}

void Connection::take(Frame& frame) {
  switch (frame.kind) {
    case FrameKind::hello: {
      DecodedHello hello = decode_hello(frame.bytes);
      reader_.open_channels();
      stage_ = Stage::waiting;
      if (!hello.refusal) peer_ = hello.hello.peer;
      return owner_.on_hello(*this, hello);
    }
    case FrameKind::welcome:
      return owner_.on_welcome(*this);
    case FrameKind::refusal:
      return take_refusal(frame.bytes);
    case FrameKind::ping:
      queue_.push_control(FrameKind::pong, frame.bytes);
      // Who sends pings and takes no answers is as slow as any other.
      if (queue_.bytes() > settings_.queue_bytes_max) {
        return end(EndKind::lost, "it takes no answers to its pings");
      }
      return mark_dirty();
    case FrameKind::pong:
      return take_pong(frame.bytes);
    case FrameKind::message:
      if (stage_ != Stage::up) return end(EndKind::refused, "a message before the welcome");
      return owner_.on_frame(*this, static_cast<Channel>(frame.channel), std::move(frame.bytes));
  }
}

void Connection::take_refusal(std::string_view bytes) {
  const std::optional<Refusal> reason = refusal_of(bytes);
  const EndKind kind = reason == Refusal::duplicate ? EndKind::duplicate : EndKind::lost;
  end(kind, fmt::format("it refused: {}", reason ? describe(*reason) : "it does not say why"));
}

void Connection::take_pong(std::string_view bytes) {
  core::ByteReader in(bytes);
  // A pong of a later ping, or of none, measures nothing.
  if (in.i64() != ping_open_ns_ || !in.is_at_end() || ping_open_ns_ == 0) return;
  round_trip_ns_ = now() - ping_open_ns_;
  ping_open_ns_ = 0;
}

void Connection::on_writable() {
  flush();
}

void Connection::on_ended(EndKind kind, const std::string& why) {
  stream_ = nullptr;
  end(kind, why);
}

// --- time -------------------------------------------------------------------------------------

void Connection::tick(std::int64_t now_ns) {
  switch (stage_) {
    case Stage::over:
      return;
    case Stage::refused:
      if (now_ns - began_ns_ > refusal_limit_ns) end(EndKind::lost, "refused");
      return;
    case Stage::securing:
    case Stage::greeting:
    case Stage::waiting: {
      const bool is_silent = side_ == Side::dialler && stream_->received_bytes() == 0;
      if (is_silent && now_ns - began_ns_ > answer_limit_ns) {
        return end(EndKind::lost,
                   fmt::format("no answer within {} ms", answer_limit_ns / ns_per_ms));
      }
      if (now_ns - began_ns_ > settings_.handshake_limit_ms * ns_per_ms) {
        end(EndKind::refused,
            fmt::format("no whole greeting within {} ms", settings_.handshake_limit_ms));
      }
      return;
    }
    case Stage::up:
      break;
  }
  check_silence(now_ns);
  check_stall(now_ns);
  const bool is_due = now_ns - said_ns_ >= ping_after_ns || now_ns - pinged_ns_ >= ping_at_least_ns;
  // Pings that are not taken do not pile up.
  if (stage_ == Stage::up && is_due && stream_->is_writable()) ping(now_ns);
}

void Connection::check_silence(std::int64_t now_ns) {
  if (now_ns - heard_ns_ <= settings_.peer_timeout_ms * ns_per_ms) return;
  end(EndKind::lost, fmt::format("nothing was heard for {} ms", settings_.peer_timeout_ms));
}

void Connection::check_stall(std::int64_t now_ns) {
  if (stage_ != Stage::up) return;
  const std::uint64_t sent = stream_->sent_bytes();
  if (sent != taken_bytes_ || stream_->is_writable()) {
    taken_bytes_ = sent;
    taken_ns_ = now_ns;
    return;
  }
  if (now_ns - taken_ns_ <= settings_.stall_limit_ms * ns_per_ms) return;
  end(EndKind::lost,
      fmt::format("it took nothing for {} ms while {} bytes waited", settings_.stall_limit_ms,
                  queue_.bytes() + stream_->waiting_bytes()));
}

void Connection::report(PeerReport& report, std::int64_t now_ns) const {
  report.id = peer_.id;
  report.incarnation = peer_.incarnation;
  report.name = peer_.name;
  report.address = peer_.address;
  report.remote = remote_;
  report.is_dialled = side_ == Side::dialler;
  report.is_up = stage_ == Stage::up;
  report.up_ns = report.is_up ? now_ns - began_ns_ : 0;
  report.round_trip_ns = round_trip_ns_;
  if (stream_ == nullptr) return;
  report.sent_bytes = stream_->sent_bytes();
  report.received_bytes = stream_->received_bytes();
  report.queued_bytes = queue_.bytes() + stream_->waiting_bytes();
}

}  // namespace ringfence::agent::mesh
