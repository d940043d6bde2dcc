// A backend whose answers fit no command of a preloaded connection: nothing of it is believed, what
// was asked for is answered as if it were lost, and the connection to it ends.
#include <gtest/gtest.h>

#include "tests/live/support/preloaded.hpp"
#include "tests/live/support/scripted_server.hpp"

namespace ringfence::live {
namespace {

struct Lie {
  const char* name;
  std::string command;  // of KEY
  std::string lie;
  std::string told;
};

void PrintTo(const Lie& lie, std::ostream* out) {  // NOLINT: GoogleTest's name
  *out << lie.name;
}

class PreloadViolations : public testing::TestWithParam<Lie> {
 protected:
  PreloadViolations() {
    expect_preloaded();
    host_.replace_backend(0, server_.address());
  }

  // Says that nothing is stored until it is asked for something else.
  ScriptedServer server_{[](std::string_view asked) {
    return asked.starts_with("get ") ? std::string("END\r\n") : GetParam().lie;
  }};
  PortHost host_;
};

TEST_P(PreloadViolations, AnswerThatFitsNoCommandThenNotBelievedAndTheConnectionEnds) {
  TextClient client = warm_client(host_);
  const std::uint64_t before = keys_through_port(host_);
  const std::size_t open_count = server_.open_count();  // the port's may be among them
  std::string command = GetParam().command;
  command.replace(command.find("KEY"), 3, host_.key_on(0));

  client.send(command + "\r\n");

  const std::string answer = client.read_line();
  EXPECT_TRUE(answer.starts_with(GetParam().told)) << answer;
  EXPECT_EQ(keys_through_port(host_), before);
  EXPECT_TRUE(wait_until([&] { return server_.open_count() < open_count; }));
  EXPECT_EQ(client.set(host_.key_on(1), "v"), "STORED");
}

INSTANTIATE_TEST_SUITE_P(
    Lies, PreloadViolations,
    testing::Values(Lie{"SetDeleted", "set KEY 0 0 1\r\n1", "DELETED\r\n", "NOT_STORED"},
                    Lie{"SetNotFound", "set KEY 0 0 1\r\n1", "NOT_FOUND\r\n", "NOT_STORED"},
                    Lie{"CasNumber", "cas KEY 0 0 1 7\r\n1", "42\r\n", "NOT_STORED"},
                    Lie{"DeleteStored", "delete KEY", "STORED\r\n", "SERVER_ERROR ringfence"},
                    Lie{"TouchDeleted", "touch KEY 1", "DELETED\r\n", "SERVER_ERROR ringfence"},
                    Lie{"IncrTouched", "incr KEY 1", "TOUCHED\r\n", "SERVER_ERROR ringfence"},
                    Lie{"MetaGetAnothers", "mg KEY v", "VA 1 O4294967295\r\nx\r\n", "EN"},
                    Lie{"MetaGetUnmarked", "mg KEY v", "VA 1\r\nx\r\n", "EN"},
                    Lie{"MetaSetAnothers", "ms KEY 1\r\n1", "HD O4294967295\r\n", "NS"},
                    Lie{"MetaDeleteAnothers", "md KEY Oown", "HD O4294967295\r\n",
                        "SERVER_ERROR ringfence"},
                    Lie{"MetaDeleteNotStored", "md KEY", "NS\r\n", "SERVER_ERROR ringfence"}),
    [](const auto& instance) { return std::string(instance.param.name); });

}  // namespace
}  // namespace ringfence::live
