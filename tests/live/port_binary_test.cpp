// Binary commands through the port, beside a plain memcached that is asked the same: the answers
// must be the same packets. Only cas uniques, which each server counts for itself, are made alike.
#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <tuple>
#include <vector>

#include "tests/live/support/binary_side.hpp"
#include "tests/live/support/port_host.hpp"
#include "tests/live/support/tags.hpp"
#include "tests/unit/binary_support.hpp"

namespace ringfence::live {
namespace {

using shim::binary::big_endian;
using shim::binary::Packet;

PortHostSettings settings_of(bool has_tags, std::size_t backends) {
  PortHostSettings settings;
  settings.has_tags = has_tags;
  settings.backends = backends;
  settings.be_patient();
  return settings;
}

class PortBinary : public testing::TestWithParam<TagsAndBackends> {
 protected:
  PortBinary()
      : host_(settings_of(std::get<0>(GetParam()), std::get<1>(GetParam()))),
        port_(host_.client()),
        plain_(memcached_.client()) {}

  void compare(const std::string& bytes) {
    SCOPED_TRACE(testing::PrintToString(bytes.substr(0, 100)));
    const std::string expected = plain_.answer(bytes);
    EXPECT_EQ(port_.answer(bytes), expected);
  }
  void compare_all(const std::vector<std::string>& list) {
    for (const std::string& bytes : list) compare(bytes);
  }
  // With each side's own cas unique of `key`.
  void compare_cas(const std::string& key, const std::function<std::string(std::uint64_t)>& make) {
    const std::string expected = plain_.answer(make(plain_.cas_of(key)));
    EXPECT_EQ(port_.answer(make(port_.cas_of(key))), expected);
  }
  // On connections of their own, which the answer ends.
  void compare_last(const std::string& bytes) {
    SCOPED_TRACE(testing::PrintToString(bytes.substr(0, 100)));
    const std::string expected = BinarySide{memcached_.client()}.last_answer(bytes);
    EXPECT_EQ(BinarySide{host_.client()}.last_answer(bytes), expected);
  }

  PortHost host_;
  Memcached memcached_;
  BinarySide port_, plain_;
};
INSTANTIATE_TEST_SUITE_P(TagsAndBackends, PortBinary, one_and_four_backends(),
                         tags_and_backends_name);

constexpr std::uint32_t past = 2'592'001;  // a second beyond 30 days: a date, of 1970

TEST_P(PortBinary, GetsThenMemcachedsOwnAnswer) {
  compare(store(Opcode::set, "a", "hello", 0, 0xdeadbeef));
  for (const Opcode opcode : {Opcode::get, Opcode::getq, Opcode::getk, Opcode::getkq}) {
    compare_all({plain(opcode, "a"), plain(opcode, "none")});
  }
  compare_all({store(Opcode::set, "empty", ""), plain(Opcode::getk, "empty")});
}

TEST_P(PortBinary, GetAndTouchThenMemcachedsOwnAnswer) {
  for (const Opcode opcode : {Opcode::gat, Opcode::gatq, Opcode::gatk, Opcode::gatkq}) {
    compare_all({store(Opcode::set, "a", "hello"), timed(opcode, "a", 100), timed(opcode, "a", 0),
                 timed(opcode, "none", 100), timed(opcode, "a", past), timed(opcode, "a", 100)});
  }
}

TEST_P(PortBinary, StoresThenMemcachedsOwnAnswer) {
  for (const Opcode opcode :
       {Opcode::set, Opcode::add, Opcode::replace, Opcode::setq, Opcode::addq, Opcode::replaceq}) {
    const std::string key = "k" + std::to_string(static_cast<unsigned>(opcode));
    compare_all({store(opcode, key, "1"), plain(Opcode::get, key), store(Opcode::set, key, "0"),
                 store(opcode, key, "2", 0, 0, 100), store(opcode, key, "3", 999'999'999),
                 store(opcode, "none", "3", 999'999'999), plain(Opcode::get, key),
                 store(opcode, key, "4", 0, 1, past), plain(Opcode::get, key)});
    compare(store(Opcode::set, key, "5"));
    compare_cas(key, [&](std::uint64_t cas) { return store(opcode, key, "6", cas); });
    compare(plain(Opcode::get, key));
  }
}

TEST_P(PortBinary, AppendAndPrependThenMemcachedsOwnAnswer) {
  for (const Opcode opcode : {Opcode::append, Opcode::prepend, Opcode::appendq, Opcode::prependq}) {
    compare_all({store(Opcode::set, "a", "0"), plain(opcode, "a", "12"), plain(Opcode::get, "a"),
                 plain(opcode, "none", "1"), plain(opcode, "a", ""),
                 plain(opcode, "a", "3", 999'999'999)});
    compare_cas("a", [&](std::uint64_t cas) { return plain(opcode, "a", "4", cas); });
    compare(plain(Opcode::get, "a"));
  }
}

TEST_P(PortBinary, DeleteAndTouchThenMemcachedsOwnAnswer) {
  for (const Opcode opcode : {Opcode::delete_key, Opcode::deleteq}) {
    compare_all({plain(opcode, "none"), store(Opcode::set, "a", "1"), plain(opcode, "a"),
                 plain(opcode, "a"), store(Opcode::set, "a", "1"),
                 plain(opcode, "a", "", 999'999'999)});
    compare_cas("a", [&](std::uint64_t cas) { return plain(opcode, "a", "", cas); });
    compare(plain(Opcode::get, "a"));
  }
  compare_all({timed(Opcode::touch, "none", 1), store(Opcode::set, "a", "1"),
               timed(Opcode::touch, "a", 100), plain(Opcode::get, "a"),
               timed(Opcode::touch, "a", past), plain(Opcode::get, "a")});
}

TEST_P(PortBinary, ArithmeticThenMemcachedsOwnAnswer) {
  for (const Opcode opcode : {Opcode::incr, Opcode::decr, Opcode::incrq, Opcode::decrq}) {
    const std::string key = "n" + std::to_string(static_cast<unsigned>(opcode));
    compare_all({count(opcode, key, 1), count(opcode, key, 1, 41, 0), count(opcode, key, 1, 7, 0),
                 plain(Opcode::get, key), count(opcode, key, 1'000'000'000'000),
                 plain(Opcode::get, key), count(opcode, key, 1, 0, never_create, 999'999'999),
                 count(opcode, "late" + key, 1, 5, past), plain(Opcode::get, "late" + key)});
    compare_cas(key,
                [&](std::uint64_t cas) { return count(opcode, key, 1, 0, never_create, cas); });
    compare_all({store(Opcode::set, key, "18446744073709551615"), count(opcode, key, 2),
                 store(Opcode::set, key, "text"), count(opcode, key, 1), plain(Opcode::get, key)});
  }
}

TEST_P(PortBinary, QuietPipelineThenOnlyWhatIsNotExpected) {
  std::string many;
  for (int i = 0; i < 300; ++i) {
    const std::string key = "key" + std::to_string(i);
    many += store(Opcode::setq, key, "abc");
    if (i % 2 == 0) many += store(Opcode::addq, key, "no");
    if (i % 3 == 0) many += plain(Opcode::deleteq, key);
    many += plain(Opcode::getkq, key);
    if (i % 5 == 0) many += plain(Opcode::appendq, key, "d");
    if (i % 7 == 0) many += count(Opcode::incrq, key, 1);
    if (i % 11 == 0) many += plain(Opcode::noop);
    many += plain(Opcode::getq, key);
  }
  compare(many);
}

// (Of a body with extras or a key as many bytes are read past once more.)
TEST_P(PortBinary, CommandsWithoutAKeyThenMemcachedsOwnAnswer) {
  compare_all({plain(Opcode::noop), plain(Opcode::version), plain(Opcode::verbosity),
               bytes_of({Opcode::verbosity, "", "", big_endian(1, 4)}) + "past",
               plain(Opcode::sasl_list),
               plain(Opcode::sasl_auth, "PLAIN", std::string("\0user\0password", 14)),
               plain(Opcode::sasl_step, "PLAIN", "more"), plain(Opcode{0x25}), plain(Opcode{0xff}),
               plain(Opcode{0x40}, "", "a value to be read past")});
}

TEST_P(PortBinary, QuitThenAnsweredWhatWasAskedAndClosed) {
  const std::string before = store(Opcode::set, "a", "1") + plain(Opcode::get, "a");
  compare_last(before + plain(Opcode::quit));
  compare_last(before + plain(Opcode::quitq));
}

TEST_P(PortBinary, LengthsThatNoCommandHasThenMemcachedsErrorAndClosed) {
  compare_last(plain(Opcode::get));
  compare_last(plain(Opcode::get, "a", "value"));
  compare_last(timed(Opcode::get, "a", 1));
  compare_last(plain(Opcode::set, "a", "1"));
  compare_last(timed(Opcode::setq, "a", 1));
  compare_last(plain(Opcode::incrq, "a"));
  compare_last(plain(Opcode::touch, "a"));
  compare_last(plain(Opcode::delete_key));
  compare_last(plain(Opcode::noop, "a"));
  compare_last(plain(Opcode::version, "", "1"));
  compare_last(plain(Opcode::quitq, "a"));
  compare_last(bytes_of({Opcode::flush, "", "", big_endian(0, 8)}));
  compare_last(plain(Opcode::sasl_auth));
  compare_last(plain(Opcode::get, std::string(251, 'k')));
  compare_last(plain(Opcode::getq, std::string(60'000, 'k')));
  Packet shorter_than_its_parts;
  shorter_than_its_parts.key = "abc";
  compare_last(shorter_than_its_parts.bytes_claiming(2));
  compare_last(plain(Opcode::noop) + std::string(24, 'x'));
  compare_last(plain(Opcode::noop) + "get a\r\nget a\r\nget a\r\nget a\r\n");
}

TEST_P(PortBinary, KeysOfAnyBytesAndLengthThenKeptAndAnsweredWhole) {
  std::vector<std::string> keys = {std::string(1, '\0'), "a b", "\r\nEND\r\n",
                                   std::string(250, ' '), std::string("\x80\x00\xff~~", 5)};
  for (std::size_t size = 238; size <= 250; ++size) keys.emplace_back(size, 'k');
  for (const std::string& key : keys) {
    compare_all({store(Opcode::set, key, "hi"), plain(Opcode::getk, key),
                 timed(Opcode::gatkq, key, 100), plain(Opcode::appendq, key, "!"),
                 plain(Opcode::getkq, key), plain(Opcode::delete_key, key),
                 plain(Opcode::getk, key), count(Opcode::incr, key, 1, 5, 0)});
  }
}

TEST_P(PortBinary, LargeValuesThenTheyComeBackWhole) {
  for (const std::size_t size : {1'000U, 65'536U, 65'537U, 200'000U, 1'000'000U}) {
    std::string value(size, 'x');
    for (std::size_t i = 0; i < size; i += 97) value[i] = static_cast<char>(i);
    compare(store(Opcode::set, "large", value) + plain(Opcode::getk, "large"));
    compare(store(Opcode::setq, "a", "1") + store(Opcode::setq, "large", value) +
            plain(Opcode::getkq, "large") + plain(Opcode::get, "a"));
    compare(store(Opcode::add, "large", value) + plain(Opcode::get, "a"));
    compare(store(Opcode::replaceq, "large", value, 999'999'999) + plain(Opcode::get, "a"));
    compare_cas("large", [&](std::uint64_t cas) {
      return store(Opcode::set, "large", value, cas) + timed(Opcode::gat, "large", 100);
    });
    compare(store(Opcode::set, "short", "1") + plain(Opcode::append, "short", value) +
            plain(Opcode::get, "short"));
  }
}

TEST_P(PortBinary, ValueThatIsTooLargeThenRefusedAndReadPast) {
  const std::string huge(2'000'000, 'x');
  compare(store(Opcode::set, "a", "1"));
  compare(store(Opcode::add, "a", huge) + plain(Opcode::get, "a"));
  compare(plain(Opcode::appendq, "a", huge) + plain(Opcode::get, "a"));
  compare(store(Opcode::setq, "a", huge) + plain(Opcode::get, "a"));
}

TEST_P(PortBinary, StatOfWhatAPortHasNotThenMemcachedsOwnAnswer) {
  compare_all({plain(Opcode::stat, "nonsense"), plain(Opcode::stat, "detail"),
               plain(Opcode::stat, "detail on"), plain(Opcode::stat, "detail off"),
               plain(Opcode::stat, "detail nonsense"), plain(Opcode::stat, "reset"),
               plain(Opcode::stat, "items"), plain(Opcode::stat, "conns"),
               plain(Opcode::stat, "cachedump")});
}

TEST_P(PortBinary, StatThenANumberAPacketAsTextsStatsAndAnEmptyOne) {
  compare(store(Opcode::set, "a", "1") + plain(Opcode::get, "a") + plain(Opcode::getq, "none") +
          timed(Opcode::gat, "a", 100) + timed(Opcode::touch, "a", 100) +
          count(Opcode::incr, "none", 1) + plain(Opcode::delete_key, "none") +
          store(Opcode::set, "a", "1", 999'999'999));
  const std::string answer = port_.answer(plain(Opcode::stat));
  const std::string opaque = "10 0 opaque 100000";
  for (const auto& [name, number] : {std::pair{"cmd_get", "3"},
                                     {"get_hits", "2"},
                                     {"get_misses", "1"},
                                     {"cmd_set", "2"},
                                     {"cmd_touch", "2"},
                                     {"touch_hits", "2"},
                                     {"incr_misses", "1"},
                                     {"delete_misses", "1"},
                                     {"cas_badval", "1"},
                                     {"version", "1.6.18"}}) {
    const std::string packet = opaque + " key " + name + " =" + number + "\n";
    EXPECT_NE(answer.find(packet), std::string::npos) << packet << answer;
  }
  EXPECT_TRUE(answer.ends_with(opaque + "\n")) << answer;
  for (const auto& [name, number] : host_.client().stats()) {
    EXPECT_NE(answer.find(" key " + name + " ="), std::string::npos) << name;
  }
  const std::string settings = port_.answer(plain(Opcode::stat, "settings"));
  EXPECT_NE(settings.find(" key binding_protocol =auto-negotiate\n"), std::string::npos);
}

TEST_P(PortBinary, FlushThenAnsweredInOrderWhenTheFleetDidIt) {
  port_.send(store(Opcode::setq, "a", "1") + plain(Opcode::flush) + plain(Opcode::noop));
  ASSERT_TRUE(wait_until([&] { return host_.flush_ids().size() == 1; }));
  host_.port().answer_flush_all(agent::core::RequestId{host_.flush_ids()[0]}, true, {});
  EXPECT_EQ(port_.finish(), "08 0 opaque 80000\n0a 0 opaque a0000\n");

  port_.send(bytes_of({Opcode::flushq, "", "", big_endian(0, 4)}));
  ASSERT_TRUE(wait_until([&] { return host_.flush_ids().size() == 2; }));
  host_.port().answer_flush_all(agent::core::RequestId{host_.flush_ids()[1]}, true, {});
  EXPECT_EQ(port_.finish(), "");

  port_.send(plain(Opcode::flushq));
  ASSERT_TRUE(wait_until([&] { return host_.flush_ids().size() == 3; }));
  host_.port().answer_flush_all(agent::core::RequestId{host_.flush_ids()[2]}, false, "no quorum");
  EXPECT_EQ(port_.finish(), "18 84 opaque 180000 =no quorum\n");

  EXPECT_EQ(port_.answer(bytes_of({Opcode::flush, "", "", big_endian(10, 4)})),
            "08 4 opaque 80000 =delayed flush is not supported\n");
}

TEST_P(PortBinary, FlushThatIsNotAllowedThenRefusedAsMemcachedDoes) {
  PortHostSettings settings = settings_of(std::get<0>(GetParam()), 1);
  settings.port.allows_flush_all = false;
  PortHost host{settings};
  const Memcached refusing{{"-F"}};
  const std::string bytes = plain(Opcode::flush) + plain(Opcode::flushq);
  EXPECT_EQ(BinarySide{host.client()}.answer(bytes), BinarySide{refusing.client()}.answer(bytes));
  EXPECT_TRUE(host.flush_ids().empty());
}

TEST_P(PortBinary, ReservedKeyThenRefusedOnlyWhereNoTagKeepsItApart) {
  const bool has_tags = std::get<0>(GetParam());
  const std::string refusal = " =keys that begin with ringfence! are reserved\n";
  EXPECT_EQ(
      port_.answer(store(Opcode::set, "ringfence!x", "hi") + plain(Opcode::noop)),
      (has_tags ? "01 0 opaque 10b78 #\n" : "01 4 opaque 10b78" + refusal) + "0a 0 opaque a0000\n");
  EXPECT_EQ(port_.answer(plain(Opcode::getq, "ringfence!x")),
            has_tags ? "09 0 opaque 90b78 # 00000007 =hi\n" : "09 4 opaque 90b78" + refusal);
}

TEST_P(PortBinary, ClientsOfBothProtocolsThenTheSameItems) {
  TextClient text = host_.client();
  EXPECT_EQ(text.set("a", "text", 5), "STORED");
  EXPECT_EQ(port_.answer(plain(Opcode::getk, "a")), "0c 0 opaque c0161 # key a 00000005 =text\n");
  EXPECT_EQ(port_.answer(plain(Opcode::appendq, "a", " and binary")), "");
  EXPECT_EQ(text.get("a"), "text and binary");
  EXPECT_EQ(port_.answer(count(Opcode::incrq, "n", 1, 41, 0)), "");
  EXPECT_EQ(text.ask("incr n 1"), "42");
  EXPECT_EQ(text.ask("mg n v"), "VA 2");
}

}  // namespace
}  // namespace ringfence::live
