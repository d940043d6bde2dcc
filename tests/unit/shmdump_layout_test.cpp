// The drawing of the segment: from the structs, complete, and the one that README shows.
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "shm_layout/layout.hpp"
#include "tools/shmdump/layout_table.hpp"
#include "tools/shmdump/print.hpp"

namespace ringfence::shmdump {
namespace {

// Every byte of `bytes` from `begin` belongs to exactly one field.
void expect_covered(const std::vector<Field>& fields, std::size_t begin, std::size_t bytes) {
  std::size_t next = begin;
  for (const Field& field : fields) {
    EXPECT_EQ(field.offset, next) << field.name;
    next = field.offset + field.bytes;
  }
  EXPECT_EQ(next, begin + bytes);
}

TEST(ShmdumpLayout, StructsThenEveryByteIsAField) {
  expect_covered(identity_fields(), 0, sizeof(shm_layout::Identity));
  expect_covered(control_fields(), offsetof(shm_layout::Segment, control),
                 sizeof(shm_layout::Control));
  expect_covered(backend_fields(), 0, sizeof(shm_layout::BackendInfo));
  expect_covered(intercept_fields(), 0, sizeof(shm_layout::InterceptInfo));
  expect_covered(array_fields(), offsetof(shm_layout::Segment, intercepts),
                 sizeof(shm_layout::Segment) - offsetof(shm_layout::Segment, intercepts));
}

TEST(ShmdumpLayout, ReadmeThenShowsThisTable) {
  std::ifstream file(std::string(RINGFENCE_TEST_SOURCE_DIR) + "/README.md");
  std::stringstream readme;
  readme << file.rdbuf();
  const std::string text = readme.str();
  const std::size_t section = text.find("\n## The segment\n");
  ASSERT_NE(section, std::string::npos);
  const std::string body = text.substr(section, text.find("\n## ", section + 1) - section);
  EXPECT_NE(body.find("```text\n" + layout_text() + "```\n"), std::string::npos)
      << "README's section \"The segment\" must hold what `shmdump --layout` prints:\n"
      << layout_text();
}

}  // namespace
}  // namespace ringfence::shmdump
