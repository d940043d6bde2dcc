// libringfence's client, with generation tags: it routes, tags and validates each key.
#include <stdexcept>

#include "bench/client/contender.hpp"
#include "shim/ringfence.hpp"

namespace ringfence::bench {
namespace {

class LinkedClient final : public Contender {
 public:
  explicit LinkedClient(const Fleet& fleet) {
    Options options;
    options.segment_path = fleet.segment().c_str();
    check(client_.open(options));
  }
  [[nodiscard]] std::string_view name() const override { return "linked_client"; }

  void fill(const Keys& keys, const std::string& value) override {
    keys_.assign(keys.begin(), keys.end());
    for (const std::string& key : keys) writes_.push_back(Write::set(key, value));
    statuses_.resize(batch_sets);
    for (std::size_t batch = 0; batch < keys.size() / batch_sets; ++batch) set_many(batch);
  }

  std::size_t get(std::size_t key) override {
    check(client_.get({keys_[key].data, keys_[key].bytes}, value_));
    return value_.view().size();
  }
  std::size_t get_many(std::size_t batch) override {
    std::size_t bytes = 0;
    const auto add = [&](const Answer& answer) { bytes += answer.data.size(); };
    check(client_.get_each(Span<Key>{&keys_[batch * batch_keys], batch_keys}, add));
    return bytes;
  }
  void set_many(std::size_t batch) override {
    check(client_.write_many(Span<Write>{&writes_[batch * batch_sets], batch_sets},
                             statuses_.data()));
  }

 private:
  template <typename Element>
  struct Span {
    const Element* first;
    std::size_t count;
    [[nodiscard]] const Element* data() const { return first; }
    [[nodiscard]] std::size_t size() const { return count; }
  };
  static void check(ringfence_status status) {
    if (status != RINGFENCE_OK) throw std::runtime_error(ringfence_describe(status));
  }

  Client client_;
  Value value_;
  std::vector<Key> keys_;
  std::vector<Write> writes_;
  std::vector<ringfence_status> statuses_;
};

}  // namespace

std::unique_ptr<Contender> make_linked_client(const Fleet& fleet) {
  return std::make_unique<LinkedClient>(fleet);
}

}  // namespace ringfence::bench
