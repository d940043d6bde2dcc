#include "agent/core/node.hpp"

#include <utility>

namespace ringfence::agent::core {

struct Node::Impl {
  NodeSettings settings;
  Replica replica;
};

Node::Node(NodeSettings settings) : impl_(std::make_unique<Impl>()) {
  impl_->settings = std::move(settings);
}
Node::~Node() = default;

Effects Node::step(Instant /*now*/, std::int64_t /*unix_ms*/, const Event& event) {
  if (const auto* entry = std::get_if<EntryApplied>(&event)) {
    impl_->replica.apply(entry->index, entry->bytes);
  }
  return {};
}

NodeReport Node::report() const {
  NodeReport report;
  report.view = impl_->replica.view();
  return report;
}

ViewPtr Node::view() const {
  return impl_->replica.view();
}

}  // namespace ringfence::agent::core
