// The meta commands: one request, one answer, each with an opaque token that has to come back.
#include "tests/live/netns/cache.hpp"
#include "tests/live/netns/wire.hpp"

namespace netns {
namespace {

class MetaCache final : public Cache {
 public:
  explicit MetaCache(const std::string& target) : wire_(target) {}

  Answer get(const std::string& key, std::string& value) override {
    std::string line;
    if (!ask("mg " + key + " v", "", line)) return wire_.lost();
    if (line == "EN" + token()) return Answer::miss;
    if (!line.starts_with("VA ")) return wire_.failed(line);
    if (!line.ends_with(token()) || !wire_.read_line(value)) return wire_.lost();
    return Answer::hit;
  }
  Answer set(const std::string& key, const std::string& value) override {
    return written("ms " + key + " " + std::to_string(value.size()), value + "\r\n", "NS");
  }
  Answer add(const std::string& key, const std::string& value) override {
    return written("ms " + key + " " + std::to_string(value.size()) + " ME", value + "\r\n", "NS");
  }
  Answer erase(const std::string& key) override { return written("md " + key, "", "NF"); }

 private:
  [[nodiscard]] std::string token() const { return " O" + std::to_string(opaque_); }

  bool ask(const std::string& command, const std::string& block, std::string& line) {
    ++opaque_;
    return wire_.send(command + token() + "\r\n" + block) && wire_.read_line(line);
  }
  Answer written(const std::string& command, const std::string& block,
                 const std::string& not_done) {
    std::string line;
    if (!ask(command, block, line)) return wire_.lost();
    if (line == "HD" + token()) return Answer::done;
    return line == not_done + token() ? Answer::not_done : wire_.failed(line);
  }

  Wire wire_;
  unsigned opaque_ = 0;
};

}  // namespace

std::unique_ptr<Cache> open_meta(const std::string& target) {
  return std::make_unique<MetaCache>(target);
}

}  // namespace netns
