// The binary protocol: one packet, one answer, each with an opaque number that has to come back.
#include "tests/live/netns/cache.hpp"
#include "tests/live/netns/wire.hpp"

namespace netns {
namespace {

constexpr std::size_t header_bytes = 24;
constexpr unsigned char request_magic = 0x80, reply_magic = 0x81;
enum Opcode : unsigned char {
  get_opcode = 0x00,
  set_opcode = 0x01,
  add_opcode = 0x02,
  delete_opcode = 0x04
};
enum Status : unsigned { ok = 0x00, not_found = 0x01, exists = 0x02, not_stored = 0x05 };
constexpr std::size_t store_extra_bytes = 8;  // flags and expiry: none

void put(std::string& out, std::uint64_t number, unsigned bytes) {
  while (bytes-- > 0) out += static_cast<char>(number >> (8 * bytes));
}
std::uint64_t number_at(const std::string& bytes, std::size_t from, std::size_t count) {
  std::uint64_t number = 0;
  for (std::size_t i = 0; i < count; ++i) {
    number = number << 8U | static_cast<unsigned char>(bytes[from + i]);
  }
  return number;
}

class BinaryCache final : public Cache {
 public:
  explicit BinaryCache(const std::string& target) : wire_(target) {}

  Answer get(const std::string& key, std::string& value) override {
    unsigned status = 0;
    if (!ask(get_opcode, "", key, "", status, value)) return wire_.lost();
    if (status == ok) return Answer::hit;
    return status == not_found ? Answer::miss : Answer::failed;
  }
  Answer set(const std::string& key, const std::string& value) override {
    return written(set_opcode, std::string(store_extra_bytes, '\0'), key, value);
  }
  Answer add(const std::string& key, const std::string& value) override {
    return written(add_opcode, std::string(store_extra_bytes, '\0'), key, value);
  }
  Answer erase(const std::string& key) override { return written(delete_opcode, "", key, ""); }

 private:
  Answer written(Opcode opcode, const std::string& extras, const std::string& key,
                 const std::string& value) {
    unsigned status = 0;
    std::string text;
    if (!ask(opcode, extras, key, value, status, text)) return wire_.lost();
    if (status == ok) return Answer::done;
    const bool is_told = status == not_found || status == exists || status == not_stored;
    return is_told ? Answer::not_done : Answer::failed;
  }

  bool ask(Opcode opcode, const std::string& extras, const std::string& key,
           const std::string& value, unsigned& status, std::string& answer) {
    std::string packet;
    put(packet, request_magic, 1);
    put(packet, opcode, 1);
    put(packet, key.size(), 2);
    put(packet, extras.size(), 1);
    put(packet, 0, 3);  // data type and vbucket
    put(packet, extras.size() + key.size() + value.size(), 4);
    put(packet, ++opaque_, 4);
    put(packet, 0, 8);  // cas
    packet += extras + key + value;
    std::string header;
    if (!wire_.send(packet) || !wire_.read(header_bytes, header)) return false;
    const bool is_answer = number_at(header, 0, 1) == reply_magic &&
                           number_at(header, 1, 1) == opcode && number_at(header, 12, 4) == opaque_;
    if (!is_answer || !wire_.read(number_at(header, 8, 4), answer)) return false;
    answer.erase(0, number_at(header, 4, 1) + number_at(header, 2, 2));
    status = static_cast<unsigned>(number_at(header, 6, 2));
    return true;
  }

  Wire wire_;
  std::uint32_t opaque_ = 0;
};

}  // namespace

std::unique_ptr<Cache> open_binary(const std::string& target) {
  return std::make_unique<BinaryCache>(target);
}

}  // namespace netns
