// Reading many keys: gets to one backend as few commands, values told of as they arrive. One call's
// thread.
#pragma once

#include "shim/client/fan_out.hpp"

namespace ringfence::shim::client {

// Who is told of the values.
class ValueReceiver {
 public:
  ValueReceiver() = default;
  ValueReceiver(const ValueReceiver&) = delete;
  ValueReceiver& operator=(const ValueReceiver&) = delete;

  // `value` is null unless the status is OK; its data is valid during the call.
  virtual void tell(std::size_t index, Status status, const ringfence_value* value) noexcept = 0;
  // The value that the key's is gathered in, when it is not handed out from where it was received.
  [[nodiscard]] virtual ringfence_value* own_value(std::size_t index) noexcept = 0;

 protected:
  ~ValueReceiver() = default;
};

class FanGets final : public FanJob {
 public:
  FanGets(const ringfence_key* keys, bool has_cas, ValueReceiver& receiver) noexcept
      : keys_(keys), verb_(has_cas ? Verb::gets : Verb::get), receiver_(receiver) {}
  ~FanGets() { ringfence_value_free(&spare_); }

  [[nodiscard]] std::string_view begin(std::size_t index) override;
  [[nodiscard]] bool is_get() const noexcept override { return true; }
  [[nodiscard]] text::ReplyShape shape() const noexcept override {
    return text::ReplyShape::values;
  }
  [[nodiscard]] bool is_repeatable() const noexcept override { return true; }
  void encode(FanOut& fan, Lane& lane) noexcept override;
  void take_usual(FanOut& fan, Lane& lane) noexcept override;
  [[nodiscard]] Reading take(FanOut& fan, Lane& lane, ReplyPart part) override;
  void settle(FanOut& fan) override;

 private:
  [[nodiscard]] std::string_view key_of(std::size_t index) const noexcept {
    return {keys_[index].data, keys_[index].bytes};
  }
  [[nodiscard]] char* encode_command(FanOut& fan, Lane& lane, char* end) const noexcept;
  [[nodiscard]] Reading take_header(FanOut& fan, Lane& lane);
  [[nodiscard]] std::uint32_t find_in_command(FanOut& fan, Lane& lane,
                                              std::string_view wire_key) const noexcept;
  void take_value(FanOut& fan, Lane& lane) noexcept;
  void tell_rest_of_command(FanOut& fan, Lane& lane, Status status) noexcept;
  void tell(FanOut& fan, Lane& lane, Status status, const ringfence_value* value) noexcept;
  void report(std::size_t index, Status status, const ringfence_value* value) noexcept;
  void settle_one(FanOut& fan, std::uint32_t at);
  [[nodiscard]] ringfence_value& place_of(std::size_t index) noexcept;

  const ringfence_key* keys_;
  const Verb verb_;
  ValueReceiver& receiver_;
  std::array<std::uint32_t, RINGFENCE_INVALID + 1> told_{};  // by status; of this batch
  ringfence_value spare_{};  // for keys that are done again, when the receiver has none of its own
};

}  // namespace ringfence::shim::client
