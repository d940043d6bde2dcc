// Text for people: ages, counts, aligned tables, colour. Pure; any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace ringfence::tools {

// "12 ms", "3.4 s", "5 m 12 s", "2 h 3 m", "4 d 2 h"; "-" for a negative age (unknown).
[[nodiscard]] std::string age_text(std::int64_t age_ms);
// "950", "12.3 k", "4.5 M".
[[nodiscard]] std::string count_text(double count);
// `share` (0 to 1) as filled and empty cells.
[[nodiscard]] std::string bar_text(double share, unsigned cells, bool is_ascii);

enum class Colour : std::uint8_t { none, good, doubtful, bad, faint };

struct Cell {
  std::string text;
  Colour colour = Colour::none;
  bool is_right_aligned = false;
};

// Rows of cells under a heading; columns are as wide as their widest cell, counted in code points.
class Table {
 public:
  explicit Table(std::vector<std::string> heading);
  void add(std::vector<Cell> row);
  // Each line indented by `indent` blanks. No trailing blanks.
  [[nodiscard]] std::string text(unsigned indent, bool has_colour) const;

 private:
  [[nodiscard]] std::vector<std::size_t> widths() const;

  std::vector<std::string> heading_;
  std::vector<std::vector<Cell>> rows_;
};

[[nodiscard]] std::string coloured(std::string_view text, Colour colour, bool has_colour);
// Colour for how well a backend in this state is.
[[nodiscard]] Colour colour_of_state(std::string_view state);

}  // namespace ringfence::tools
