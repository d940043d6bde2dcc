// Meta commands on their way to a backend and its answers on their way to the client; base64 keys.
#include "shim/meta/show.hpp"

#include <gtest/gtest.h>

#include <string>

namespace ringfence::shim::meta {
namespace {

Command command(Verb verb, std::string_view key, std::string_view flags) {
  Command made;
  made.verb = verb;
  made.key = key;
  made.flags = flags;
  made.is_base64 = place_of(flags, 'b') != std::string_view::npos;
  made.is_quiet = place_of(flags, 'q') != std::string_view::npos;
  return made;
}

std::string sent(const Command& what, std::string_view wire_key, std::size_t value_bytes = 0) {
  std::string line;
  write_command([&](std::string_view piece) { line += piece; }, what, wire_key, value_bytes);
  return line;
}

std::string shown(const Command& what, std::string_view line) {
  std::string text;
  show_line([&](std::string_view piece) { text += piece; }, what, line);
  return text;
}

std::string head(const Command& what, std::uint32_t value_bytes, std::string_view flags) {
  std::string text;
  show_value_head([&](std::string_view piece) { text += piece; }, what, value_bytes, flags);
  return text;
}

std::string told(const Command& what, std::string_view status) {
  std::string text;
  show_status([&](std::string_view piece) { text += piece; }, what, status);
  return text;
}

TEST(MetaCommand, FlagsThenWithoutWhatIsOurs) {
  EXPECT_EQ(sent(command(Verb::get, "k", "v q k t Oabc P1 L2"), "k~aBA"), "mg k~aBA v t Oabc\r\n");
  EXPECT_EQ(sent(command(Verb::set, "k", "T0 F5 MA c"), "k~aBA", 12), "ms k~aBA 12 T0 F5 MA c\r\n");
  EXPECT_EQ(sent(command(Verb::delete_key, "k", "q I T30 C7"), "w"), "md w I T30 C7\r\n");
  EXPECT_EQ(sent(command(Verb::arithmetic, "k", " N0  J5 D+2 M- v "), "w"),
            "ma w N0 J5 D+2 M- v\r\n");
  EXPECT_EQ(sent(command(Verb::arithmetic, "k", "q v c"), "w"), "ma w c\r\n");
  EXPECT_EQ(sent(command(Verb::show, "k", ""), "w"), "me w\r\n");
}

TEST(MetaCommand, MarkedThenItsOwnOpaqueInPlaceOfTheClients) {
  const auto marked = [](Verb verb, std::string_view flags) {
    Command made = command(verb, "k", flags);
    made.is_marked = true;
    made.mark = 1234;
    return made;
  };
  EXPECT_EQ(sent(marked(Verb::get, "v Oabc t"), "w"), "mg w v O1234 t\r\n");
  EXPECT_EQ(sent(marked(Verb::delete_key, "q"), "w"), "md w O1234\r\n");
  EXPECT_EQ(sent(marked(Verb::show, ""), "w"), "me w\r\n");

  const Command with_opaque = marked(Verb::get, "v k Oabc t");
  EXPECT_EQ(head(with_opaque, 2, "O1234 t5 W"), "VA 2 kk Oabc t5 W\r\n");
  EXPECT_EQ(head(marked(Verb::get, "v k t"), 2, "t5 O1234 W"), "VA 2 kk t5 W\r\n");
  EXPECT_EQ(shown(marked(Verb::set, "c"), "HD c7 O1234"), "HD c7\r\n");
  EXPECT_TRUE(is_in_step(with_opaque, "O1234 t5", true));
  EXPECT_FALSE(is_in_step(with_opaque, "O1235 t5", true));
  EXPECT_FALSE(is_in_step(with_opaque, "t5", true));
  EXPECT_FALSE(may_answer(with_opaque, "EN O1"));
  EXPECT_TRUE(may_answer(with_opaque, "EN")) << "as old servers say it";
}

TEST(MetaCommand, FlagsWithMoreThanMemcachedReadsThenShort) {
  EXPECT_EQ(sent(command(Verb::get, "k", "vxyz sabc T5\tjunk F7 uu I123"), "w"),
            "mg w v s T5 F7 u I\r\n");
}

TEST(MetaCommand, WireKeyThatNoLineCanHoldThenBase64) {
  EXPECT_EQ(sent(command(Verb::get, "foo", "b k v"), "foo~aBA"), "mg foo~aBA v\r\n");
  EXPECT_EQ(sent(command(Verb::get, "a b", "b k v"), "a b~"), "mg YSBifg== b v\r\n");
  EXPECT_EQ(sent(command(Verb::set, "a\nb", "b"), "a\nb", 3), "ms YQpi 3 b\r\n");
}

TEST(MetaCommand, LongestWireKeyThatNoLineCanHoldThenFits250) {
  const shm_layout::PoolWord pool{true, 0, 0, 'x', 'y'};
  for (std::size_t size = 170; size <= decoded_key_bytes_max; ++size) {
    const std::string key = " " + std::string(size - 1, 'k');
    const WireKey wire_key(key, pool, shm_layout::generation_max);
    EXPECT_LE(Base64Key(wire_key.view()).view().size(), key_bytes_max) << size;
  }
}

TEST(MetaShow, KeyThenAtItsPlaceAmongTheFlags) {
  EXPECT_EQ(shown(command(Verb::get, "key", "s k t O1"), "HD s5 t-1 O1 W"),
            "HD s5 kkey t-1 O1 W\r\n");
  EXPECT_EQ(shown(command(Verb::get, "key", "s t O1 k"), "HD s5 t-1 O1 X W"),
            "HD s5 t-1 O1 kkey X W\r\n");
  EXPECT_EQ(shown(command(Verb::get, "key", "k"), "EN"), "EN kkey\r\n");
  EXPECT_EQ(shown(command(Verb::get, "key", "T5 k N1"), "HD Z"), "HD kkey Z\r\n");
  EXPECT_EQ(shown(command(Verb::set, "key", "c k O1"), "NS c0 O1"), "NS c0 kkey O1\r\n");
  EXPECT_EQ(head(command(Verb::get, "key", "v k"), 5, ""), "VA 5 kkey\r\n");
  EXPECT_EQ(head(command(Verb::get, "key", "k v t"), 5, "t-1"), "VA 5 kkey t-1\r\n");
  EXPECT_EQ(head(command(Verb::get, "key", "v"), 0, ""), "VA 0\r\n");
}

TEST(MetaShow, Base64KeyThenEncodedWithItsFlag) {
  EXPECT_EQ(shown(command(Verb::get, "a b", "k b O1"), "EN O1"), "EN kYSBi b O1\r\n");
  EXPECT_EQ(told(command(Verb::get, "a b", "O1 k b"), "EN"), "EN O1 kYSBi b\r\n");
}

TEST(MetaShow, OpaqueWithLettersOfFlagsThenOnlyOpaque) {
  EXPECT_EQ(shown(command(Verb::get, "key", "Okq"), "HD Okq"), "HD Okq\r\n");
}

TEST(MetaShow, ErrorsThenAsTheyAre) {
  for (const std::string line : {"CLIENT_ERROR cannot increment or decrement non-numeric value",
                                 "SERVER_ERROR out of memory", "ERROR"}) {
    EXPECT_EQ(shown(command(Verb::arithmetic, "key", "k O1 q"), line), line + "\r\n");
    EXPECT_FALSE(is_hidden(command(Verb::arithmetic, "key", "k O1 q"), line));
  }
}

TEST(MetaShow, ItemThenItsKeyIsTheClients) {
  EXPECT_EQ(shown(command(Verb::show, "k", ""), "ME k~aBA exp=-1 la=0 cas=2"),
            "ME k exp=-1 la=0 cas=2\r\n");
  EXPECT_EQ(shown(command(Verb::show, "a b", "b"), "ME YSBifg== exp=5 la=0"),
            "ME YSBi exp=5 la=0\r\n");
  EXPECT_EQ(shown(command(Verb::show, "x exp=1", "b"), "ME x exp=1~aBA exp=5 la=0"),
            "ME eCBleHA9MQ== exp=5 la=0\r\n");
  EXPECT_EQ(shown(command(Verb::show, "k", ""), "EN"), "EN\r\n");
}

TEST(MetaShow, QuietThenOnlyWhatMemcachedHides) {
  const auto hides = [](Verb verb, std::string_view line) {
    EXPECT_FALSE(is_hidden(command(verb, "k", "v"), line));
    return is_hidden(command(verb, "k", "q"), line);
  };
  EXPECT_TRUE(hides(Verb::get, "EN O1"));
  EXPECT_FALSE(hides(Verb::get, "HD"));
  EXPECT_TRUE(hides(Verb::set, "HD c5"));
  for (const char* line : {"NS", "EX", "NF"}) EXPECT_FALSE(hides(Verb::set, line)) << line;
  EXPECT_TRUE(hides(Verb::delete_key, "HD"));
  EXPECT_FALSE(hides(Verb::delete_key, "NF"));
  EXPECT_FALSE(hides(Verb::delete_key, "EX"));
  EXPECT_TRUE(hides(Verb::arithmetic, "HD t5"));
  EXPECT_FALSE(hides(Verb::arithmetic, "NF"));
  EXPECT_FALSE(hides(Verb::show, "EN"));
}

TEST(MetaShow, LineThatAnswersNoSuchCommandThenOutOfStep) {
  const auto fitting = [](const Command& what) {
    std::string all;
    for (const char* line : {"HD t5", "EN", "NS", "EX k", "NF", "ME k exp=-1"}) {
      if (may_answer(what, line)) all += std::string(line, 2) + " ";
    }
    EXPECT_TRUE(may_answer(what, "SERVER_ERROR out of memory"));
    EXPECT_TRUE(may_answer(what, "ERROR"));
    return all;
  };
  EXPECT_EQ(fitting(command(Verb::get, "k", "t Ov")), "HD EN ");
  EXPECT_EQ(fitting(command(Verb::get, "k", "v")), "EN ");
  EXPECT_EQ(fitting(command(Verb::set, "k", "v")), "HD NS EX NF ");
  EXPECT_EQ(fitting(command(Verb::delete_key, "k", "")), "HD EX NF ");
  EXPECT_EQ(fitting(command(Verb::arithmetic, "k", "")), "HD NS EX NF ");
  EXPECT_EQ(fitting(command(Verb::arithmetic, "k", "v")), "NS EX NF ");
  EXPECT_EQ(fitting(command(Verb::arithmetic, "k", "v q")), "HD NS EX NF ");
  EXPECT_EQ(fitting(command(Verb::show, "k", "")), "EN ME ");
}

TEST(MetaShow, ValueThenOnlyOfWhatShowsOne) {
  EXPECT_TRUE(expects_value(command(Verb::get, "k", "t v q")));
  EXPECT_FALSE(expects_value(command(Verb::get, "k", "t Ov")));
  EXPECT_TRUE(expects_value(command(Verb::arithmetic, "k", "v")));
  EXPECT_FALSE(expects_value(command(Verb::arithmetic, "k", "v q")));
  EXPECT_FALSE(expects_value(command(Verb::set, "k", "v")));
  EXPECT_FALSE(expects_value(command(Verb::delete_key, "k", "v")));
}

TEST(MetaShow, NoBackendThenAStatusAsMemcachedWritesIt) {
  EXPECT_EQ(told(command(Verb::get, "k", "v k s O1"), "EN"), "EN kk O1\r\n");
  EXPECT_EQ(told(command(Verb::set, "k", "T0 O1 c k"), "NS"), "NS O1 c0 kk\r\n");
  EXPECT_EQ(told(command(Verb::delete_key, "k", "c O1"), "NF"), "NF O1\r\n");
}

TEST(Base64, KeysThenThereAndBack) {
  std::string key;
  for (int length = 1; length <= static_cast<int>(decoded_key_bytes_max); ++length) {
    key += static_cast<char>(length * 37);
    const Base64Key encoded(key);
    DecodedKey decoded;
    const std::size_t size = decode_base64(encoded.view(), decoded);
    EXPECT_EQ(std::string_view(decoded.data(), size), key);
  }
}

TEST(Base64, OddWordsThenAsMemcachedDecodes) {
  const auto decode = [](std::string_view word) {
    DecodedKey decoded;
    return std::string(decoded.data(), decode_base64(word, decoded));
  };
  EXPECT_EQ(decode("Zm9v"), "foo");
  EXPECT_EQ(decode("Zm9vYg=="), "foob");
  EXPECT_EQ(decode("-Zm.9v-"), "foo");
  EXPECT_EQ(decode("Zg==Zm9v"), "f");
  EXPECT_EQ(decode("Zh=="), "f");  // bits to spare
  EXPECT_EQ(decode("Z=9v"), std::string("d\x0f", 2));
  EXPECT_EQ(decode("Zm9"), "");
  EXPECT_EQ(decode("A==="), "");
  EXPECT_EQ(decode("===="), "");
  EXPECT_EQ(decode("*"), "");
  EXPECT_EQ(decode(""), "");
}

}  // namespace
}  // namespace ringfence::shim::meta
