// Whom a command is asked of, and in which words.
#include <algorithm>

#include "shim/binary/command.hpp"
#include "shim/preload/session.hpp"
#include "shim/text/port_answers.hpp"

namespace ringfence::shim::preload {

namespace answers = text::port_answers;

namespace {

// 1.6.18 takes a line of a gat up to 2,048 bytes, that of a get whatever it is.
constexpr std::size_t gat_bytes_max = 1500;
// Latency is looked at this often: two clock reads cost as much as a tenth of the rest.
constexpr std::uint64_t timed_every = 16;

// What is said of a key that was asked of nobody.
std::string_view refusal_of(Way why) noexcept {
  switch (why) {
    case Way::fenced:
      return answers::no_new_view;
    case Way::no_lease:
      return answers::no_lease;
    case Way::unowned:
      return answers::no_backend;
    default:
      return answers::unreachable;
  }
}

std::string_view key_of(const Command& command) noexcept {
  if (command.meta != nullptr) return command.meta->command.key;
  return command.binary != nullptr ? command.binary->key : command.text->keys.front();
}

}  // namespace

// The attachment may be another one since the last command: connections of the old one go.
void Session::follow_segment() noexcept {
  const Attachment* current = overlay_->attachment();
  if (current == attachment_) return;
  for (Link*& link : links_) {
    if (link != nullptr) retire(link);
  }
  attachment_ = current;
}

void Session::retire(Link*& link) noexcept {
  if (body_link_ == link) body_link_ = nullptr;
  link->is_fed = false;
  unwatch_link(*link);
  retired_.push_back(link);
  link = nullptr;
}

// Those whose answers were all read.
void Session::sweep_retired() noexcept {
  std::size_t kept = 0;
  for (Link* link : retired_) {
    if (link->has_entries() || link->is_dirty) {
      retired_[kept++] = link;
    } else {
      delete link;
    }
  }
  retired_.resize(kept);
}

// An open connection to a backend; null when there is none yet. Waits for a new one, but hardly.
Link* Session::link_to(std::uint16_t backend) {
  if (links_.size() <= backend) links_.resize(std::size_t{backend} + 1);
  Link*& link = links_[backend];
  if (link != nullptr && (link->is_broken() || !overlay_->is_current(*attachment_, *link))) {
    retired_.reserve(retired_.size() + 1);
    retire(link);
  }
  const bool is_new = link == nullptr;
  if (is_new) {
    link = overlay_->take(*attachment_, backend, reader_.is_binary());
    if (link == nullptr) return nullptr;
    if (link->state() == LinkState::up) watch_link(*link);
  }
  if (link->state() == LinkState::up) return link;
  const LinkState state = is_new ? link->advance_soon() : link->advance();
  if (state == LinkState::up) {
    watch_link(*link);
    return link;
  }
  if (state == LinkState::refused || state == LinkState::full) {
    overlay_->not_opened(*link, state);
    delete link;
    link = nullptr;
  }
  return nullptr;
}

void Session::note_agent_slot(std::uint32_t slot, int change) noexcept {
  // Acquire and release: who sees none under way comes behind their answers.
  agent_slots_[filter_of(slot)].fetch_add(static_cast<std::uint16_t>(change),
                                          std::memory_order_acq_rel);
}

// Whom to ask; null: nobody can be.
Link* Session::choose(Ticket& ticket, std::string_view key, text::Verb verb) {
  if (attachment_ == nullptr) return through_agent(ticket, Way::no_lease);
  const shm_layout::SegmentReader& segment = attachment_->segment.reader();
  ticket = shim::route(segment, key);
  const bool may_send = ticket.status == RouteStatus::ok ||
                        (text::is_plain_get(verb) && may_get_without_lease(segment, ticket));
  if (!may_send) {
    switch (ticket.status) {
      case RouteStatus::fenced:
        return through_agent(ticket, Way::fenced);
      case RouteStatus::unowned:
      case RouteStatus::ok:
        return through_agent(ticket, Way::unowned);
      case RouteStatus::lease_lapsed:
      case RouteStatus::no_view:
        overlay_->refresh(shm_layout::boottime_ns());
        return through_agent(ticket, Way::no_lease);
    }
  }
  if (!ticket.pool_word.has_tags() && key.starts_with(reserved_key_prefix)) {
    return through_agent(ticket, Way::reserved);
  }
  const bool may_be_behind =
      agent_slots_[filter_of(ticket.slot)].load(std::memory_order_acquire) != 0;
  if (may_be_behind && is_under_way(ticket.slot, true)) {
    return through_agent(ticket, Way::behind);
  }
  Link* link = link_to(ticket.backend());
  if (link != nullptr) return link;
  return through_agent(ticket, links_[ticket.backend()] != nullptr ? Way::opening : Way::no_room);
}

// Whether a command for the slot is under way through the agent, or else to a backend.
bool Session::is_under_way(std::uint32_t slot, bool is_through_agent) const noexcept {
  return fifo_.any_waiting([&](const Entry& entry) {
    return std::any_of(entry.keys.begin(), entry.keys.end(), [&](const Key& key) {
      return key.ticket.slot == slot && entry.parts[key.part].is_agent == is_through_agent;
    });
  });
}

// An agent that went may be back: asked anew, on a connection that nobody waits for.
bool Session::has_agent() noexcept {
  // Acquire; pairs with the release in stand_in().
  if (agent_->is_borrowed() && has_stood_in_.load(std::memory_order_acquire)) agent_->set_broken();
  if (agent_->is_broken()) {
    const std::int64_t now_ns = shm_layout::boottime_ns();
    const auto address = overlay_->port_address();
    if (now_ns < next_dial_ns_ || !address) return false;
    next_dial_ns_ = now_ns + refused_ns;
    std::unique_ptr<Link> fresh(new (std::nothrow) Link(-1, reader_.is_binary()));
    if (fresh == nullptr || !fresh->begin(*address)) return false;
    try {
      retired_.push_back(agent_.get());
    } catch (...) {
      return false;
    }
    if (body_link_ == agent_.get()) body_link_ = nullptr;
    if (!agent_->is_borrowed()) unwatch_link(*agent_);
    (void)agent_.release();
    agent_ = std::move(fresh);
  }
  if (agent_->state() == LinkState::up) return true;
  if (agent_->advance() != LinkState::up) return false;
  watch_link(*agent_);
  return true;
}

// Unless it would overtake what is under way to a backend.
Link* Session::through_agent(const Ticket& ticket, Way why) noexcept {
  if (!has_agent() || is_under_way(ticket.slot, false)) {
    preload::count(Way::answered);
    refusal_ = refusal_of(why);
    return nullptr;
  }
  preload::count(why);
  overlay_->counters().add_overflow();
  return agent_.get();
}

void Session::push(Entry& entry) {
  for (const Part& part : entry.parts) static_cast<Link*>(part.inbox)->add_entry();
  for (const Key& key : entry.keys) {
    if (entry.parts[key.part].is_agent) note_agent_slot(key.ticket.slot, 1);
  }
  has_answered_here_ = has_answered_here_ || entry.parts.empty();
  if (!entry.parts.empty()) entry.asked_ns = shm_layout::coarse_ns();
  fifo_.push();
}

void Session::submit_local(std::string_view answer) {
  Entry* entry = fifo_.spare();
  if (entry == nullptr) throw std::bad_alloc();
  entry->bytes.assign(answer);
  push(*entry);
}

void Session::fill(Entry& entry, const Command& command) {
  entry.kind = command.kind;
  entry.protocol = command.protocol;
  entry.verb = command.verb;
  entry.is_noreply = command.is_noreply;
  if (command.meta != nullptr) {
    entry.meta_verb = command.meta->command.verb;
    entry.is_base64 = command.meta->command.is_base64;
    entry.is_quiet = command.meta->command.is_quiet;
    entry.wire_opaque = next_opaque_++;
  } else if (command.binary != nullptr) {
    entry.opcode = command.binary->header.opcode;
    entry.opaque = command.binary->header.opaque;
    entry.wire_opaque = next_opaque_++;
  }
  if (attachment_ != nullptr) entry.segment = &attachment_->segment.reader();
}

std::uint16_t Session::part_of(Entry& entry, Link& link) {
  if (link.retrieval_number != retrieval_number_) {
    link.retrieval_number = retrieval_number_;
    link.part = static_cast<std::uint16_t>(entry.parts.size());
    entry.parts.push_back({&link, link.is_agent(), false, false});
  }
  return link.part;
}

// A command that nobody can be asked: its answer, when its turn comes.
void Session::fail_here(const Command& command, Entry& entry, std::string_view why) {
  body_link_ = nullptr;
  body_left_bytes_ = command.body_bytes;
  if (command.is_noreply) return;
  if (entry.kind == Kind::retrieval) {
    entry.failure = why;
  } else {
    ReplyText words;
    add_failure(words, entry, why);
    entry.kind = Kind::local;
    entry.bytes.assign(words.view());
  }
  entry.keys.clear();
  push(entry);
}

void Session::submit(const Command& command) {
  follow_segment();
  if (!retired_.empty()) sweep_retired();
  if (command.kind == Kind::retrieval && command.text->keys.size() > 1) {
    submit_retrieval(*command.text);
    return;
  }
  const std::string_view name = key_of(command);
  Entry* entry = fifo_.spare();
  if (entry == nullptr) throw std::bad_alloc();
  fill(*entry, command);
  Key key;
  key.size = static_cast<std::uint8_t>(name.size());
  key.ends_command = true;
  entry->bytes.append(name);
  entry->words_begin = static_cast<std::uint32_t>(entry->bytes.size());
  if (command.meta != nullptr) entry->bytes.append(command.meta->command.flags);
  if (command.binary != nullptr) entry->bytes.append(command.binary->extras);
  overlay_->counters().add_request();
  Link* link = choose(key.ticket, name, command.verb);
  entry->keys.push_back(key);
  if (link == nullptr) {
    fail_here(command, *entry, refusal_);
    return;
  }
  entry->parts.push_back({link, link->is_agent(), false, false});
  if (link->is_agent()) {
    write_front(*link, command, *entry, name);
  } else {
    preload::count(Way::inline_keys);
    const WireKey wire_key(name, key.ticket.pool_word, key.ticket.generation());
    write_front(*link, command, *entry, wire_key.view());
    if (++submitted_ % timed_every == 0) entry->sent_ns = shm_layout::boottime_ns();
  }
  mark_dirty(*link);
  body_link_ = link;
  body_left_bytes_ = command.body_bytes;
  link->is_fed = body_left_bytes_ > 0;
  push(*entry);
}

void Session::write_front(Link& link, const Command& command, const Entry& entry,
                          std::string_view wire_key) {
  const auto out = [&](std::string_view piece) { link.output.append(piece); };
  if (command.meta != nullptr) {
    meta::write_command(out, entry.meta_command(), wire_key, command.meta->value_bytes);
  } else if (command.binary != nullptr) {
    binary::Command words;
    words.opcode = entry.opcode;
    words.wire_key = wire_key;
    words.extras = command.binary->extras;
    words.cas = command.binary->header.cas;
    words.opaque = entry.wire_opaque;
    words.value_bytes = command.binary->value_bytes;
    out(binary::CommandFront(words).view());
  } else {
    const text::Request& request = *command.text;
    text::CommandWords words;
    words.verb = request.verb;
    words.wire_key = wire_key;
    words.client_flags = request.client_flags;
    words.exptime = request.exptime;
    words.number = request.verb == text::Verb::cas ? request.cas_unique : request.delta;
    words.value_bytes = request.value_bytes;
    text::write_command(out, words);
  }
}

// The agent keeps some keys to itself, and refuses a command that asks for one. (With tags on, the
// tag keeps the two apart.)
bool Session::has_reserved_key(const text::Request& request) const noexcept {
  if (attachment_ == nullptr || attachment_->segment.reader().pool().has_tags()) return false;
  return std::any_of(request.keys.begin(), request.keys.end(),
                     [](std::string_view key) { return key.starts_with(reserved_key_prefix); });
}

bool Session::is_asked_of_agent(const Entry& entry, std::uint32_t slot) const noexcept {
  if (agent_->retrieval_number != retrieval_number_) return false;
  return std::any_of(entry.keys.begin(), entry.keys.end(), [&](const Key& key) {
    return key.ticket.slot == slot && entry.parts[key.part].is_agent;
  });
}

// Each backend is asked for its keys in one command, as far as one may reach.
void Session::submit_retrieval(const text::Request& request) {
  Entry* entry = fifo_.spare();
  if (entry == nullptr) throw std::bad_alloc();
  entry->kind = Kind::retrieval;
  entry->verb = request.verb;
  if (attachment_ != nullptr) entry->segment = &attachment_->segment.reader();
  overlay_->counters().add_request(request.keys.size());
  ++retrieval_number_;
  groups_.clear();
  const std::size_t bytes_max =
      text::is_get_and_touch(request.verb) ? gat_bytes_max : text::group_bytes_max;
  const auto close = [&](Group& group) {
    if (group.keys == 0) return;
    group.link->output.append("\r\n");
    entry->keys[group.last].ends_command = true;
    group.keys = 0;
    group.bytes = 0;
  };
  std::uint64_t inline_count = 0;
  const bool is_refused = has_reserved_key(request);
  Link* const refuser = is_refused && has_agent() ? agent_.get() : nullptr;
  for (const std::string_view name : request.keys) {
    Key key;
    key.begin = static_cast<std::uint32_t>(entry->bytes.size());
    key.size = static_cast<std::uint8_t>(name.size());
    Link* link = is_refused ? refuser : choose(key.ticket, name, request.verb);
    // A connection may have come up since an earlier key of the slot.
    if (link != nullptr && is_asked_of_agent(*entry, key.ticket.slot)) link = agent_.get();
    if (link == nullptr) {
      entry->failure = refusal_;
      continue;
    }
    key.part = part_of(*entry, *link);
    if (groups_.size() <= key.part) groups_.push_back({link, 0, 0, 0});
    Group& group = groups_[key.part];
    if (group.keys == 0) {
      text::write_retrieval_head([&](std::string_view word) { link->output.append(word); },
                                 request.verb, request.exptime);
      mark_dirty(*link);
    }
    link->output.append(" ");
    if (link->is_agent()) {
      link->output.append(name);
    } else {
      ++inline_count;
      const WireKey wire_key(name, key.ticket.pool_word, key.ticket.generation());
      link->output.append(wire_key.view());
    }
    entry->bytes.append(name);
    entry->keys.push_back(key);
    group.last = entry->keys.size() - 1;
    group.bytes += name.size() + tag_bytes_max + 1;
    if (++group.keys >= text::group_keys_max || group.bytes >= bytes_max) close(group);
  }
  for (Group& group : groups_) close(group);
  preload::count(Way::inline_keys, inline_count);
  if (inline_count > 0 && ++submitted_ % timed_every == 0) {
    entry->sent_ns = shm_layout::boottime_ns();
  }
  push(*entry);
}

// Always answered, as far as the agent is concerned; whether the application is told is ours.
void Session::submit_keyless(const Command& command, std::string_view front) {
  Entry* entry = fifo_.spare();
  if (entry == nullptr) throw std::bad_alloc();
  fill(*entry, command);
  preload::count(Way::keyless);
  if (!has_agent()) {
    fail_here(command, *entry, answers::unreachable);
    return;
  }
  std::string& output = agent_->output;
  if (command.binary != nullptr) {
    const std::size_t begin = output.size();
    output.append(front);
    output[begin + 1] = static_cast<char>(binary::loud_form(entry->opcode));
    entry->wire_opaque = entry->opaque;
  } else if (command.is_noreply) {
    output.append(text::name_of(command.verb));
    if (!command.text->arguments.empty()) output.append(" ").append(command.text->arguments);
    output.append("\r\n");
  } else {
    output.append(front);
  }
  entry->parts.push_back({agent_.get(), true, false, false});
  mark_dirty(*agent_);
  push(*entry);
}

}  // namespace ringfence::shim::preload
