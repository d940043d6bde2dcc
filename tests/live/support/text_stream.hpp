// Random streams of commands in the text protocols, classic and meta mixed: what memcached answers
// in one way, whatever the cuts. A seed means the same stream everywhere. One thread uses it.
#pragma once

#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "shim/meta/base64.hpp"
#include "shim/wire_key.hpp"

namespace ringfence::live {

class TextStream {
 public:
  explicit TextStream(std::uint32_t seed) : random_(seed) {}

  [[nodiscard]] std::string make(int command_count = 400) {
    std::string stream;
    for (int i = 0; i < command_count; ++i) stream += command();
    return stream;
  }
  [[nodiscard]] std::size_t below(std::size_t limit) { return random_() % limit; }

 private:
  [[nodiscard]] std::string pick(const std::vector<std::string>& list) {
    return list[below(list.size())];
  }
  [[nodiscard]] std::string key() {
    if (below(40) == 0) return std::string(200 + below(60), 'k');  // some are too long
    return short_key();
  }
  // Never too long: memcached 1.6.18 then forgets the answer to the pipelined command before it.
  [[nodiscard]] std::string short_key() { return "key" + std::to_string(below(12)); }
  [[nodiscard]] std::string keys() {
    std::string list = short_key();
    for (std::size_t count = below(8); count > 0; --count) {
      const std::string next = short_key();
      list += pick({" ", " ", "  "}) + next;
    }
    return list;
  }
  // A number, or what is none from its first byte on: memcached reads past the end of a blank.
  [[nodiscard]] std::string value() {
    if (below(3) == 0) return std::to_string(below(1000));  // for incr
    const bool is_large = below(10) == 0;
    std::string bytes(is_large ? below(70'000) : below(60), 'x');
    for (char& byte : bytes) byte = static_cast<char>(random_());
    if (!bytes.empty()) bytes.front() = '\xff';
    return bytes;
  }
  [[nodiscard]] std::string noreply() { return below(5) == 0 ? " noreply" : ""; }
  [[nodiscard]] std::string storage() {
    const std::string verb =
        pick({"set", "set", "set", "add", "replace", "append", "prepend", "cas"});
    const std::string bytes = value();
    // Now and then a length that does not fit: a bad chunk, then rubbish for commands.
    const std::size_t length = below(60) == 0 ? below(20) : bytes.size();
    const std::string unique = verb == "cas" ? " 999999999" : "";
    std::string data = bytes;
    // What the length takes too much is cut from commands, not from the line of another value,
    // whose bytes would be commands then: of those a long one ends the connection, or not, by its
    // cuts.
    if (length != bytes.size()) {
      data = std::string(bytes.size() % 30, 'y') + "\r\nverbosity 1\r\nverbosity 1";
    }
    const std::string quiet = noreply();
    const std::string exptime = pick({"0", "0", "100", "-1"});
    const std::string flags = std::to_string(below(70000));
    return verb + " " + key() + " " + flags + " " + exptime + " " + std::to_string(length) +
           unique + quiet + "\r\n" + data + "\r\n";
  }
  // A key and the flags that belong to it. Some are encoded, and of those some are no text.
  [[nodiscard]] std::string encoded(const std::string& key) {
    const std::string broken = pick({"", "", " ", "\n", "\r\n"}) + key;
    return std::string(shim::meta::Base64Key(broken).view());
  }
  // What memcached answers in one way. Whether mg shows a key encoded depends there on who stored
  // the item last, and how: so it asks for keys only where all of them are plain.
  // And whether a stale item that is incremented stays stale, on whether a pipelined get's answer
  // still holds it: those that are made stale have keys of their own, which nobody increments.
  [[nodiscard]] std::string meta(const std::string& end) {
    const std::size_t kind = below(6);
    const bool may_be_stale = kind != 4 && below(6) == 0;
    const bool is_encoded = !may_be_stale && below(4) == 0;
    const std::string plain = may_be_stale ? "old" + std::to_string(below(2)) : key();
    const std::string word = is_encoded ? encoded("b" + short_key()) : plain;
    std::string flags = is_encoded ? " b" : "";
    const bool is_get = kind < 2;
    if (below(3) == 0 && !(is_get && is_encoded)) flags += " k";
    if (below(3) == 0) flags += " O" + std::to_string(below(1000));
    if (below(4) == 0) flags += " q";
    switch (kind) {
      case 0:
      case 1: {
        for (const char* flag : {" v", " s", " t", " f", " c", " u"}) {
          if (below(2) == 0) flags += flag;
        }
        // No time of R is near any that items are given: which of two answers comes then is chance.
        const std::string extra = pick({"", "", "", " N100", " R5", " R500", " T200", " T-1"});
        return "mg " + word + flags + extra + end;
      }
      case 2:
        return meta_set(word, flags);
      case 3: {
        const std::string extra = may_be_stale ? " I T30" : pick({"", "", " C999999999"});
        return "md " + word + flags + extra + end;
      }
      case 4: {
        const std::string mode = pick({"", " MI", " M+", " MX"});
        const std::string delta = pick({"", " D7", " D1000000", " Dx"});
        const std::string value = pick({"", " v", " v t"});
        return "ma " + word + flags + mode + delta + value + end;
      }
      default:
        return pick({"mn\r\n", "mg\r\n", "ms key1\r\n", "md key1 Z\r\n", "mg key1 v v\r\n",
                     "me none\r\n", "ms key1 x\r\n", "mz key1\r\n", "ms key1 2 MZ\r\nhi\r\n",
                     "ms key1 2 q q\r\nhi\r\n", "mg a b\r\n", "ma key1 Jx\r\n"});
    }
  }
  [[nodiscard]] std::string meta_set(const std::string& word, const std::string& flags) {
    // A line that is refused for its key is not followed by a value: its bytes are commands, of
    // which a long one ends the connection.
    const bool is_refused = word.size() > shim::key_bytes_max;
    const std::string bytes = is_refused ? std::string("yyy") : value();
    const std::string mode = pick({"", "", " ME", " MA", " MP", " MR", " MS"});
    const std::string extra = pick({"", "", " T0", " T100", " C999999999", " F77", " c"});
    return "ms " + word + " " + std::to_string(bytes.size()) + flags + mode + extra + "\r\n" +
           bytes + "\r\n";
  }
  // One draw a statement: which comes first within one is the compiler's affair, and a seed should
  // mean the same stream everywhere.
  [[nodiscard]] std::string command() {
    const std::string end = pick({"\r\n", "\r\n", "\n"});
    if (below(3) == 0) return meta(end);
    switch (below(9)) {
      case 0:
      case 1:
      case 2:
        return storage();
      case 3: {
        const std::string list = keys();
        return pick({"get ", "gets "}) + list + end;
      }
      case 4: {
        const std::string list = keys();
        return pick({"gat 100 ", "gats 0 ", "gat -1 "}) + list + end;
      }
      case 5: {
        // Never a shorter number: whether memcached pads it then hangs on whether a pipelined get's
        // answer still holds the item.
        const std::string quiet = noreply();
        const std::string delta = pick({"1", "7", "1000000", "x", "-1"});
        return "incr " + key() + " " + delta + quiet + end;
      }
      case 6: {
        const std::string quiet = noreply();
        return "delete " + key() + quiet + end;
      }
      case 7: {
        const std::string quiet = noreply();
        const std::string exptime = pick({"0", "100", "-1", "x"});
        return "touch " + key() + " " + exptime + quiet + end;
      }
      default:
        return pick({"get\r\n", "nonsense\r\n", "set k 0 0\r\n", "verbosity 1\r\n", "verbosity\r\n",
                     "set k x 0 1\r\n", "incr k\r\n", "\r\n", "delete k 5\r\n", "gat x k\r\n",
                     "set k 0 0 -1\r\n"});
    }
  }

  std::mt19937 random_;
};

}  // namespace ringfence::live
