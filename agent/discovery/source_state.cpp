#include "agent/discovery/source_state.hpp"

#include <fmt/format.h>

namespace ringfence::agent::discovery {

News SourceState::on_read(Result<List> read, core::Instant now) {
  if (!read) return on_trouble(read.error().message, now);
  List& list = read.value();
  if (list.empty() && did_list_) {
    return on_trouble(
        "it lists nothing any more; to take its backends out, use `ringfencectl "
        "backend remove`, or remove the source from the configuration",
        now);
  }
  News news;
  news.is_changed = !list_.has_value() || !are_same(*list_, list);
  const bool was_in_trouble = !trouble_.empty();
  if (news.is_changed || was_in_trouble) {
    news.text = fmt::format("{} lists {} backend{}{}", name_, list.size(),
                            list.size() == 1 ? "" : "s", was_in_trouble ? " again" : "");
  }
  trouble_.clear();
  read_at_ = now;
  list_ = std::move(list);
  did_list_ = !list_->empty();
  return news;
}

News SourceState::on_trouble(const std::string& why, core::Instant now) {
  News news;
  news.is_trouble = true;
  if (why == trouble_) return news;
  if (trouble_.empty()) trouble_since_ = now;
  trouble_ = why;
  news.text = fmt::format("{}: {}; {}", name_, why,
                          list_.has_value()
                              ? fmt::format("the {} it listed last stay", list_->size())
                              : "until it answers for the first time, nobody leaves its pool");
  return news;
}

}  // namespace ringfence::agent::discovery
