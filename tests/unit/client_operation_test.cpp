// Command lines of the linked client, and what each answer means for each verb.
#include "shim/client/operation.hpp"

#include <gtest/gtest.h>

#include <string>

#include "shim/text/port_answers.hpp"

namespace ringfence::shim::client {
namespace {

std::string line_of(const Operation& operation, std::string_view key = "k") {
  std::array<char, command_line_bytes> line;
  return {line.data(), write_line(operation, key, line.data())};
}

Operation operation_of(Verb verb) {
  Operation operation;
  operation.verb = verb;
  operation.data = "data";
  operation.exptime = 60;
  operation.number = 18446744073709551615U;
  operation.flags = 4294967295U;
  return operation;
}

TEST(ClientOperation, EachVerbThenItsWordsInMemcachedsOrder) {
  EXPECT_EQ(line_of(operation_of(Verb::get)), "get k\r\n");
  EXPECT_EQ(line_of(operation_of(Verb::gets)), "gets k\r\n");
  EXPECT_EQ(line_of(operation_of(Verb::gats)), "gats 60 k\r\n");
  EXPECT_EQ(line_of(operation_of(Verb::set)), "set k 4294967295 60 4\r\n");
  EXPECT_EQ(line_of(operation_of(Verb::cas)), "cas k 4294967295 60 4 18446744073709551615\r\n");
  EXPECT_EQ(line_of(operation_of(Verb::incr)), "incr k 18446744073709551615\r\n");
  EXPECT_EQ(line_of(operation_of(Verb::touch)), "touch k 60\r\n");
  EXPECT_EQ(line_of(operation_of(Verb::delete_key)), "delete k\r\n");
}

TEST(ClientOperation, LongestCommandThenFitsTheLine) {
  Operation operation = operation_of(Verb::prepend);
  const std::string value(100, 'v');
  operation.data = {value.data(), data_bytes_max};
  operation.exptime = -1;
  EXPECT_LE(line_of(operation, std::string(250, 'k')).size(), command_line_bytes);
  operation.verb = Verb::cas;
  EXPECT_LE(line_of(operation, std::string(250, 'k')).size(), command_line_bytes);
}

// memcached keeps the low 32 bits: 2^32 would be "for ever", and 2^31 "at once".
TEST(ClientOperation, TimeBeyondThirtyTwoBitsThenTheLastOneThatFits) {
  Operation operation = operation_of(Verb::touch);
  operation.exptime = std::int64_t{1} << 32;
  EXPECT_EQ(line_of(operation), "touch k 2147483647\r\n");
  operation.exptime = -(std::int64_t{1} << 32);
  EXPECT_EQ(line_of(operation), "touch k -1\r\n");
}

TEST(ClientOperation, AnswersOfAnotherVerbThenAViolation) {
  EXPECT_TRUE(answer_of(Verb::set, "DELETED").is_violation);
  EXPECT_TRUE(answer_of(Verb::set, "EXISTS").is_violation);
  EXPECT_TRUE(answer_of(Verb::delete_key, "STORED").is_violation);
  EXPECT_TRUE(answer_of(Verb::touch, "DELETED").is_violation);
  EXPECT_TRUE(answer_of(Verb::incr, "STORED").is_violation);
  EXPECT_TRUE(answer_of(Verb::incr, "18446744073709551616").is_violation);
  EXPECT_TRUE(answer_of(Verb::set, "ERROR Too many open connections").is_violation);
}

TEST(ClientOperation, ErrorLinesThenRefusedOrTooLarge) {
  EXPECT_EQ(answer_of(Verb::set, "SERVER_ERROR object too large for cache").status,
            RINGFENCE_TOO_LARGE);
  const Answer answer = answer_of(Verb::set, "SERVER_ERROR out of memory storing object");
  EXPECT_EQ(answer.status, RINGFENCE_REFUSED);
  EXPECT_FALSE(answer.is_out_of_step);
  EXPECT_STREQ(last_error(), "SERVER_ERROR out of memory storing object");
  EXPECT_TRUE(answer_of(Verb::set, "CLIENT_ERROR bad command line format").is_out_of_step);
  EXPECT_FALSE(answer_of(Verb::incr, "CLIENT_ERROR no number").is_out_of_step);
  forget_error();
  EXPECT_STREQ(last_error(), "");
}

TEST(ClientOperation, ErrorLongerThanItsPlaceThenCutOff) {
  const std::string line = "SERVER_ERROR " + std::string(1000, 'x');
  EXPECT_EQ(answer_of(Verb::get, line).status, RINGFENCE_REFUSED);
  EXPECT_EQ(std::string(last_error()), line.substr(0, 255));
  forget_error();
}

Status status_at_port(Verb verb, std::string_view line) {
  return answer_of_port(verb, line.substr(0, line.size() - 2)).status;
}

TEST(ClientOperation, ThePortsOwnWordsThenTheStatusThatTheyStandFor) {
  namespace port = text::port_answers;
  EXPECT_EQ(status_at_port(Verb::delete_key, port::no_backend), RINGFENCE_UNOWNED);
  EXPECT_EQ(status_at_port(Verb::delete_key, port::no_lease), RINGFENCE_LEASE_LAPSED);
  EXPECT_EQ(status_at_port(Verb::delete_key, port::no_new_view), RINGFENCE_FENCED);
  EXPECT_EQ(status_at_port(Verb::delete_key, port::view_changed), RINGFENCE_CHANGED);
  EXPECT_EQ(status_at_port(Verb::delete_key, port::unreachable), RINGFENCE_BACKEND_LOST);
  EXPECT_EQ(status_at_port(Verb::delete_key, port::unknown_outcome), RINGFENCE_BACKEND_LOST);
  EXPECT_EQ(status_at_port(Verb::set, port::not_stored), RINGFENCE_BACKEND_LOST);
  EXPECT_EQ(status_at_port(Verb::cas, port::not_stored), RINGFENCE_BACKEND_LOST);
  EXPECT_EQ(status_at_port(Verb::add, port::not_stored), RINGFENCE_BACKEND_LOST);
  EXPECT_EQ(status_at_port(Verb::set, "STORED\r\n"), RINGFENCE_OK);
}

TEST(ClientOperation, ValueGrowsThenItsMemoryIsUsedAgain) {
  ringfence_value value{};
  ASSERT_TRUE(make_room(value, 0));
  set_value(value, 0, 1, 2);
  const char* first = value.data;
  ASSERT_TRUE(make_room(value, 63));
  EXPECT_EQ(value.data, first);
  ASSERT_TRUE(make_room(value, 64));
  EXPECT_GT(value.capacity, 64U);
  value.data[0] = 'x';
  clear_value(value);
  EXPECT_STREQ(value.data, "");
  EXPECT_EQ(value.flags, 0U);
  std::free(value.data);
}

}  // namespace
}  // namespace ringfence::shim::client
