// The binary request parser: every command as it should be, every length it may not have, and what
// is read past when one is refused.
#include "shim/binary/request.hpp"

#include <gtest/gtest.h>

#include "shim/text/limits.hpp"
#include "tests/unit/binary_support.hpp"

namespace ringfence::shim::binary {
namespace {

class BinaryRequest : public testing::Test {
 protected:
  ParseResult parse(std::string bytes) {
    bytes_ = std::move(bytes);
    return parse_request(bytes_, request_);
  }
  void expect_understood(unsigned opcode, std::size_t extras, std::size_t key, std::size_t value) {
    const Packet packet{0x80, opcode, std::string(extras, 'e'), std::string(key, 'k'),
                        std::string(value, 'v')};
    const ParseResult result = parse(packet.bytes());
    EXPECT_EQ(result.status, ParseStatus::request) << opcode;
    EXPECT_EQ(result.consumed_bytes, 24 + extras + key) << opcode;
    EXPECT_EQ(request_.extras, packet.extras) << opcode;
    EXPECT_EQ(request_.key, packet.key) << opcode;
    EXPECT_EQ(request_.value_bytes, value) << opcode;
  }
  void expect_closed(unsigned opcode, std::size_t extras, std::size_t key, std::size_t value) {
    const Packet packet{0x80, opcode, std::string(extras, 'e'), std::string(key, 'k'),
                        std::string(value, 'v')};
    const ParseResult result = parse(packet.bytes());
    EXPECT_EQ(result.status, ParseStatus::fatal) << opcode;
    EXPECT_EQ(result.error, Status::invalid_arguments) << opcode;
  }
  void expect_refused(const std::string& bytes, Status error, std::size_t swallow) {
    const ParseResult result = parse(bytes);
    EXPECT_EQ(result.status, ParseStatus::refused);
    EXPECT_EQ(result.error, error);
    EXPECT_EQ(result.swallow_bytes, swallow);
  }

  std::string bytes_;
  Request request_;
};

TEST_F(BinaryRequest, WholeCommandThenEveryFieldAndTheValueIsLeft) {
  Packet packet{0x80, 0x11, "flagtime", "key", "value"};
  packet.opaque = 0xdeadbeef;
  packet.cas = 0x0102030405060708;

  const ParseResult result = parse(packet.bytes());

  ASSERT_EQ(result.status, ParseStatus::request);
  EXPECT_EQ(result.consumed_bytes, 24U + 8 + 3);
  EXPECT_EQ(request_.header.opcode, Opcode::setq);
  EXPECT_EQ(request_.header.opaque, 0xdeadbeefU);
  EXPECT_EQ(request_.header.cas, 0x0102030405060708U);
  EXPECT_EQ(request_.extras, "flagtime");
  EXPECT_EQ(request_.key, "key");
  EXPECT_EQ(request_.value_bytes, 5U);
}

TEST_F(BinaryRequest, EachCommandWithItsOwnLengthsThenUnderstood) {
  for (const unsigned opcode : {0x00, 0x09, 0x0c, 0x0d, 0x04, 0x14}) {
    expect_understood(opcode, 0, 1, 0);
    expect_understood(opcode, 0, 250, 0);
  }
  for (const unsigned opcode : {0x01, 0x02, 0x03, 0x11, 0x12, 0x13}) {
    expect_understood(opcode, 8, 1, 0);
    expect_understood(opcode, 8, 250, 100);
  }
  for (const unsigned opcode : {0x0e, 0x0f, 0x19, 0x1a}) {
    expect_understood(opcode, 0, 1, 0);
    expect_understood(opcode, 0, 1, 100);
  }
  for (const unsigned opcode : {0x05, 0x06, 0x15, 0x16}) expect_understood(opcode, 20, 1, 0);
  for (const unsigned opcode : {0x1c, 0x1d, 0x1e, 0x23, 0x24}) expect_understood(opcode, 4, 1, 0);
  for (const unsigned opcode : {0x07, 0x17, 0x08, 0x18, 0x0a, 0x0b, 0x10}) {
    expect_understood(opcode, 0, 0, 0);
  }
  expect_understood(0x08, 4, 0, 0);
  expect_understood(0x10, 0, 8, 0);
}

TEST_F(BinaryRequest, LengthsThatTheCommandDoesNotHaveThenInvalidArgumentsAndClose) {
  for (const unsigned opcode : {0x00, 0x09, 0x0c, 0x0d, 0x04, 0x14}) {
    expect_closed(opcode, 0, 0, 0);
    expect_closed(opcode, 4, 1, 0);
    expect_closed(opcode, 0, 1, 1);
  }
  for (const unsigned opcode : {0x01, 0x12, 0x03}) {
    expect_closed(opcode, 8, 0, 1);
    expect_closed(opcode, 0, 1, 1);
    expect_closed(opcode, 20, 1, 1);
  }
  for (const unsigned opcode : {0x0e, 0x1a}) {
    expect_closed(opcode, 0, 0, 1);
    expect_closed(opcode, 8, 1, 1);
  }
  for (const unsigned opcode : {0x05, 0x16}) {
    expect_closed(opcode, 20, 0, 0);
    expect_closed(opcode, 8, 1, 0);
    expect_closed(opcode, 20, 1, 1);
  }
  for (const unsigned opcode : {0x1c, 0x1d, 0x24}) {
    expect_closed(opcode, 4, 0, 0);
    expect_closed(opcode, 0, 1, 0);
  }
  for (const unsigned opcode : {0x07, 0x17, 0x0a, 0x0b, 0x20}) {
    expect_closed(opcode, 0, 1, 0);
    expect_closed(opcode, 4, 0, 0);
    expect_closed(opcode, 0, 0, 1);
  }
  expect_closed(0x08, 8, 0, 0);
  expect_closed(0x08, 0, 1, 0);
  expect_closed(0x18, 4, 0, 1);
  expect_closed(0x10, 4, 0, 0);
  expect_closed(0x21, 0, 0, 4);
  expect_closed(0x22, 4, 5, 0);
}

TEST_F(BinaryRequest, KeyOver250BytesThenInvalidArgumentsWhateverTheCommand) {
  for (const unsigned opcode : {0x00, 0x01, 0x10, 0x55}) expect_closed(opcode, 0, 251, 0);
}

TEST_F(BinaryRequest, BodyShorterThanItsPartsThenUnknownCommandAndClose) {
  const Packet packet{0x80, 0x01, "flagtime", "key", ""};
  for (const std::uint64_t body_bytes : {0, 3, 10}) {
    const ParseResult result = parse(packet.bytes_claiming(body_bytes));
    EXPECT_EQ(result.status, ParseStatus::fatal);
    EXPECT_EQ(result.error, Status::unknown_command);
  }
}

TEST_F(BinaryRequest, OtherMagicThenCloseWithoutAWord) {
  const ParseResult result = parse(Packet{0x81, 0x0a}.bytes());
  EXPECT_EQ(result.status, ParseStatus::fatal);
  EXPECT_EQ(result.error, Status::success);
}

TEST_F(BinaryRequest, FrontLargerThanMemcachedsBufferThenCloseWithoutAWordAsSoonAsItIsKnown) {
  const std::size_t fitting = front_bytes_max - 24;
  const std::string whole = Packet{0x80, 0x00, "", std::string(fitting + 1, 'k')}.bytes();
  const ParseResult result = parse(whole.substr(0, 24));
  EXPECT_EQ(result.status, ParseStatus::fatal);
  EXPECT_EQ(result.error, Status::success);
  const std::string just_fits = Packet{0x80, 0x00, "", std::string(fitting, 'k')}.bytes();
  EXPECT_EQ(parse(just_fits.substr(0, 24)).status, ParseStatus::need_more);
  EXPECT_EQ(parse(just_fits).error, Status::invalid_arguments);
}

TEST_F(BinaryRequest, FrontThatIsNotWholeThenNeedMore) {
  const std::string front = Packet{0x80, 0x01, "flagtime", "key", ""}.bytes_claiming(100);
  for (std::size_t size = 0; size < front.size(); ++size) {
    EXPECT_EQ(parse(front.substr(0, size)).status, ParseStatus::need_more) << size;
  }
  EXPECT_EQ(parse(front).status, ParseStatus::request);
}

TEST_F(BinaryRequest, UnknownCommandThenItsWholeBodyIsSwallowedBehindItsKey) {
  expect_refused(Packet{0x80, 0x55}.bytes(), Status::unknown_command, 0);
  expect_refused(Packet{0x80, 0x55, "", "", "abc"}.bytes(), Status::unknown_command, 3);
  expect_refused(Packet{0x80, 0x55, "ex", "key", "abc"}.bytes(), Status::unknown_command, 8);
  expect_refused(Packet{0x80, 0x1b, "leve"}.bytes(), Status::unknown_command, 4);
  expect_refused(Packet{0x80, 0x55}.bytes_claiming(0x80000000), Status::unknown_command, 0);
}

TEST_F(BinaryRequest, SaslThenUnknownAsWithoutIt) {
  expect_refused(Packet{0x80, 0x20}.bytes(), Status::unknown_command, 0);
  const Packet auth{0x80, 0x21, "", "PLAIN", "secret"};
  expect_refused(auth.bytes(), Status::unknown_command, 6);
  expect_refused(Packet{0x80, 0x22, "", "PLAIN", ""}.bytes(), Status::unknown_command, 0);
}

TEST_F(BinaryRequest, ValueThatFitsNoMemcachedThenTooLargeAndSwallowed) {
  const std::uint64_t largest = text::value_bytes_max;
  const Packet set{0x80, 0x01, "flagtime", "key"};
  EXPECT_EQ(parse(set.bytes_claiming(11 + largest)).status, ParseStatus::request);
  EXPECT_EQ(request_.value_bytes, largest);
  expect_refused(set.bytes_claiming(12 + largest), Status::too_large, largest + 1);
  expect_refused(set.bytes_claiming(std::uint64_t{11} + 0x7fffffff), Status::too_large, 0x7fffffff);
  expect_refused(set.bytes_claiming(std::uint64_t{11} + 0x80000000), Status::too_large, 0);
  const Packet append{0x80, 0x0e, "", "key"};
  expect_refused(append.bytes_claiming(4 + largest), Status::too_large, largest + 1);
}

TEST_F(BinaryRequest, TouchWithAValueThenTheValueIsLeftAsTheNextCommand) {
  const ParseResult result = parse(Packet{0x80, 0x1c, "time", "key", "rest"}.bytes());
  EXPECT_EQ(result.status, ParseStatus::request);
  EXPECT_EQ(result.consumed_bytes, 24U + 4 + 3);
  EXPECT_EQ(request_.value_bytes, 0U);
}

TEST(BinaryPacket, OpcodesThenTheirFormsAsTheProtocolNamesThem) {
  EXPECT_EQ(backend_form(Opcode::gatkq), Opcode::gat);
  EXPECT_EQ(backend_form(Opcode::getkq), Opcode::get);
  EXPECT_EQ(backend_form(Opcode::prependq), Opcode::prepend);
  EXPECT_EQ(loud_form(Opcode::getkq), Opcode::getk);
  EXPECT_TRUE(returns_key(Opcode::getkq));
  EXPECT_TRUE(returns_key(Opcode::gatk));
  EXPECT_FALSE(returns_key(Opcode::getq));
  EXPECT_FALSE(is_quiet(Opcode::getk));
  EXPECT_TRUE(is_quiet(Opcode::flushq));
  EXPECT_FALSE(is_retrieval(Opcode::touch));
}

TEST(BinaryPacket, QuietCommandThenOnlyWhatIsExpectedIsHidden) {
  EXPECT_TRUE(is_hidden(Opcode::getq, Status::not_found));
  EXPECT_FALSE(is_hidden(Opcode::getq, Status::success));
  EXPECT_FALSE(is_hidden(Opcode::gatkq, Status::out_of_memory));
  EXPECT_TRUE(is_hidden(Opcode::setq, Status::success));
  EXPECT_FALSE(is_hidden(Opcode::addq, Status::exists));
  EXPECT_FALSE(is_hidden(Opcode::deleteq, Status::not_found));
  EXPECT_TRUE(is_hidden(Opcode::incrq, Status::success));
  EXPECT_FALSE(is_hidden(Opcode::set, Status::success));
  EXPECT_FALSE(is_hidden(Opcode::get, Status::not_found));
}

TEST(BinaryPacket, EachErrorThenMemcachedsOwnText) {
  EXPECT_EQ(text_of(Status::success), "");
  EXPECT_EQ(text_of(Status::not_found), "Not found");
  EXPECT_EQ(text_of(Status::exists), "Data exists for key.");
  EXPECT_EQ(text_of(Status::too_large), "Too large.");
  EXPECT_EQ(text_of(Status::invalid_arguments), "Invalid arguments");
  EXPECT_EQ(text_of(Status::not_stored), "Not stored.");
  EXPECT_EQ(text_of(Status::not_a_number), "Non-numeric server-side value for incr or decr");
  EXPECT_EQ(text_of(Status::auth_error), "Auth failure.");
  EXPECT_EQ(text_of(Status::unknown_command), "Unknown command");
  EXPECT_EQ(text_of(Status::out_of_memory), "Out of memory");
}

}  // namespace
}  // namespace ringfence::shim::binary
