// What is hidden and where the key goes; see show.hpp. Pure; any thread.
#include "shim/meta/show.hpp"

namespace ringfence::shim::meta {

bool is_hidden(const Command& command, std::string_view line) noexcept {
  if (!command.is_quiet || !is_status(line)) return false;
  const std::string_view status = line.substr(0, 2);
  switch (command.verb) {
    case Verb::get:
      return status == "EN";
    case Verb::set:
    case Verb::delete_key:
    case Verb::arithmetic:
      return status == "HD";
    case Verb::show:
    case Verb::noop:
      return false;
  }
  return false;
}

bool is_status(std::string_view line) noexcept {
  if (line.size() > 2 && line[2] != ' ') return false;
  const std::string_view name = line.substr(0, 2);
  return name == "HD" || name == "EN" || name == "NS" || name == "EX" || name == "NF";
}

std::string_view word_of(std::string_view flags, char letter) noexcept {
  text::Words words(flags);
  for (auto word = words.next(); !word.empty(); word = words.next()) {
    if (word.front() == letter) return word;
  }
  return {};
}

std::size_t place_of(std::string_view flags, char letter) noexcept {
  const std::string_view word = word_of(flags, letter);
  return word.empty() ? std::string_view::npos
                      : static_cast<std::size_t>(word.data() - flags.data());
}

bool expects_value(const Command& command) noexcept {
  const bool may_show = command.verb == Verb::get || asks_for_number(command);
  return may_show && place_of(command.flags, 'v') != std::string_view::npos;
}

bool may_answer(const Command& command, std::string_view line) noexcept {
  if (line.starts_with("ME")) return command.verb == Verb::show;
  if (!is_status(line)) return true;  // an error, whatever was asked
  if (!is_in_step(command, line.substr(2), false)) return false;
  const bool is_read = command.verb == Verb::get || command.verb == Verb::show;
  switch (line.front()) {
    case 'H':  // HD
      return command.verb != Verb::show && !expects_value(command);
    case 'E':  // EN, EX
      return is_read == (line[1] == 'N');
    default:  // NS, NF
      return !is_read && (line[1] == 'F' || command.verb != Verb::delete_key);
  }
}

bool may_answer_value(const Command& command, std::string_view flags) noexcept {
  return expects_value(command) && is_in_step(command, flags, true);
}

bool is_miss(std::string_view line) noexcept {
  return line.starts_with("EN") && is_status(line);
}

bool is_in_step(const Command& command, std::string_view flags, bool has_value) noexcept {
  if (!command.is_marked || command.verb == Verb::show) return true;
  const std::string_view word = word_of(flags, 'O');
  return word.empty() ? !has_value : word.substr(1) == text::Digits(command.mark).view();
}

std::string_view item_of(std::string_view line) noexcept {
  if (!line.starts_with("ME ")) return {};
  // The last of them: a key may hold the same.
  const std::size_t end = line.rfind(" exp=");
  return end == std::string_view::npos ? std::string_view{} : line.substr(end);
}

}  // namespace ringfence::shim::meta
