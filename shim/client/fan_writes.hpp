// Writing many items: pipelined, each acknowledged by itself, those of one slot in their order. One
// call's thread.
#pragma once

#include "shim/client/fan_out.hpp"

namespace ringfence::shim::client {

class FanWrites final : public FanJob {
 public:
  // `statuses` has room for each write.
  FanWrites(const ringfence_write* writes, Status* statuses) noexcept
      : writes_(writes), statuses_(statuses) {}
  ~FanWrites() = default;

  [[nodiscard]] std::string_view begin(std::size_t index) override;
  [[nodiscard]] bool is_get() const noexcept override { return false; }
  [[nodiscard]] text::ReplyShape shape() const noexcept override { return text::ReplyShape::line; }
  [[nodiscard]] bool is_repeatable() const noexcept override { return false; }
  void encode(FanOut& fan, Lane& lane) noexcept override;
  void take_usual(FanOut&, Lane&) noexcept override {}  // its answers are single lines
  [[nodiscard]] Reading take(FanOut& fan, Lane& lane, ReplyPart part) override;
  void settle(FanOut& fan) override;

 private:
  [[nodiscard]] std::string_view key_of(std::size_t index) const noexcept {
    return {writes_[index].key.data, writes_[index].key.bytes};
  }
  [[nodiscard]] Operation operation_of(std::size_t index) const noexcept;
  [[nodiscard]] Status settle_one(FanOut& fan, std::uint32_t at, bool may_repeat);

  const ringfence_write* writes_;
  Status* statuses_;
};

}  // namespace ringfence::shim::client
