// See log_owner.hpp. The file is a line: `ringfence-log <id> waits|begun <XXH3-64 of all before>`.
#include "agent/engine/log_owner.hpp"

#define XXH_INLINE_ALL
#include <fmt/core.h>
#include <xxhash.h>

#include "agent/engine/state_files.hpp"

namespace ringfence::agent::engine {
namespace {

constexpr const char* file_name = "owner";
constexpr std::string_view magic = "ringfence-log ";
constexpr std::size_t id_digits = 16;
constexpr std::size_t line_bytes = magic.size() + id_digits + 7 + 16 + 1;

std::string encode(core::AgentId id, bool has_begun) {
  const std::string text =
      fmt::format("{}{:016x} {} ", magic, id.value, has_begun ? "begun" : "waits");
  return text + fmt::format("{:016x}\n", XXH3_64bits(text.data(), text.size()));
}

LogOwner decode(const std::string& line) {
  LogOwner owner;
  for (const bool has_begun : {false, true}) {
    if (line.size() != line_bytes) break;
    const std::string digits = line.substr(magic.size(), id_digits);
    if (digits.find_first_not_of("0123456789abcdef") != std::string::npos) break;
    owner.id = {std::stoull(digits, nullptr, 16)};
    owner.has_begun = has_begun;
    if (line == encode(owner.id, has_begun)) return owner;
  }
  owner.is_damaged = true;
  return owner;
}

}  // namespace

Result<LogOwner> claim_log(const std::string& dir, core::AgentId id) {
  const Result<FileBytes> file = read_small_file(dir + "/" + file_name, line_bytes + 1);
  if (!file) return file.error();
  if (file.value().exists) {
    LogOwner owner = decode(file.value().bytes);
    owner.is_other = !owner.is_damaged && owner.id != id;
    return owner;
  }
  if (Status status = replace_file(dir, file_name, encode(id, false)); !status) {
    return status.error();
  }
  LogOwner owner;
  owner.id = id;
  return owner;
}

Status note_log_began(const std::string& dir, core::AgentId id) {
  return replace_file(dir, file_name, encode(id, true));
}

}  // namespace ringfence::agent::engine
