// The rule of discovery: a source that fails, or that empties suddenly, takes nothing away.
#include <gtest/gtest.h>
#include <unistd.h>
#include <cstdlib>

#include "agent/discovery/memory.hpp"
#include "agent/discovery/source_state.hpp"
#include "agent/discovery/text_file.hpp"

namespace ringfence::agent::discovery {
namespace {

constexpr core::Instant first{1'000};
constexpr core::Instant later{2'000};

List list_of(const std::vector<std::string>& addresses) {
  List list;
  for (const std::string& address : addresses) list.push_back({address, 1});
  return list;
}

TEST(SourceState, NotReadYetThenItMayListAnything) {
  SourceState state("file /f", false);

  EXPECT_FALSE(state.list().has_value());
  (void)state.on_read(Error{"open /f: no such file"}, first);
  EXPECT_FALSE(state.list().has_value());
}

TEST(SourceState, ListThenAnotherThenChangedAndSaidOnce) {
  SourceState state("file /f", false);

  EXPECT_TRUE(state.on_read(list_of({"a:1", "b:1"}), first).is_changed);
  const News same = state.on_read(list_of({"a:1", "b:1"}), later);
  EXPECT_FALSE(same.is_changed);
  EXPECT_EQ(same.text, "");
  EXPECT_EQ(state.read_at(), later);
  EXPECT_TRUE(state.on_read(list_of({"a:1"}), later).is_changed);
  EXPECT_EQ(state.list()->size(), 1U);
}

TEST(SourceState, FailureAfterAListThenTheListStaysAndItIsSaidOnceSinceWhen) {
  SourceState state("exec /x", false);
  (void)state.on_read(list_of({"a:1"}), first);

  const News news = state.on_read(Error{"/x: exit code 1"}, later);

  EXPECT_TRUE(news.is_trouble);
  EXPECT_FALSE(news.is_changed);
  EXPECT_NE(news.text.find("/x: exit code 1"), std::string::npos);
  EXPECT_EQ(state.list()->size(), 1U);
  EXPECT_EQ(state.trouble_since(), later);
  EXPECT_EQ(state.on_read(Error{"/x: exit code 1"}, core::Instant{3'000}).text, "");
  (void)state.on_read(Error{"/x: exit code 2"}, core::Instant{4'000});
  EXPECT_EQ(state.trouble_since(), later);
}

TEST(SourceState, EmptyAfterAListThenTheListStays) {
  SourceState state("dns n:1", false);
  (void)state.on_read(list_of({"a:1"}), first);

  const News news = state.on_read(List{}, later);

  EXPECT_TRUE(news.is_trouble);
  EXPECT_FALSE(news.is_changed);
  EXPECT_NE(news.text.find("backend remove"), std::string::npos) << news.text;
  EXPECT_EQ(state.list()->size(), 1U);
}

TEST(SourceState, EmptyFromTheBeginningThenThatIsItsList) {
  SourceState state("file /f", false);

  EXPECT_TRUE(state.on_read(List{}, first).is_changed);
  ASSERT_TRUE(state.list().has_value());
  EXPECT_TRUE(state.list()->empty());
  EXPECT_EQ(state.trouble(), "");
}

TEST(SourceState, EmptyThoughAnEarlierLifeSawItListThenItMayStillListAnything) {
  SourceState state("file /f", true);

  EXPECT_TRUE(state.on_read(List{}, first).is_trouble);
  EXPECT_FALSE(state.list().has_value());
  EXPECT_TRUE(state.did_list());
}

TEST(SourceState, WellAgainThenTroubleIsOverAndItIsSaid) {
  SourceState state("file /f", false);
  (void)state.on_read(list_of({"a:1"}), first);
  (void)state.on_read(Error{"gone"}, first);

  const News news = state.on_read(list_of({"a:1"}), later);

  EXPECT_FALSE(news.is_changed);
  EXPECT_NE(news.text.find("again"), std::string::npos);
  EXPECT_EQ(state.trouble(), "");
}

class SourceMemory : public testing::Test {
 protected:
  SourceMemory() { dir_ = mkdtemp(name_); }
  ~SourceMemory() override {
    unlink(path().c_str());
    rmdir(dir_.c_str());
  }
  [[nodiscard]] std::string path() const { return dir_ + "/sources"; }

 private:
  char name_[32] = "/tmp/rf-sources-XXXXXX";
  std::string dir_;
};

TEST_F(SourceMemory, StoredThenLoadedTheSame) {
  const Remembered remembered{{"p", "file /with space"}, {"q", "dns n:1"}};
  ASSERT_TRUE(store(path(), remembered));

  const Result<Remembered> loaded = load(path());

  ASSERT_TRUE(loaded) << loaded.error().message;
  EXPECT_EQ(loaded.value(), remembered);
}

TEST_F(SourceMemory, NoFileThenNothingIsRemembered) {
  const Result<Remembered> loaded = load(path());
  ASSERT_TRUE(loaded);
  EXPECT_TRUE(loaded.value().empty());
}

TEST_F(SourceMemory, DamagedThenAnErrorThatNamesTheFile) {
  for (const char* text : {"", "something else\n", "ringfence sources 1\nno tab\n",
                           "ringfence sources 1\np\tfile without an end"}) {
    ASSERT_TRUE(replace_text(path(), text));
    const Result<Remembered> loaded = load(path());
    ASSERT_FALSE(loaded) << text;
    EXPECT_EQ(loaded.error().message.find(path()), 0U);
  }
}

TEST_F(SourceMemory, DirectoryOrTooLargeThenNotRead) {
  EXPECT_FALSE(read_text("/tmp", 100));
  ASSERT_TRUE(replace_text(path(), "12345"));
  EXPECT_TRUE(read_text(path(), 5));
  EXPECT_FALSE(read_text(path(), 4));
}

}  // namespace
}  // namespace ringfence::agent::discovery
