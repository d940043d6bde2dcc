// The preload's pure part: commands are cut from what an application sends, and answers made from
// what backends send, whatever pieces both come in.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "shim/preload/answering.hpp"
#include "shim/preload/commands.hpp"
#include "shim/preload/fifo.hpp"
#include "shim/text/port_answers.hpp"
#include "shm_layout/mapped_segment.hpp"
#include "tests/unit/route_support.hpp"

namespace ringfence::shim::preload {
namespace {

using shm_layout::testing::TempDirectory;

class PreloadAnswering : public ::testing::Test {
 protected:
  PreloadAnswering() : segment_(dir_.file("segment")) {
    segment_->store_state(shm_layout::SegmentState::open);
    EXPECT_EQ(mapped_.open(dir_.file("segment").c_str()), shm_layout::AttachVerdict::ok);
  }
  // A retrieval of `keys`, each asked of the one backend, as one command.
  void ask(Entry& entry, const std::vector<std::string>& keys, text::Verb verb = text::Verb::get) {
    entry.clear();
    entry.kind = Kind::retrieval;
    entry.verb = verb;
    fill(entry, keys);
  }
  void fill(Entry& entry, const std::vector<std::string>& keys) {
    entry.segment = &mapped_.reader();
    entry.parts.push_back({&inbox_, false, false, false});
    for (const std::string& name : keys) {
      Key key;
      key.begin = static_cast<std::uint32_t>(entry.bytes.size());
      key.size = static_cast<std::uint8_t>(name.size());
      key.ticket = shim::route(mapped_.reader(), name);
      entry.bytes += name;
      entry.keys.push_back(key);
    }
    entry.keys.back().ends_command = true;
    entry.words_begin = static_cast<std::uint32_t>(entry.bytes.size());
  }
  void ask_meta(Entry& entry, const std::string& key, std::string_view flags, std::uint32_t mark) {
    entry.clear();
    entry.kind = Kind::single;
    entry.protocol = Protocol::meta;
    entry.meta_verb = meta::Verb::get;
    entry.verb = text::Verb::get;
    entry.wire_opaque = mark;
    fill(entry, {key});
    entry.bytes += flags;
  }
  [[nodiscard]] std::string wire(const std::string& key) const {
    const Ticket ticket = shim::route(mapped_.reader(), key);
    return std::string(WireKey(key, ticket.pool_word, ticket.generation()).view());
  }
  // What the application gets when `reply` comes in pieces of `piece` bytes and it takes `room`
  // bytes at a time; ends with how it ended.
  [[nodiscard]] std::string answer(Entry& entry, std::string_view reply, std::size_t piece,
                                   std::size_t room) {
    std::string all, reserve;
    for (;;) {
      std::string taken(room, '\0');
      Sink sink(taken.data(), room, reserve);
      const Stepped stepped = Answering(entry, sink, tally_, wait_end_ns_).run();
      all.append(taken, 0, sink.size());
      all += reserve;
      reserve.clear();
      if (stepped.step == Step::full) continue;
      if (stepped.step != Step::need_bytes) return all + (stepped.step == Step::done ? "" : "!");
      if (reply.empty()) {
        inbox_.is_ended = true;
        continue;
      }
      inbox_.append(reply.substr(0, piece));
      reply.remove_prefix(std::min(piece, reply.size()));
    }
  }

  TempDirectory dir_;
  shim::testing::RoutedSegment segment_;
  shm_layout::MappedSegment mapped_;
  Inbox inbox_;
  Tally tally_;
  std::int64_t wait_end_ns_ = 0;
};

TEST_F(PreloadAnswering, RepliesInAnyPiecesThenTheSameAnswerUnderTheApplicationsKeys) {
  const std::vector<std::string> keys{"a", "none", "b", "a"};
  const std::string reply = "VALUE " + wire("a") + " 5 3\r\nabc\r\nVALUE " + wire("b") +
                            " 0 0\r\n\r\nVALUE " + wire("a") + " 5 3\r\nabc\r\nEND\r\n";
  for (std::size_t piece = 1; piece <= reply.size(); ++piece) {
    for (const std::size_t room : {std::size_t{1}, std::size_t{7}, std::size_t{4096}}) {
      Entry entry;
      ask(entry, keys);
      EXPECT_EQ(answer(entry, reply, piece, room),
                "VALUE a 5 3\r\nabc\r\nVALUE b 0 0\r\n\r\nVALUE a 5 3\r\nabc\r\nEND\r\n")
          << piece << " " << room;
    }
  }
}

TEST_F(PreloadAnswering, OneKeyThenAnsweredWholeOrInPieces) {
  const std::string reply = "VALUE " + wire("key") + " 1 5 42\r\nvalue\r\nEND\r\n";
  for (std::size_t piece = 1; piece <= reply.size(); ++piece) {
    Entry entry;
    ask(entry, {"key"}, text::Verb::gets);
    EXPECT_EQ(answer(entry, reply, piece, 4096), "VALUE key 1 5 42\r\nvalue\r\nEND\r\n");
  }
  EXPECT_EQ(tally_.hits, reply.size());
}

TEST_F(PreloadAnswering, ValueOfAKeyThatNobodyAskedThenAMissAndTheConnectionEnds) {
  Entry entry;
  ask(entry, {"key"});
  EXPECT_EQ(answer(entry, "VALUE other~xyB 0 1\r\n1\r\nEND\r\n", 4096, 4096), "END\r\n");
  EXPECT_TRUE(inbox_.is_ended);
}

TEST_F(PreloadAnswering, G2_SlotMovedBeforeTheReplyCameThenAMiss) {
  for (const std::size_t piece : {std::size_t{3}, std::size_t{4096}}) {
    const std::string reply = "VALUE " + wire("key") + " 1 5\r\nvalue\r\nEND\r\n";
    Entry entry;
    ask(entry, {"key"});
    segment_.publish(2 + piece, 0, 2 + piece);
    EXPECT_EQ(answer(entry, reply, piece, 4096), "END\r\n");
  }
  EXPECT_EQ(tally_.refused_by_fence, 2U);
}

TEST_F(PreloadAnswering, ConnectionEndsInsideAValueThenBrokenAndNothingElseIsTold) {
  const std::string reply = "VALUE " + wire("key") + " 1 500\r\nval";
  Entry entry;
  ask(entry, {"key"});
  EXPECT_EQ(answer(entry, reply, 4096, 4096), "VALUE key 1 500\r\nval!");
}

TEST_F(PreloadAnswering, DeleteLostThenWaitsForTheNextGenerationAndTellsTheTruth) {
  Entry entry;
  entry.kind = Kind::single;
  entry.verb = text::Verb::delete_key;
  fill(entry, {"key"});
  EXPECT_EQ(answer(entry, "", 1, 4096), "!");  // waiting
  segment_.publish(2, 0, 2);
  EXPECT_EQ(answer(entry, "", 1, 4096), "NOT_FOUND\r\n");
}

TEST_F(PreloadAnswering, StoreLostThenNotStored) {
  Entry entry;
  entry.kind = Kind::single;
  entry.verb = text::Verb::set;
  fill(entry, {"key"});
  EXPECT_EQ(answer(entry, "", 1, 4096), "NOT_STORED\r\n");
}

TEST_F(PreloadAnswering, PoolThatTellsFailuresThenLostGetsAndStoresAreErrors) {
  segment_->store_answers({true, true, 1000, 1000});
  const std::string error = std::string(text::port_answers::unknown_outcome);
  Entry entry;
  ask(entry, {"a", "b"});
  EXPECT_EQ(answer(entry, "VALUE " + wire("a") + " 0 1\r\n1\r\n", 4096, 4096),
            "VALUE a 0 1\r\n1\r\n" + error);
  inbox_ = {};
  ask(entry, {"a"});
  EXPECT_EQ(answer(entry, "", 1, 4096), error);
  inbox_ = {};
  entry.clear();
  entry.kind = Kind::single;
  entry.verb = text::Verb::set;
  fill(entry, {"a"});
  EXPECT_EQ(answer(entry, "", 1, 4096), error);
}

TEST_F(PreloadAnswering, PoolThatTellsFailuresThenAMissStaysAMiss) {
  segment_->store_answers({true, true, 1000, 1000});
  Entry entry;
  ask(entry, {"a", "b"});
  EXPECT_EQ(answer(entry, "END\r\n", 4096, 4096), "END\r\n");
  ask_meta(entry, "a", " v", 7);
  EXPECT_EQ(answer(entry, "EN\r\n", 4096, 4096), "EN\r\n");
}

TEST_F(PreloadAnswering, ErrorInPlaceOfValuesThenToldOnlyWhereThePoolWantsIt) {
  Entry entry;
  ask(entry, {"a"});
  EXPECT_EQ(answer(entry, "SERVER_ERROR out of memory\r\n", 4096, 4096), "END\r\n");
  segment_->store_answers({true, false, 1000, 1000});
  ask(entry, {"a"});
  EXPECT_EQ(answer(entry, "SERVER_ERROR out of memory\r\n", 4096, 4096),
            text::port_answers::refused);
}

TEST_F(PreloadAnswering, AgentsErrorInPlaceOfEndThenTheApplicationsToo) {
  Entry entry;
  ask(entry, {"a", "b"});
  entry.parts.front().is_agent = true;
  EXPECT_EQ(answer(entry, "VALUE b 0 1\r\n1\r\nSERVER_ERROR why\r\n", 3, 4096),
            "VALUE b 0 1\r\n1\r\nSERVER_ERROR why\r\n");
}

// A get of more keys than one command may have goes to the agent as several.
TEST_F(PreloadAnswering, AgentsErrorOfTheFirstOfTwoCommandsThenTheSecondsAnswerIsReadToo) {
  Entry entry;
  ask(entry, {"a", "b"});
  entry.parts.front().is_agent = true;
  entry.keys.front().ends_command = true;
  EXPECT_EQ(answer(entry, "SERVER_ERROR why\r\nVALUE b 0 1\r\n1\r\nEND\r\n", 4096, 4096),
            "VALUE b 0 1\r\n1\r\nSERVER_ERROR why\r\n");
  EXPECT_TRUE(inbox_.is_empty());
}

TEST_F(PreloadAnswering, WritesAskedBeforeAWaitEndsThenTheyHaveItTogether) {
  segment_->store_answers({false, false, 1000, 20});
  const std::int64_t begin_ns = shm_layout::coarse_ns();
  Entry entry;
  for (int i = 0; i < 100; ++i) {
    entry.clear();
    entry.kind = Kind::single;
    entry.verb = text::Verb::delete_key;
    fill(entry, {"key"});
    entry.asked_ns = 1;
    std::string told = "!";
    while (told == "!") told = answer(entry, "", 1, 4096);
    EXPECT_EQ(told, text::port_answers::unknown_outcome);
  }
  EXPECT_LT(shm_layout::coarse_ns() - begin_ns, 1000 * shm_layout::ns_per_ms);
}

TEST_F(PreloadAnswering, LineThatCannotBelongToTheCommandThenNotBelievedAndTheConnectionEnds) {
  struct Lie {
    text::Verb verb;
    const char* line;
    const char* told;  // "!": its outcome is waited for
  };
  const Lie lies[] = {
      {text::Verb::set, "DELETED", "NOT_STORED\r\n"},
      {text::Verb::set, "EXISTS", "NOT_STORED\r\n"},
      {text::Verb::cas, "42", "NOT_STORED\r\n"},
      {text::Verb::delete_key, "STORED", "!"},
      {text::Verb::delete_key, "TOUCHED", "!"},
      {text::Verb::touch, "DELETED", "!"},
      {text::Verb::incr, "DELETED", "!"},
      {text::Verb::decr, "4x", "!"},
  };
  for (const Lie& lie : lies) {
    Entry entry;
    entry.kind = Kind::single;
    entry.verb = lie.verb;
    fill(entry, {"key"});
    EXPECT_EQ(answer(entry, std::string(lie.line) + "\r\n", 4096, 4096), lie.told) << lie.line;
    EXPECT_TRUE(inbox_.is_ended) << lie.line;
    inbox_.is_ended = false;
  }
}

TEST_F(PreloadAnswering, LineThatAnswersTheCommandThenTold) {
  const std::pair<text::Verb, const char*> truths[] = {
      {text::Verb::set, "STORED"},        {text::Verb::append, "NOT_STORED"},
      {text::Verb::cas, "EXISTS"},        {text::Verb::cas, "NOT_FOUND"},
      {text::Verb::touch, "TOUCHED"},     {text::Verb::delete_key, "DELETED"},
      {text::Verb::incr, "42"},           {text::Verb::decr, "9   "},
      {text::Verb::incr, "CLIENT_ERROR"}, {text::Verb::set, "SERVER_ERROR out of memory"},
  };
  for (const auto& [verb, line] : truths) {
    Entry entry;
    entry.kind = Kind::single;
    entry.verb = verb;
    fill(entry, {"key"});
    EXPECT_EQ(answer(entry, std::string(line) + "\r\n", 4096, 4096), std::string(line) + "\r\n");
    EXPECT_FALSE(inbox_.is_ended) << line;
  }
}

TEST_F(PreloadAnswering, MetaAnswerUnderAnothersMarkThenNotBelievedAndTheConnectionEnds) {
  for (const char* reply : {"VA 1 O8\r\nx\r\n", "VA 1\r\nx\r\n", "EN O8\r\n"}) {
    Entry entry;
    ask_meta(entry, "key", " v", 7);
    EXPECT_EQ(answer(entry, reply, 4096, 4096), "EN\r\n") << reply;
    EXPECT_TRUE(inbox_.is_ended) << reply;
    inbox_ = {};
  }
}

TEST_F(PreloadAnswering, MetaAnswerUnderItsMarkThenToldWithTheApplicationsOpaque) {
  Entry entry;
  ask_meta(entry, "key", " v Oown k f", 7);
  EXPECT_EQ(answer(entry, "VA 1 O7 f3\r\nx\r\n", 4096, 4096), "VA 1 Oown kkey f3\r\nx\r\n");
  ask_meta(entry, "key", " v f", 4'000'000'000);
  EXPECT_EQ(answer(entry, "VA 1 f3 O4000000000\r\nx\r\n", 4096, 4096), "VA 1 f3\r\nx\r\n");
}

// What the reader takes of `bytes`, by name.
std::string kinds_of(std::string_view bytes) {
  CommandReader reader;
  std::string kinds;
  std::string begun;
  for (const char c : bytes) {
    begun += c;
    const Command command = reader.next(begun);
    if (command.taken == Taken::need_more) continue;
    constexpr std::string_view letters = "?klfaoc";
    kinds += letters[static_cast<std::size_t>(command.taken)];
    begun.clear();
  }
  return kinds;
}

TEST(PreloadCommands, EachProtocolThenKnownByItsFirstByteAndCutAtItsEnd) {
  EXPECT_EQ(kinds_of("get a\r\nmg a v\r\nmn\r\nversion\r\nstats\r\nflush_all\r\nbogus\r\nquit\r\n"),
            "kkallfao");
  char noop[binary::header_bytes];
  binary::Header header;
  header.magic = binary::request_magic;
  header.opcode = binary::Opcode::noop;
  binary::store_header(noop, header);
  const std::string packet(noop, sizeof noop);
  EXPECT_EQ(kinds_of(packet + packet), "aa");
  EXPECT_EQ(kinds_of(packet + "get a\r\n                  "), "ac");
}

TEST(PreloadFifo, PushedAndPoppedThenInOrderAndMemoryIsUsedAgain) {
  Fifo fifo;
  ASSERT_TRUE(fifo.prepare());
  EXPECT_EQ(fifo.head(), nullptr);
  for (int round = 0; round < 100; ++round) {
    for (const char* name : {"a", "b", "c"}) {
      Entry* entry = fifo.spare();
      ASSERT_NE(entry, nullptr);
      entry->bytes = name;
      fifo.push();
    }
    EXPECT_EQ(fifo.size(), 3U);
    EXPECT_TRUE(fifo.any_waiting([](const Entry& entry) { return entry.bytes == "c"; }));
    for (const char* name : {"a", "b", "c"}) {
      ASSERT_NE(fifo.head(), nullptr);
      EXPECT_EQ(fifo.head()->bytes, name);
      fifo.pop();
    }
    EXPECT_TRUE(fifo.is_empty());
  }
}

}  // namespace
}  // namespace ringfence::shim::preload
