// A backend that does not speak memcached's protocol, or nothing at all: the call is answered in
// time, the connection is dropped, no value is believed, and other backends are served meanwhile.
#include <gtest/gtest.h>

#include "tests/live/support/client_support.hpp"
#include "tests/live/support/linked_client.hpp"
#include "tests/live/support/port_host.hpp"
#include "tests/live/support/scripted_server.hpp"

namespace ringfence::live {
namespace {

constexpr std::int64_t call_ms = 500;

// The first key of a get as it was sent, with its tag.
std::string key_of(std::string_view request) {
  const std::size_t begin = request.find(' ') + 1;
  return std::string(request.substr(begin, request.find_first_of(" \r", begin) - begin));
}

struct Lie {
  const char* name;
  std::string (*answer)(std::string_view request);
};

const Lie lies[] = {
    {"garbage", [](std::string_view) { return std::string("HTTP/1.1 400 Bad Request\r\n\r\n"); }},
    {"zeros", [](std::string_view) { return std::string(5000, '\0'); }},
    {"line_without_end", [](std::string_view) { return std::string(5000, 'A'); }},
    {"foreign_key",
     [](std::string_view) { return std::string("VALUE other 0 1\r\nx\r\nEND\r\n"); }},
    {"key_of_another_tag",
     [](std::string_view request) { return "VALUE " + key_of(request) + "B 0 1\r\nx\r\nEND\r\n"; }},
    {"value_longer_than_said",
     [](std::string_view request) {
       return "VALUE " + key_of(request) + " 0 1\r\nxyz\r\nEND\r\n";
     }},
    {"value_longer_than_any",
     [](std::string_view request) { return "VALUE " + key_of(request) + " 0 1073741825\r\nx"; }},
    {"negative_length",
     [](std::string_view request) { return "VALUE " + key_of(request) + " 0 -1\r\nx\r\nEND\r\n"; }},
    {"answer_of_a_set", [](std::string_view) { return std::string("STORED\r\n"); }},
};

class ClientViolations : public testing::TestWithParam<Lie> {
 protected:
  ClientViolations() { host_.replace_backend(0, server_.address()); }

  // All of the server's connections that this client had are closed.
  [[nodiscard]] bool is_dropped() {
    return wait_until([&] { return server_.open_count() == 0; });
  }

  ScriptedServer server_{[](std::string_view request) { return GetParam().answer(request); }};
  PortHost host_;
  LinkedClient client_{host_.segment()};
};
INSTANTIATE_TEST_SUITE_P(Lies, ClientViolations, testing::ValuesIn(lies),
                         [](const auto& instance) { return std::string(instance.param.name); });

TEST_P(ClientViolations, GetThenLostInTimeAndTheConnectionIsDropped) {
  client_.set_timeout(Milliseconds{call_ms});
  const std::string there = host_.key_on(1);
  ASSERT_EQ(client_.set(there, "1"), RINGFENCE_OK);
  const Stopwatch watch;
  EXPECT_EQ(client_.get(host_.key_on(0)).status, RINGFENCE_BACKEND_LOST);
  EXPECT_LT(watch.elapsed(), Milliseconds{call_ms} + slack);
  EXPECT_EQ(server_.asked_count(), 2U);  // a get is done once more
  EXPECT_TRUE(is_dropped());
  EXPECT_EQ(client_.get(there).value, "1");
}

TEST_P(ClientViolations, GetOfManyThenOnlyThatBackendsKeysAreLost) {
  std::vector<std::string> names;
  for (std::size_t i = 0; i < 40; ++i) {
    names.push_back(host_.key_on(i % 2, "key-" + std::to_string(i) + "-"));
    const bool is_kept = i % 2 == 0 || client_.set(names[i], names[i]) == RINGFENCE_OK;
    ASSERT_TRUE(is_kept) << names[i];
  }
  std::vector<ringfence_key> keys;
  for (const std::string& name : names) keys.push_back({name.data(), name.size()});
  std::vector<Value> values(keys.size());
  std::vector<ringfence_status> statuses(keys.size());
  const Stopwatch watch;
  EXPECT_EQ(ringfence_get_many(client_.handle(), keys.data(), keys.size(),
                               reinterpret_cast<ringfence_value*>(values.data()), statuses.data(),
                               call_ms),
            RINGFENCE_OK);
  EXPECT_LT(watch.elapsed(), Milliseconds{call_ms} + slack);
  for (std::size_t i = 0; i < keys.size(); ++i) {
    EXPECT_EQ(statuses[i], i % 2 == 0 ? RINGFENCE_BACKEND_LOST : RINGFENCE_OK) << names[i];
    EXPECT_EQ(values[i].view(), i % 2 == 0 ? "" : names[i]);
  }
  EXPECT_TRUE(is_dropped());
}

// Of a write nobody knows what became: it waits for another generation of its slot, in vain.
TEST(ClientViolation, WritesThenLostAtTheDeadlineAndTheConnectionIsDropped) {
  for (const std::string answer :
       {"END\r\n", "VALUE k 0 1\r\nx\r\nEND\r\n", "stored\r\n", "\r\n"}) {
    ScriptedServer server([&](std::string_view) { return answer; });
    PortHost host;
    host.replace_backend(0, server.address());
    LinkedClient client(host.segment());
    client.set_timeout(Milliseconds{100});
    const std::string key = host.key_on(0);
    const Stopwatch watch;
    EXPECT_EQ(client.set(key, "1"), RINGFENCE_BACKEND_LOST) << answer;
    EXPECT_EQ(client.remove(key), RINGFENCE_BACKEND_LOST) << answer;
    EXPECT_EQ(client.incr(key, 1, nullptr), RINGFENCE_BACKEND_LOST) << answer;
    EXPECT_LT(watch.elapsed(), Milliseconds{300} + slack);
    EXPECT_EQ(client.set(host.key_on(1), "1"), RINGFENCE_OK);
    EXPECT_TRUE(wait_until([&] { return server.open_count() == 0; })) << answer;
  }
}

TEST(ClientViolation, SilenceThenTimedOutInTimeAndTheConnectionIsDropped) {
  ScriptedServer server([](std::string_view) { return std::string(); });
  PortHost host;
  host.replace_backend(0, server.address());
  LinkedClient client(host.segment());
  client.set_timeout(Milliseconds{100});
  const Stopwatch watch;
  EXPECT_EQ(client.get(host.key_on(0)).status, RINGFENCE_TIMED_OUT);
  EXPECT_EQ(client.set(host.key_on(0), "1"), RINGFENCE_TIMED_OUT);
  EXPECT_LT(watch.elapsed(), Milliseconds{200} + slack);
  EXPECT_TRUE(wait_until([&] { return server.open_count() == 0; }));
}

// What comes behind an answer would be taken for the answer to what is asked next.
TEST(ClientViolation, MoreThanWasAskedForThenTheAnswerCountsAndTheConnectionIsDropped) {
  ScriptedServer server([](std::string_view) { return std::string("END\r\nEND\r\n"); });
  PortHost host;
  host.replace_backend(0, server.address());
  LinkedClient client(host.segment());
  EXPECT_EQ(client.get(host.key_on(0)).status, RINGFENCE_MISS);
  EXPECT_TRUE(wait_until([&] { return server.open_count() == 0; }));
}

}  // namespace
}  // namespace ringfence::live
