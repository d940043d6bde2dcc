// The fields of the segment's structs with offset and size, taken from the structs. Pure.
#pragma once

#include <cstddef>
#include <vector>

namespace ringfence::shmdump {

struct Field {
  std::size_t offset;  // from the start of the segment; of a record's content: from its words
  std::size_t bytes;
  const char* name;
  const char* meaning;
};

[[nodiscard]] const std::vector<Field>& identity_fields();
[[nodiscard]] const std::vector<Field>& control_fields();
[[nodiscard]] const std::vector<Field>& array_fields();
[[nodiscard]] const std::vector<Field>& backend_fields();
[[nodiscard]] const std::vector<Field>& intercept_fields();

}  // namespace ringfence::shmdump
