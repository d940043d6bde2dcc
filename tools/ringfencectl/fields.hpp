// Reads fields of a reply that may lack them. Pure.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>

namespace ringfence::tools {

using Json = nlohmann::json;

[[nodiscard]] inline const Json& part_of(const Json& json, const char* name) {
  static const Json nothing;
  const auto found = json.is_object() ? json.find(name) : json.end();
  return json.is_object() && found != json.end() ? *found : nothing;
}

[[nodiscard]] inline std::string text_of(const Json& json, const char* name) {
  const Json& part = part_of(json, name);
  if (part.is_string()) {
    return part.get<std::string>();
  }
  return part.is_null() ? std::string{} : part.dump();
}

[[nodiscard]] inline std::int64_t number_of(const Json& json, const char* name,
                                            std::int64_t otherwise = 0) {
  const Json& part = part_of(json, name);
  return part.is_number() ? part.get<std::int64_t>() : otherwise;
}

[[nodiscard]] inline bool flag_of(const Json& json, const char* name) {
  const Json& part = part_of(json, name);
  return part.is_boolean() && part.get<bool>();
}

}  // namespace ringfence::tools
