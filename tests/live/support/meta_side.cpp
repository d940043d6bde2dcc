#include "tests/live/support/meta_side.hpp"

#include <algorithm>
#include <cctype>

namespace ringfence::live {
namespace {

bool is_meta_answer(const std::string& line) {
  if (line.size() > 2 && line[2] != ' ') return false;
  for (const char* status : {"HD", "VA", "EN", "NS", "EX", "NF", "ME"}) {
    if (line.starts_with(status)) return true;
  }
  return false;
}

// What begins with `head` and a digit loses its number.
std::string without_number(const std::string& word, std::string_view head) {
  const bool is_it = word.size() > head.size() && word.starts_with(head) &&
                     std::isdigit(static_cast<unsigned char>(word[head.size()])) != 0;
  return is_it ? std::string(head) + "#" : word;
}

std::string without_number(std::string word) {
  if (word == "c0") return word;  // nothing was stored
  for (const char* head : {"c", "t", "l", "la=", "cas=", "exp=-", "exp="}) {
    if (word != "exp=-1") word = without_number(word, head);
  }
  return word;
}

// The bytes of the value behind a line, with its CRLF; 0: none.
std::size_t value_bytes_of(const std::string& line) {
  std::size_t begin = 3;
  if (line.starts_with("VALUE ")) {
    begin = line.find(' ', line.find(' ', 6) + 1) + 1;
  } else if (!line.starts_with("VA ")) {
    return 0;
  }
  return std::stoul(line.substr(begin)) + 2;
}

}  // namespace

std::string without_own_numbers(const std::string& line) {
  if (!is_meta_answer(line)) {
    if (!line.starts_with("VALUE ")) return line;
    std::size_t space = 0;
    for (int i = 0; i < 4 && space != std::string::npos; ++i) space = line.find(' ', space + 1);
    return space == std::string::npos ? line : line.substr(0, space) + " #";
  }
  std::string all;
  std::size_t begin = 0;
  while (begin <= line.size()) {
    const std::size_t end = std::min(line.find(' ', begin), line.size());
    if (begin > 0) all += ' ';
    // The first two words are a status and a size, or a key.
    const std::string word = line.substr(begin, end - begin);
    all += begin == 0 ? word : without_number(word);
    begin = end + 1;
  }
  return all;
}

std::string MetaSide::finish() {
  client_.send("mn\r\n");
  return read_until("MN");
}

std::string MetaSide::finish(const std::string& key) {
  client_.send("mg " + key + " k\r\n");
  return read_until("EN k" + key);
}

std::string MetaSide::read_until(const std::string& last) {
  std::string answers;
  while (true) {
    const std::string line = client_.read_line();
    if (line == last) return answers;
    answers += without_own_numbers(line) + "\n";
    const std::size_t value_bytes = value_bytes_of(line);
    if (value_bytes > 0) answers += client_.read_bytes(value_bytes);
  }
}

std::string MetaSide::answer(std::string_view bytes) {
  send(bytes);
  return finish();
}

std::string MetaSide::cas_of(const std::string& key) {
  const std::string line = client_.ask("mg " + key + " c");
  return line.starts_with("HD c") ? line.substr(4) : "0";
}

}  // namespace ringfence::live
