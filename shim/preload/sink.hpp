// Where answers go: the application's own buffer, and what does not fit there a reserve that its
// next receive empties first. Pure; one receive.
#pragma once

#include <cstddef>
#include <cstring>
#include <string>
#include <string_view>

namespace ringfence::shim::preload {

class Sink {
 public:
  Sink(char* to, std::size_t room, std::string& reserve) noexcept
      : begin_(to), at_(to), room_(room), reserve_(reserve) {}

  // Short pieces, whole: what the application has no room for is kept.
  void put(std::string_view bytes) {
    if (bytes.size() <= room_) {
      std::memcpy(at_, bytes.data(), bytes.size());
      advance(bytes.size());
      return;
    }
    std::memcpy(at_, bytes.data(), room_);
    reserve_.append(bytes.substr(room_));
    advance(room_);
  }
  // Values: as much as fits now.
  [[nodiscard]] std::size_t room() const noexcept { return room_; }
  [[nodiscard]] char* at() const noexcept { return at_; }
  void advance(std::size_t count) noexcept {
    at_ += count;
    room_ -= count;
  }
  [[nodiscard]] std::size_t size() const noexcept { return static_cast<std::size_t>(at_ - begin_); }

 private:
  char* begin_;
  char* at_;
  std::size_t room_;
  std::string& reserve_;
};

}  // namespace ringfence::shim::preload
