// Every key of the table, by the table: default, bounds, type errors, README.
#include <fmt/core.h>
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "agent/config/config.hpp"
#include "agent/config/keys.hpp"
#include "agent/config/values.hpp"

namespace ringfence::agent::config {
namespace {

// A file that sets this one key, in its section, in line 2 (line 1 at the top).
std::string file_with(const Key& key, const std::string& value) {
  const std::string_view section = section_name(key.section);
  const std::string line = fmt::format("{} = {}\n", key.name, value);
  if (key.section == Section::top) return line;
  if (key.section == Section::pool) return "[[pool]]\n" + line;
  return fmt::format("[{}]\n{}", section, line);
}

std::string error_of(const std::string& text) {
  const Result<Config> config = parse_config(text, "f.toml");
  return config ? "" : config.error().message;
}

std::string error_start(const Key& key) {
  const std::string_view section = section_name(key.section);
  return fmt::format("f.toml:{}: {}{}{}", key.section == Section::top ? 1 : 2, section,
                     section.empty() ? "" : ".", key.name);
}

class ConfigKey : public testing::TestWithParam<Key> {};

TEST_P(ConfigKey, DefaultOfTheTableThenSameConfigAsWithoutTheLine) {
  const Key& key = GetParam();
  // listen: an only pool has the default address with and without the line.
  const Result<Config> written = parse_config(file_with(key, std::string(key.default_text)), "f");
  const Result<Config> left_out =
      parse_config(key.section == Section::pool ? "[[pool]]\n" : "", "f");

  ASSERT_TRUE(written) << written.error().message;
  ASSERT_TRUE(left_out);
  EXPECT_EQ(show_config(written.value()), show_config(left_out.value()));
}

TEST_P(ConfigKey, WrongTypeThenErrorNamesFileLineAndKey) {
  const Key& key = GetParam();
  const std::string wrong = key.kind == ValueKind::text || key.kind == ValueKind::choice ||
                                    key.kind == ValueKind::texts || key.kind == ValueKind::duration
                                ? "1.5"
                                : "\"text\"";

  const std::string error = error_of(file_with(key, wrong));

  EXPECT_EQ(error.find(error_start(key)), 0U) << error;
  EXPECT_NE(error.find("not a "), std::string::npos) << error;
}

TEST_P(ConfigKey, BeyondItsLimitThenErrorSaysWhatIsAllowed) {
  const Key& key = GetParam();
  std::vector<std::string> wrong;
  const auto ms = [](std::int64_t ns) { return fmt::format("\"{}ms\"", ns / 1'000'000); };
  switch (key.kind) {
    case ValueKind::count:
      wrong = {fmt::format("{}", key.min - 1), fmt::format("{}", key.max + 1)};
      break;
    case ValueKind::duration:
      wrong = {ms(key.max + 1'000'000)};
      if (key.min > 0) wrong.push_back(ms(key.min - 1'000'000));
      break;
    case ValueKind::choice:
      wrong = {"\"something\""};
      break;
    case ValueKind::texts: {
      std::string list = "[";
      for (std::int64_t i = 0; i <= key.max; i++) list += fmt::format("\"10.0.0.1:{}\",", i + 1);
      wrong = {list + "]"};
      break;
    }
    default:
      return;  // texts have their own tests
  }
  for (const std::string& value : wrong) {
    const std::string error = error_of(file_with(key, value));
    EXPECT_EQ(error.find(error_start(key)), 0U) << value << ": " << error;
    if (key.kind == ValueKind::texts) {
      EXPECT_NE(error.find(fmt::format("at most {}", key.max)), std::string::npos) << error;
    } else {
      EXPECT_NE(error.find(limits_of(key)), std::string::npos) << error;
    }
  }
}

TEST_P(ConfigKey, AtItsLimitsThenAccepted) {
  const Key& key = GetParam();
  std::vector<std::string> right;
  if (key.kind == ValueKind::count) {
    right = {fmt::format("{}", key.min), fmt::format("{}", key.max)};
  } else if (key.kind == ValueKind::choice) {
    for (const std::string_view choice : choices_of(key)) {
      if (choice != "witness") right.push_back(fmt::format("\"{}\"", choice));
    }
  } else if (key.kind == ValueKind::duration) {
    // Other keys bound these two more tightly: their own tests.
    if (key.name == "margin" || key.name == "length" || key.name == "hold_down_max") return;
    const std::string most = fmt::format("\"{}ms\"", key.max / 1'000'000);
    right = {fmt::format("\"{}ms\"", key.min / 1'000'000)};
    if (key.name != "hold_down") right.push_back(most);
  }
  for (const std::string& value : right) {
    EXPECT_EQ(error_of(file_with(key, value)), "") << value;
  }
}

TEST_P(ConfigKey, ReasonAndLimitsThenNeitherIsEmpty) {
  EXPECT_FALSE(GetParam().reason.empty());
  EXPECT_FALSE(limits_of(GetParam()).empty());
  EXPECT_EQ(GetParam().kind == ValueKind::texts, GetParam().clear != nullptr);
}

INSTANTIATE_TEST_SUITE_P(Every, ConfigKey, testing::ValuesIn(all_keys()), [](const auto& test) {
  const std::string_view section = section_name(test.param.section);
  return fmt::format("{}{}{}", section, section.empty() ? "" : "_", test.param.name);
});

TEST(ConfigReadme, EveryDefaultThenTableIsTheCodesOwn) {
  std::ifstream file(RINGFENCE_TEST_SOURCE_DIR "/README.md");
  std::stringstream text;
  text << file.rdbuf();

  ASSERT_FALSE(text.str().empty());
  EXPECT_NE(text.str().find(defaults_table()), std::string::npos)
      << "README's section \"Every default\" must hold exactly:\n"
      << defaults_table();
}

}  // namespace
}  // namespace ringfence::agent::config
