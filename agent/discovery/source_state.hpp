// What a source listed last, and the rule of discovery: a source that fails, or that empties
// suddenly, takes nothing away. Pure; any thread.
#pragma once

#include <optional>
#include <string>

#include "agent/core/types.hpp"
#include "agent/discovery/list.hpp"

namespace ringfence::agent::discovery {

// What a read of a source changed.
struct News {
  bool is_changed = false;  // its list, or that it has one at last
  bool is_trouble = false;  // `text` is a warning
  std::string text;         // for the log; empty: nothing that was not said before
};

class SourceState {
 public:
  // `did_list`: an earlier life of this agent saw it list something.
  SourceState(std::string name, bool did_list) : name_(std::move(name)), did_list_(did_list) {}

  // The outcome of a read. A list that is empty after one that was not is a trouble like a failure.
  [[nodiscard]] News on_read(Result<List> read, core::Instant now);

  [[nodiscard]] const std::string& name() const { return name_; }
  // None: it has not answered in this life, and may list anything.
  [[nodiscard]] const std::optional<List>& list() const { return list_; }
  [[nodiscard]] bool did_list() const { return did_list_; }
  [[nodiscard]] const std::string& trouble() const { return trouble_; }  // empty: none
  [[nodiscard]] core::Instant trouble_since() const { return trouble_since_; }
  // Of the last good read of this life.
  [[nodiscard]] std::optional<core::Instant> read_at() const { return read_at_; }

 private:
  [[nodiscard]] News on_trouble(const std::string& why, core::Instant now);

  std::string name_;
  bool did_list_;  // when it was read last, something stood there
  std::optional<List> list_;
  std::string trouble_;
  core::Instant trouble_since_;
  std::optional<core::Instant> read_at_;
};

}  // namespace ringfence::agent::discovery
