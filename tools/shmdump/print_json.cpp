#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "shm_layout/clock.hpp"
#include "shm_layout/slot_word.hpp"
#include "tools/shmdump/print.hpp"

namespace ringfence::shmdump {
namespace {

using Json = nlohmann::ordered_json;

Json milliseconds(const std::optional<std::int64_t>& duration_ns) {
  return duration_ns ? Json(static_cast<double>(*duration_ns) / shm_layout::ns_per_ms)
                     : Json(nullptr);
}

Json backend_json(const BackendRow& row) {
  return {{"index", row.index},
          {"address", row.address},
          {"family", row.family},
          {"weight", row.weight},
          {"state", row.is_serving ? "serving" : "lost"},
          {"incarnation", row.incarnation},
          {"slots", row.slot_count},
          {"share", static_cast<double>(row.slot_count) / shm_layout::slot_count},
          {"fenced", row.fenced_count}};
}

Json key_json(const SlotRow& row) {
  return {{"key", row.key},
          {"slot", row.slot},
          {"state", row.state},
          {"generation", row.generation},
          {"backend", row.address.empty() ? Json(nullptr) : Json(row.backend)},
          {"address", row.address.empty() ? Json(nullptr) : Json(row.address)}};
}

void add_facts(const Snapshot& s, Json& json) {
  json["state"] = s.state;
  json["lease_left_ms"] = milliseconds(s.lease_left_ns);
  json["heartbeat_age_ms"] = milliseconds(s.heartbeat_age_ns);
  json["epoch"] = s.epoch;
  json["digest"] = fmt::format("{:016x}", s.digest);
  json["cluster"] = s.cluster;
  json["cluster_id"] = s.cluster_id;
  json["instance"] = s.instance;
  json["pool"] = s.pool;
  json["options"] = {{"tags", s.has_tags},
                     {"salt", s.salt},
                     {"hash_tag", s.hash_tag},
                     {"on_lease_loss", s.serves_without_lease ? "serve" : "miss"}};
  json["answers"] = {{"get_failure", s.answers.tells_get_failure() ? "error" : "miss"},
                     {"store_failure", s.answers.tells_store_failure() ? "error" : "not_stored"},
                     {"request_timeout_ms", s.answers.request_timeout_ms()},
                     {"change_wait_ms", s.answers.change_wait_ms()}};
  json["preload"] = {{"connections", s.connection_budget}};
  json["agent"] = {{"pid", s.agent_pid}, {"incarnation", s.agent_incarnation}, {"term", s.term}};
  json["published"] = {{"count", s.publish_count},
                       {"is_publishing", s.is_publishing},
                       {"interrupted", s.publish_interrupted_count},
                       {"takeovers", s.takeover_count}};
  json["slots"] = {{"served", s.served_count},
                   {"unowned", s.unowned_count},
                   {"fenced", s.fenced_count},
                   {"broken", s.broken_count},
                   {"generation_lowest", s.generation_lowest},
                   {"generation_highest", s.generation_highest}};
  json["layout"] = {{"major", s.major},
                    {"minor", s.minor},
                    {"bytes", s.segment_bytes},
                    {"age_ms", milliseconds(s.created_age_ns)}};
}

}  // namespace

std::string json_of(const Snapshot& snapshot, int indent) {
  Json json;
  json["segment"] = snapshot.path;
  json["is"] = name_of(snapshot.freshness);
  json["reason"] = snapshot.reason;
  json["doubts"] = snapshot.doubts;
  if (snapshot.is_whole) {
    add_facts(snapshot, json);
    json["intercepts"] = snapshot.intercepts;
    json["backends"] = Json::array();
    for (const BackendRow& row : snapshot.backends) {
      json["backends"].push_back(backend_json(row));
    }
    json["keys"] = Json::array();
    for (const SlotRow& row : snapshot.keys) {
      json["keys"].push_back(key_json(row));
    }
  }
  // `replace`: a path may hold bytes that are not UTF-8.
  return json.dump(indent, ' ', false, Json::error_handler_t::replace);
}

}  // namespace ringfence::shmdump
