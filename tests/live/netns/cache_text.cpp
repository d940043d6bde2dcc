// The classic commands: one request, one answer. What is not understood closes the connection.
#include "tests/live/netns/cache.hpp"
#include "tests/live/netns/wire.hpp"

namespace netns {
namespace {

class TextCache final : public Cache {
 public:
  explicit TextCache(const std::string& target) : wire_(target) {}

  Answer get(const std::string& key, std::string& value) override {
    std::string line;
    if (!wire_.send("get " + key + "\r\n") || !wire_.read_line(line)) return wire_.lost();
    if (line == "END") return Answer::miss;
    if (!line.starts_with("VALUE " + key + " ")) return wire_.failed(line);
    std::string end;
    if (!wire_.read_line(value) || !wire_.read_line(end) || end != "END") return wire_.lost();
    return Answer::hit;
  }
  Answer set(const std::string& key, const std::string& value) override {
    return store("set", key, value);
  }
  Answer add(const std::string& key, const std::string& value) override {
    return store("add", key, value);
  }
  Answer erase(const std::string& key) override {
    return one_line("delete " + key + "\r\n", "DELETED", "NOT_FOUND");
  }

 private:
  Answer store(const std::string& verb, const std::string& key, const std::string& value) {
    const std::string size = std::to_string(value.size());
    return one_line(verb + " " + key + " 0 0 " + size + "\r\n" + value + "\r\n", "STORED",
                    "NOT_STORED");
  }
  Answer one_line(const std::string& request, std::string_view done, std::string_view not_done) {
    std::string line;
    if (!wire_.send(request) || !wire_.read_line(line)) return wire_.lost();
    if (line == done) return Answer::done;
    return line == not_done ? Answer::not_done : wire_.failed(line);
  }

  Wire wire_;
};

}  // namespace

std::unique_ptr<Cache> open_text(const std::string& target) {
  return std::make_unique<TextCache>(target);
}

}  // namespace netns
