// Reads a document by the table of keys and checks what no single key can say. See config.hpp.
#include <fmt/core.h>

#include <cerrno>
#include <cstdio>
#include <map>
#include <memory>

#include "agent/config/check.hpp"
#include "agent/config/config.hpp"
#include "agent/config/document.hpp"
#include "agent/config/keys.hpp"
#include "agent/config/values.hpp"

namespace ringfence::agent::config {
namespace {

constexpr std::size_t file_bytes_max = std::size_t{4} * 1024 * 1024;  // 1,024 backends need 60 KB
constexpr std::string_view default_listen = "127.0.0.1:11210";
constexpr std::string_view default_backend = "127.0.0.1:11211";

constexpr Section sections_with_tables[] = {Section::mesh, Section::control, Section::lease,
                                            Section::log};

std::string full_name(const Key& key) {
  const std::string_view section = section_name(key.section);
  return section.empty() ? std::string(key.name) : fmt::format("{}.{}", section, key.name);
}

class Reader {
 public:
  Reader(const std::string& path, Config& config) : path_(path), config_(config) {}

  Status read(const Item& document) {
    for (const Item& item : document.children) {
      if (Status status = read_top(item); !status) return status;
    }
    return Done{};
  }
  [[nodiscard]] const std::vector<PoolLines>& pool_lines() const { return pool_lines_; }
  [[nodiscard]] const std::map<std::string, std::uint32_t>& lines() const { return lines_; }

 private:
  [[nodiscard]] Error at(std::uint32_t line, const std::string& what) const {
    return Error{fmt::format("{}:{}: {}", path_, line, what)};
  }

  Status read_top(const Item& item) {
    for (const Section section : sections_with_tables) {
      if (item.name != section_name(section)) continue;
      if (item.kind != Item::Kind::table) {
        return at(item.line, fmt::format("{0} is a section: write it as [{0}]", item.name));
      }
      return read_table(section, item, {&config_, nullptr});
    }
    if (item.name == "pool") return read_pools(item);
    return read_key(Section::top, item, {&config_, nullptr});
  }

  Status read_pools(const Item& item) {
    if (item.kind != Item::Kind::list) {
      return at(item.line,
                "pool is a list of sections: write each as [[pool]], in double brackets");
    }
    for (const Item& table : item.children) {
      if (table.kind != Item::Kind::table) return at(table.line, "write each pool as [[pool]]");
      PoolConfig pool;
      pool_lines_.emplace_back();
      pool_lines_.back().pool = table.line;
      if (Status status = read_table(Section::pool, table, {&config_, &pool}); !status) {
        return status;
      }
      config_.pools.push_back(std::move(pool));
    }
    return Done{};
  }

  Status read_table(Section section, const Item& table, const Target& target) {
    for (const Item& item : table.children) {
      if (Status status = read_key(section, item, target); !status) return status;
    }
    return Done{};
  }

  Status read_key(Section section, const Item& item, const Target& target) {
    const Key* key = find_key(section, item.name);
    if (key == nullptr) return unknown(section, item);
    if (section == Section::pool) {
      pool_lines_.back().keys[item.name] = item.line;
    } else {
      lines_[full_name(*key)] = item.line;
    }
    return key->kind == ValueKind::texts ? read_list(*key, item, target)
                                         : read_value(*key, item, target);
  }

  [[nodiscard]] Error unknown(Section section, const Item& item) const {
    std::vector<std::string_view> known;
    for (const Key& key : all_keys()) {
      if (key.section == section) known.push_back(key.name);
    }
    if (section == Section::top) {
      for (const Section table : sections_with_tables) known.push_back(section_name(table));
      known.push_back("pool");
    }
    const std::string where =
        section == Section::top ? "" : fmt::format(" in [{}]", section_name(section));
    std::string what = fmt::format("unknown key \"{}\"{}", item.name, where);
    if (const auto meant = nearest(item.name, known)) {
      what += fmt::format("; did you mean \"{}\"?", *meant);
    } else {
      what += "; known are ";
      for (const std::string_view name : known) {
        what += fmt::format("{}{}", name, name == known.back() ? "" : ", ");
      }
    }
    return at(item.line, what);
  }

  Status read_list(const Key& key, const Item& item, const Target& target) {
    if (item.kind != Item::Kind::list) return wrong_kind(key, item, "a list of strings");
    if (item.children.size() > static_cast<std::size_t>(key.max)) {
      return at(item.line, fmt::format("{} has {} elements: at most {} are allowed", full_name(key),
                                       item.children.size(), key.max));
    }
    key.clear(target);
    for (const Item& child : item.children) {
      if (child.kind != Item::Kind::text) return wrong_kind(key, child, "a list of strings");
      if (target.pool != nullptr) pool_lines_.back().elements[key.name].push_back(child.line);
      Value value;
      value.text = child.text;
      if (Status stored = key.store(target, value); !stored) {
        return at(child.line, fmt::format("{}: {}", full_name(key), stored.error().message));
      }
    }
    return Done{};
  }

  [[nodiscard]] Error wrong_kind(const Key& key, const Item& item, std::string_view wanted) const {
    return at(item.line, fmt::format("{} is {}, not {}: {}", full_name(key), wanted,
                                     kind_name(item.kind), limits_of(key)));
  }

  Status read_value(const Key& key, const Item& item, const Target& target) {
    Value value;
    Status read = Done{};
    switch (key.kind) {
      case ValueKind::duration:
        read = read_duration(key, item, value);
        break;
      case ValueKind::count:
        read = read_count(key, item, value);
        break;
      case ValueKind::truth:
        if (item.kind != Item::Kind::truth) return wrong_kind(key, item, "true or false");
        value.is_true = item.is_true;
        break;
      default:
        read = read_text(key, item, value);
        break;
    }
    if (!read) return read;
    if (Status stored = key.store(target, value); !stored) {
      return at(item.line, fmt::format("{}: {}", full_name(key), stored.error().message));
    }
    return Done{};
  }

  Status read_duration(const Key& key, const Item& item, Value& value) const {
    if (item.kind == Item::Kind::whole) {
      return at(item.line,
                fmt::format("{0} = {1} has no unit: write \"{1}ms\" or \"{1}s\", in quotes ({2})",
                            full_name(key), item.whole, limits_of(key)));
    }
    if (item.kind != Item::Kind::text) {
      return wrong_kind(key, item, "a duration, as in \"100ms\"");
    }
    const Result<core::Duration> duration = parse_duration(item.text);
    if (!duration) {
      return at(item.line, fmt::format("{}: {}", full_name(key), duration.error().message));
    }
    value.number = duration.value().ns;
    return check_bounds(key, item, value.number, item.text);
  }

  Status read_count(const Key& key, const Item& item, Value& value) const {
    if (item.kind != Item::Kind::whole) return wrong_kind(key, item, "a whole number");
    value.number = item.whole;
    return check_bounds(key, item, item.whole, fmt::format("{}", item.whole));
  }

  [[nodiscard]] Status check_bounds(const Key& key, const Item& item, std::int64_t number,
                                    const std::string& shown) const {
    if (number >= key.min && number <= key.max) return Done{};
    return at(item.line,
              fmt::format("{} = {} is out of bounds: {}", full_name(key), shown, limits_of(key)));
  }

  Status read_text(const Key& key, const Item& item, Value& value) const {
    if (item.kind != Item::Kind::text) return wrong_kind(key, item, "a string");
    value.text = item.text;
    if (key.kind != ValueKind::choice) return Done{};
    const std::vector<std::string_view> choices = choices_of(key);
    for (const std::string_view choice : choices) {
      if (choice == item.text) return Done{};
    }
    std::string what =
        fmt::format("{} = \"{}\" is not one of {}", full_name(key), item.text, limits_of(key));
    if (const auto meant = nearest(item.text, choices)) {
      what += fmt::format("; did you mean \"{}\"?", *meant);
    }
    return at(item.line, what);
  }

  const std::string& path_;
  Config& config_;
  std::vector<PoolLines> pool_lines_;
  std::map<std::string, std::uint32_t> lines_;
};

// Of several pools none is *the* default one, so each names its own addresses.
void fill_listen(Config& config, const std::vector<PoolLines>& lines) {
  if (config.pools.size() != 1 || lines[0].keys.count("listen") != 0) return;
  config.pools[0].listen = {std::string(default_listen)};
}

}  // namespace

Config default_config() {
  Config config;
  PoolConfig pool;
  pool.listen = {std::string(default_listen)};
  pool.backends.push_back({std::string(default_backend), 1, core::NamedBy::nobody});
  config.pools.push_back(std::move(pool));
  return config;
}

Result<Config> parse_config(std::string_view text, const std::string& path) {
  const Result<Item> document = read_document(text, path);
  if (!document) return document.error();
  Config config;
  config.path = path;
  Reader reader(path, config);
  if (Status status = reader.read(document.value()); !status) return status.error();
  if (config.pools.empty()) {
    config.pools = default_config().pools;
    // An agent of a fleet brings no memcached that it was not told of.
    if (!config.mesh.listen.empty()) config.pools.front().backends.clear();
  } else {
    fill_listen(config, reader.pool_lines());
  }
  Status checked = check(config, {path, reader.lines(), reader.pool_lines()});
  if (!checked) return checked.error();
  return config;
}

Result<Config> load_config(const std::string& path) {
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "re"),
                                                             &std::fclose);
  if (!file) {
    Error error = os_error("open " + path);
    error.message += errno == EACCES ? " (the agent's user needs to read it)"
                                     : " (give the configuration's path, or none at all)";
    return error;
  }
  std::string text(file_bytes_max + 1, '\0');
  text.resize(std::fread(text.data(), 1, text.size(), file.get()));
  if (std::ferror(file.get()) != 0) return os_error("read " + path);
  if (text.size() > file_bytes_max) {
    return Error{
        fmt::format("{} is larger than {} bytes: it is no configuration", path, file_bytes_max)};
  }
  return parse_config(text, path);
}

}  // namespace ringfence::agent::config
