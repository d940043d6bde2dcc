#include "tools/ringfencectl/text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace ringfence::tools {
namespace {

constexpr std::int64_t second_ms = 1000;
constexpr std::int64_t minute_s = 60;
constexpr std::int64_t hour_s = 3600;
constexpr std::int64_t day_s = 86400;
constexpr unsigned column_gap = 2;

std::size_t width_of(std::string_view text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xc0U) != 0x80U;  // not a UTF-8 continuation byte
  }));
}

std::string padded(const Cell& cell, std::size_t width, bool has_colour) {
  const std::size_t own = width_of(cell.text);
  const std::string blanks(width > own ? width - own : 0, ' ');
  const std::string text = coloured(cell.text, cell.colour, has_colour);
  return cell.is_right_aligned ? blanks + text : text + blanks;
}

void end_line(std::string& out) {
  out.erase(out.find_last_not_of(' ') + 1);
  out += '\n';
}

}  // namespace

std::string age_text(std::int64_t age_ms) {
  if (age_ms < 0) {
    return "-";
  }
  if (age_ms < second_ms) {
    return fmt::format("{} ms", age_ms);
  }
  const std::int64_t age_s = age_ms / second_ms;
  if (age_s < minute_s) {
    return fmt::format("{}.{} s", age_s, age_ms % second_ms / 100);
  }
  if (age_s < hour_s) {
    return fmt::format("{} m {} s", age_s / minute_s, age_s % minute_s);
  }
  if (age_s < day_s) {
    return fmt::format("{} h {} m", age_s / hour_s, age_s % hour_s / minute_s);
  }
  return fmt::format("{} d {} h", age_s / day_s, age_s % day_s / hour_s);
}

std::string count_text(double count) {
  constexpr double thousand = 1e3;
  constexpr double million = 1e6;
  if (count < thousand) {
    return fmt::format("{:.0f}", count);
  }
  if (count < million) {
    return fmt::format("{:.1f} k", count / thousand);
  }
  return fmt::format("{:.1f} M", count / million);
}

std::string bar_text(double share, unsigned cells, bool is_ascii) {
  const double bounded = std::clamp(share, 0.0, 1.0);
  const auto filled = static_cast<unsigned>(std::lround(bounded * cells));
  std::string bar;
  for (unsigned cell = 0; cell < cells; ++cell) {
    if (is_ascii) {
      bar += cell < filled ? "#" : ".";
    } else {
      bar += cell < filled ? "█" : "░";
    }
  }
  return bar;
}

std::string coloured(std::string_view text, Colour colour, bool has_colour) {
  if (!has_colour || colour == Colour::none) {
    return std::string(text);
  }
  const char* code = "2";  // faint
  if (colour == Colour::good) {
    code = "32";
  } else if (colour == Colour::doubtful) {
    code = "33";
  } else if (colour == Colour::bad) {
    code = "31";
  }
  return fmt::format("\x1b[{}m{}\x1b[0m", code, text);
}

Colour colour_of_state(std::string_view state) {
  if (state == "serving") {
    return Colour::good;
  }
  if (state == "lost" || state.starts_with("refused")) {
    return Colour::bad;
  }
  return Colour::doubtful;
}

Table::Table(std::vector<std::string> heading) : heading_(std::move(heading)) {}

void Table::add(std::vector<Cell> row) {
  row.resize(heading_.size());
  rows_.push_back(std::move(row));
}

std::vector<std::size_t> Table::widths() const {
  std::vector<std::size_t> widths;
  for (std::size_t column = 0; column < heading_.size(); ++column) {
    std::size_t width = width_of(heading_[column]);
    for (const auto& row : rows_) {
      width = std::max(width, width_of(row[column].text));
    }
    widths.push_back(width);
  }
  return widths;
}

std::string Table::text(unsigned indent, bool has_colour) const {
  const std::vector<std::size_t> column_widths = widths();
  std::string out(indent, ' ');
  for (std::size_t column = 0; column < heading_.size(); ++column) {
    const bool is_right = !rows_.empty() && rows_.front()[column].is_right_aligned;
    out += padded({heading_[column], Colour::faint, is_right}, column_widths[column], has_colour);
    out.append(column_gap, ' ');
  }
  end_line(out);
  for (const auto& row : rows_) {
    out.append(indent, ' ');
    for (std::size_t column = 0; column < row.size(); ++column) {
      out += padded(row[column], column_widths[column], has_colour);
      out.append(column_gap, ' ');
    }
    end_line(out);
  }
  return out;
}

}  // namespace ringfence::tools
