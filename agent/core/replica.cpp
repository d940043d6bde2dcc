#include "agent/core/replica.hpp"

#include <algorithm>
#include <memory>
#include <optional>
#include <utility>

#include "agent/core/bytes.hpp"
#include "agent/core/view_codec.hpp"

namespace ringfence::agent::core {
namespace {

constexpr std::uint8_t snapshot_format = 2;

}  // namespace

struct Replica::Impl {
  ViewPtr view = std::make_shared<const View>();
  std::optional<OpenChange> open;
  std::vector<PastChange> history;
  std::vector<BackendCommand> commands;
  ViewPtr digested;  // the view that `digest` is of
  std::uint64_t digest = 0;

  void apply(LogIndex index, Proposal proposal);
  void apply(LogIndex index, const Activation& activation);
  void apply(LogIndex index, const Commands& entry);
  void note(const std::vector<BackendCommand>& newer);
  void remember(const OpenChange& closed, const Activation& activation);
  [[nodiscard]] bool read(ByteReader& in);
};

void Replica::Impl::apply(LogIndex index, Proposal proposal) {
  // Noted here and forgotten: a snapshot of the open change must not bring them back later.
  note(std::exchange(proposal.commands, {}));
  if (open.has_value() || proposal.expected != view->epoch) return;
  std::optional<NextView> next = next_view(*view, proposal);
  if (!next.has_value()) return;
  open = OpenChange{index, std::move(proposal), std::move(*next)};
}

void Replica::Impl::apply(LogIndex /*index*/, const Activation& activation) {
  if (!open.has_value() || activation.proposal != open->index ||
      activation.expected != view->epoch) {
    return;
  }
  view = activation.is_moved ? open->next.view : same_view_next_epoch(*view);
  if (activation.is_moved) {
    digested = view;
    digest = open->next.digest;
  }
  remember(*open, activation);
  open.reset();
}

void Replica::Impl::remember(const OpenChange& closed, const Activation& activation) {
  const Proposal& proposal = closed.proposal;
  PastChange change;
  change.epoch = view->epoch;
  change.unix_ms = proposal.unix_ms;
  change.what =
      activation.is_moved ? proposal.what : std::string{cut_text("abandoned: " + proposal.what)};
  change.why = proposal.why;
  change.who = proposal.who;
  change.moved_slots = activation.is_moved ? closed.next.moved_count : 0;
  change.propose_us = activation.propose_us;
  change.fence_us = activation.fence_us;
  if (history.size() == history_count_max) history.erase(history.begin());
  history.push_back(std::move(change));
}

void Replica::Impl::apply(LogIndex /*index*/, const Commands& entry) {
  note(entry.commands);
}

void Replica::Impl::note(const std::vector<BackendCommand>& newer) {
  for (const BackendCommand& command : newer) {
    const auto place =
        std::lower_bound(commands.begin(), commands.end(), command,
                         [](const BackendCommand& a, const BackendCommand& b) {
                           return a.pool != b.pool ? a.pool < b.pool : a.address < b.address;
                         });
    const bool is_known =
        place != commands.end() && place->pool == command.pool && place->address == command.address;
    if (is_known) {
      *place = command;
    } else if (commands.size() < command_count_max) {
      commands.insert(place, command);
    }
  }
}

bool Replica::Impl::read(ByteReader& in) {
  if (in.u8() != snapshot_format) return false;
  view = std::make_shared<const View>(read_view(in));
  const std::uint32_t command_count = in.count(command_count_max, 1);
  for (std::uint32_t i = 0; i < command_count && in.is_ok(); ++i) {
    commands.push_back(read_command(in));
  }
  const std::uint32_t history_count = in.count(history_count_max, 1);
  for (std::uint32_t i = 0; i < history_count && in.is_ok(); ++i) {
    PastChange change;
    change.epoch = Epoch{in.u64()};
    change.unix_ms = in.i64();
    change.what = in.text(text_bytes_max);
    change.why = in.text(text_bytes_max);
    change.who = in.text(text_bytes_max);
    change.moved_slots = in.u32();
    change.propose_us = in.u32();
    change.fence_us = in.u32();
    history.push_back(std::move(change));
  }
  if (!in.boolean()) return in.is_at_end();
  const LogIndex index{in.u64()};
  const std::optional<Entry> entry = decode_entry(in.text(entry_bytes_max));
  if (!in.is_at_end() || !entry.has_value() || !std::holds_alternative<Proposal>(*entry)) {
    return false;
  }
  apply(index, std::get<Proposal>(*entry));
  return open.has_value();
}

Replica::Replica() : impl_(std::make_unique<Impl>()) {}
Replica::~Replica() = default;
Replica::Replica(Replica&&) noexcept = default;
Replica& Replica::operator=(Replica&&) noexcept = default;

void Replica::apply(LogIndex index, std::string_view bytes) {
  std::optional<Entry> entry = decode_entry(bytes);
  if (!entry.has_value()) return;
  std::visit([&](auto& some) { impl_->apply(index, std::move(some)); }, *entry);
}

// The open change is written as its proposal: the next view is computed again.
std::string Replica::snapshot() const {
  ByteWriter out;
  out.u8(snapshot_format);
  write_view(out, *impl_->view);
  out.u32(static_cast<std::uint32_t>(impl_->commands.size()));
  for (const BackendCommand& command : impl_->commands) write_command(out, command);
  out.u32(static_cast<std::uint32_t>(impl_->history.size()));
  for (const PastChange& change : impl_->history) {
    out.u64(change.epoch.value);
    out.i64(change.unix_ms);
    out.text(change.what);
    out.text(change.why);
    out.text(change.who);
    out.u32(change.moved_slots);
    out.u32(change.propose_us);
    out.u32(change.fence_us);
  }
  out.boolean(impl_->open.has_value());
  if (impl_->open.has_value()) {
    out.u64(impl_->open->index.value);
    out.text(encode(impl_->open->proposal));
  }
  return out.take();
}

bool Replica::restore(std::string_view bytes) {
  *impl_ = Impl{};
  ByteReader in(bytes);
  if (impl_->read(in)) return true;
  *impl_ = Impl{};
  return false;
}

ViewPtr Replica::view() const {
  return impl_->view;
}
std::uint64_t Replica::digest() const {
  if (impl_->digested != impl_->view) {
    impl_->digested = impl_->view;
    impl_->digest = digest_of(*impl_->view);
  }
  return impl_->digest;
}
const OpenChange* Replica::open() const {
  return impl_->open.has_value() ? &*impl_->open : nullptr;
}
const std::vector<PastChange>& Replica::history() const {
  return impl_->history;
}
const std::vector<BackendCommand>& Replica::commands() const {
  return impl_->commands;
}

}  // namespace ringfence::agent::core
