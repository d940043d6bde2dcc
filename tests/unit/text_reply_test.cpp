// The reply parser: each reply whole and cut at every byte, and what a hostile backend might send.
#include "shim/text/reply.hpp"

#include <gtest/gtest.h>

#include <string>

namespace ringfence::shim::text {
namespace {

// What a parser says of `reply` when its bytes arrive in pieces of which the first ends at `cut`,
// as one line a happening. Value bytes are joined, since their cuts are free.
std::string transcript(ReplyShape shape, std::string_view reply, std::size_t cut) {
  ReplyParser parser;
  std::string told;
  std::size_t begin = 0;
  std::size_t arrived = cut;
  while (true) {
    const ReplyEvent event = parser.next(shape, reply.substr(begin, arrived - begin));
    begin += event.consumed_bytes;
    switch (event.kind) {
      case ReplyEventKind::need_more:
        if (arrived == reply.size()) return told + (begin == reply.size() ? "" : "unfinished;");
        arrived = reply.size();
        break;
      case ReplyEventKind::value_header:
        told += "value " + std::string(event.key) + " " + std::string(event.client_flags) + " " +
                std::to_string(event.value_bytes) +
                (event.has_cas ? " cas " + std::string(event.cas_unique) : "") + ":";
        break;
      case ReplyEventKind::value_bytes:
        told += event.bytes;
        break;
      case ReplyEventKind::value_done:
        told += ";";
        break;
      case ReplyEventKind::stat:
        told += "stat " + std::string(event.bytes) + ";";
        break;
      case ReplyEventKind::end:
        told += "end;";
        break;
      case ReplyEventKind::line:
        told += "line " + std::string(event.bytes) + ";";
        break;
      case ReplyEventKind::violation:
        return told + "violation;";
    }
  }
}

void expect_at_every_cut(ReplyShape shape, std::string_view reply, std::string_view told) {
  for (std::size_t cut = 0; cut <= reply.size(); ++cut) {
    ASSERT_EQ(transcript(shape, reply, cut), told) << "cut at " << cut << " of " << reply;
  }
}

TEST(ReplyParser, SingleLinesCutAnywhereThenWhole) {
  for (const std::string line :
       {"STORED", "NOT_STORED", "EXISTS", "NOT_FOUND", "DELETED", "TOUCHED", "OK", "42",
        "VERSION 1.6.18", "ERROR", "CLIENT_ERROR bad data chunk", "SERVER_ERROR out of memory"}) {
    expect_at_every_cut(ReplyShape::line, line + "\r\n", "line " + line + ";");
  }
}

TEST(ReplyParser, ValuesCutAnywhereThenWhole) {
  expect_at_every_cut(ReplyShape::values, "END\r\n", "end;");
  expect_at_every_cut(ReplyShape::values,
                      "VALUE a 0 5\r\nhello\r\nVALUE b 4294967295 0 77\r\n\r\nEND\r\n",
                      "value a 0 5:hello;value b 4294967295 0 cas 77:;end;");
  expect_at_every_cut(ReplyShape::values, "VALUE a 0 7\r\n\r\nEND\r\n\r\nEND\r\n",
                      "value a 0 7:\r\nEND\r\n;end;");
  expect_at_every_cut(ReplyShape::values, "SERVER_ERROR out of memory writing get response\r\n",
                      "line SERVER_ERROR out of memory writing get response;");
}

TEST(ReplyParser, StatsCutAnywhereThenWhole) {
  expect_at_every_cut(ReplyShape::stats, "STAT pid 1\r\nSTAT name a b\r\nEND\r\n",
                      "stat pid 1;stat name a b;end;");
  expect_at_every_cut(ReplyShape::stats, "RESET\r\n", "line RESET;");
  expect_at_every_cut(ReplyShape::stats, "OK\r\n", "line OK;");
  expect_at_every_cut(ReplyShape::stats, "CLIENT_ERROR bad command line\r\n",
                      "line CLIENT_ERROR bad command line;");
}

TEST(ReplyParser, MetaAnswersCutAnywhereThenWhole) {
  for (const std::string line :
       {"HD", "EN", "NS c0", "EX", "NF O1", "HD s5 t-1 O1 W", "ME k exp=-1 la=0", "ERROR",
        "CLIENT_ERROR bad data chunk", "SERVER_ERROR out of memory storing object"}) {
    expect_at_every_cut(ReplyShape::meta, line + "\r\n", "line " + line + ";");
  }
  expect_at_every_cut(ReplyShape::meta, "VA 5\r\nhello\r\nHD\r\n", "value   5:hello;line HD;");
  expect_at_every_cut(ReplyShape::meta, "VA 0 t-1 O1\r\n\r\n", "value   0:;");
  ReplyParser parser;
  EXPECT_EQ(parser.next(ReplyShape::meta, "VA 2 t-1 O1 W\r\n").bytes, "t-1 O1 W");
}

TEST(ReplyParser, PipelinedRepliesThenOneAtATime) {
  ReplyParser parser;
  const std::string_view bytes = "STORED\r\nVALUE k 0 1\r\nx\r\nEND\r\n";
  const ReplyEvent first = parser.next(ReplyShape::line, bytes);
  EXPECT_EQ(first.kind, ReplyEventKind::line);
  EXPECT_EQ(first.consumed_bytes, 8U);
  EXPECT_EQ(transcript(ReplyShape::values, bytes.substr(8), 0), "value k 0 1:x;end;");
}

TEST(ReplyParser, ValueThenInsideUntilItsLineEnd) {
  ReplyParser parser;
  EXPECT_FALSE(parser.is_inside_value());
  EXPECT_EQ(parser.next(ReplyShape::values, "VALUE k 0 1\r\n").kind, ReplyEventKind::value_header);
  EXPECT_TRUE(parser.is_inside_value());
  EXPECT_EQ(parser.next(ReplyShape::values, "x").kind, ReplyEventKind::value_bytes);
  EXPECT_TRUE(parser.is_inside_value());
  EXPECT_EQ(parser.next(ReplyShape::values, "\r\n").kind, ReplyEventKind::value_done);
  EXPECT_FALSE(parser.is_inside_value());
}

void expect_violation(ReplyShape shape, const std::string& reply) {
  for (std::size_t cut = 0; cut <= reply.size(); ++cut) {
    const std::string told = transcript(shape, reply, cut);
    EXPECT_TRUE(told.ends_with("violation;")) << reply << " cut at " << cut << ": " << told;
  }
}

TEST(ReplyParser, ReplyOfAnotherShapeThenViolation) {
  expect_violation(ReplyShape::line, "END\r\n");
  expect_violation(ReplyShape::line, "VALUE k 0 1\r\n");
  expect_violation(ReplyShape::line, "STAT pid 1\r\n");
  expect_violation(ReplyShape::values, "STORED\r\n");
  expect_violation(ReplyShape::values, "STAT pid 1\r\n");
  expect_violation(ReplyShape::stats, "VALUE k 0 1\r\n");
  expect_violation(ReplyShape::stats, "STORED\r\n");
  for (const char* line : {"STORED\r\n", "END\r\n", "MN\r\n", "HDx\r\n", "VALUE k 0 1\r\n", "5\r\n",
                           "\r\n", "VA\r\n"}) {
    expect_violation(ReplyShape::meta, line);
  }
}

TEST(ReplyParser, MalformedLineThenViolation) {
  expect_violation(ReplyShape::line, "\r\n");
  expect_violation(ReplyShape::line, "STORED\n");
  expect_violation(ReplyShape::line, "\n");
  expect_violation(ReplyShape::line, std::string("\0\r\n", 3));
  expect_violation(ReplyShape::line, "stored\r\n");
  expect_violation(ReplyShape::values, "VALUE \r\n");
  expect_violation(ReplyShape::values, "VALUE k\r\n");
  expect_violation(ReplyShape::values, "VALUE k 0\r\n");
  expect_violation(ReplyShape::values, "VALUE k 0 1 2 3\r\n");
  expect_violation(ReplyShape::values, "VALUE " + std::string(251, 'k') + " 0 1\r\n");
}

TEST(ReplyParser, NumberOutOfBoundsThenViolation) {
  expect_violation(ReplyShape::values, "VALUE k 0 -1\r\n");
  expect_violation(ReplyShape::values, "VALUE k 0 1x\r\n");
  expect_violation(ReplyShape::values, "VALUE k 0 1073741825\r\n");
  expect_violation(ReplyShape::values, "VALUE k 0 18446744073709551617\r\n");
  expect_violation(ReplyShape::values, "VALUE k -1 1\r\n");
  expect_violation(ReplyShape::values, "VALUE k 0 1 18446744073709551616\r\n");
  expect_violation(ReplyShape::meta, "VA 1073741825\r\n");
  expect_violation(ReplyShape::meta, "VA -1\r\n");
  expect_violation(ReplyShape::meta, "VA t5\r\n");
  EXPECT_EQ(transcript(ReplyShape::values, "VALUE k 0 1073741824\r\n", 0), "value k 0 1073741824:");
}

TEST(ReplyParser, ValueWithoutItsLineEndThenViolation) {
  expect_violation(ReplyShape::values, "VALUE k 0 1\r\nxy\r\nEND\r\n");
  expect_violation(ReplyShape::values, "VALUE k 0 1\r\nx\rEND\r\n");
  expect_violation(ReplyShape::values, "VALUE k 0 0\r\n\nEND\r\n");
}

TEST(ReplyParser, LineAboveTheLimitThenViolation) {
  const std::string longest = "SERVER_ERROR " + std::string(reply_line_bytes_max - 15, 'x');
  expect_at_every_cut(ReplyShape::line, longest + "\r\n", "line " + longest + ";");
  EXPECT_EQ(transcript(ReplyShape::line, longest + "x\r\n", 0), "violation;");
  ReplyParser parser;
  const std::string endless(reply_line_bytes_max, 'X');
  EXPECT_EQ(parser.next(ReplyShape::line, endless).kind, ReplyEventKind::violation);
}

TEST(TextReply, LineThatAnswersNoSuchCommandThenOutOfStep) {
  const auto fitting = [](Verb verb) {
    std::string all;
    for (const char* line :
         {"STORED", "NOT_STORED", "EXISTS", "NOT_FOUND", "TOUCHED", "DELETED", "42", "7  ", "4x"}) {
      if (may_answer(verb, line)) all += std::string(line) + ",";
    }
    EXPECT_TRUE(may_answer(verb, "SERVER_ERROR out of memory"));
    EXPECT_TRUE(may_answer(verb, "ERROR"));
    EXPECT_FALSE(may_answer(verb, "ERRORS"));
    return all;
  };
  for (const Verb verb : {Verb::set, Verb::add, Verb::replace, Verb::append, Verb::prepend}) {
    EXPECT_EQ(fitting(verb), "STORED,NOT_STORED,");
  }
  EXPECT_EQ(fitting(Verb::cas), "STORED,NOT_STORED,EXISTS,NOT_FOUND,");
  EXPECT_EQ(fitting(Verb::touch), "NOT_FOUND,TOUCHED,");
  EXPECT_EQ(fitting(Verb::delete_key), "NOT_FOUND,DELETED,");
  EXPECT_EQ(fitting(Verb::incr), "NOT_FOUND,42,7  ,");
  EXPECT_EQ(fitting(Verb::decr), "NOT_FOUND,42,7  ,");
}

}  // namespace
}  // namespace ringfence::shim::text
