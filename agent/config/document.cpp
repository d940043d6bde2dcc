// Turns toml++'s tree into our own. See document.hpp.
#include "agent/config/document.hpp"

#define TOML_EXCEPTIONS 0
#define TOML_ENABLE_FORMATTERS 0
#include <fmt/core.h>
#include <toml++/toml.h>

#include <algorithm>

namespace ringfence::agent::config {
namespace {

Item convert(const toml::node& node, std::string name);

void convert_children(const toml::node& node, Item& item) {
  if (const toml::table* table = node.as_table()) {
    for (const auto& [key, child] : *table) {
      Item made = convert(child, std::string(key.str()));
      // Where the key stands, not where its value begins; 0 for tables that headers only imply.
      if (key.source().begin.line != 0) made.line = key.source().begin.line;
      item.children.push_back(std::move(made));
    }
    // toml++ sorts by name; the first mistake in the file should be the first one told.
    std::stable_sort(item.children.begin(), item.children.end(),
                     [](const Item& a, const Item& b) { return a.line < b.line; });
  } else if (const toml::array* list = node.as_array()) {
    for (const toml::node& child : *list) item.children.push_back(convert(child, ""));
  }
}

Item convert(const toml::node& node, std::string name) {
  Item item;
  item.name = std::move(name);
  item.line = node.source().begin.line;
  switch (node.type()) {
    case toml::node_type::table:
      item.kind = Item::Kind::table;
      break;
    case toml::node_type::array:
      item.kind = Item::Kind::list;
      break;
    case toml::node_type::string:
      item.kind = Item::Kind::text;
      item.text = **node.as_string();
      break;
    case toml::node_type::integer:
      item.kind = Item::Kind::whole;
      item.whole = **node.as_integer();
      break;
    case toml::node_type::floating_point:
      item.kind = Item::Kind::real;
      break;
    case toml::node_type::boolean:
      item.kind = Item::Kind::truth;
      item.is_true = **node.as_boolean();
      break;
    default:
      item.kind = Item::Kind::date;
      break;
  }
  convert_children(node, item);
  return item;
}

}  // namespace

std::string_view kind_name(Item::Kind kind) {
  switch (kind) {
    case Item::Kind::table:
      return "a table";
    case Item::Kind::list:
      return "a list";
    case Item::Kind::text:
      return "a string";
    case Item::Kind::whole:
      return "a whole number";
    case Item::Kind::real:
      return "a number with a fraction";
    case Item::Kind::truth:
      return "true or false";
    case Item::Kind::date:
      break;
  }
  return "a date or time";
}

Result<Item> read_document(std::string_view text, const std::string& path) {
  const toml::parse_result parsed = toml::parse(text, path);
  if (!parsed) {
    const toml::parse_error& error = parsed.error();
    return Error{
        fmt::format("{}:{}: not TOML: {}", path, error.source().begin.line, error.description())};
  }
  return convert(parsed.table(), "");
}

}  // namespace ringfence::agent::config
