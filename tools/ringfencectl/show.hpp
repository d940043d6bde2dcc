// Turns an agent's replies into text for people. Pure; a field that a reply lacks shows as "-" or
// nothing, so that this tool and an agent of another version still understand each other.
#pragma once

#include <map>
#include <nlohmann/json_fwd.hpp>
#include <string>

namespace ringfence::tools {

struct Style {
  bool has_colour = false;
  bool is_ascii = false;
};

// Requests a second by "pool address"; empty in a single status, where no rate is known.
using Rates = std::map<std::string, double>;
[[nodiscard]] std::string rate_key(const std::string& pool, const std::string& address);

[[nodiscard]] std::string show_status(const nlohmann::json& status, const Rates& rates,
                                      Style style);
[[nodiscard]] std::string show_view(const nlohmann::json& reply, Style style);
[[nodiscard]] std::string show_where(const nlohmann::json& reply, const std::string& key);
[[nodiscard]] std::string show_history(const nlohmann::json& reply, Style style);
[[nodiscard]] std::string show_plan(const nlohmann::json& reply, Style style);
[[nodiscard]] std::string show_shims(const nlohmann::json& reply, Style style);
[[nodiscard]] std::string show_peers(const nlohmann::json& reply, Style style);
// The table of agents that `status` and `peers` have in common; with connections' figures where
// there are any.
[[nodiscard]] std::string show_agents(const nlohmann::json& agents, Style style);
[[nodiscard]] std::string show_agree(const nlohmann::json& reply, Style style);

// One line that says where things stand, for a live view that is not on a terminal.
[[nodiscard]] std::string show_line(const nlohmann::json& status, const Rates& rates);

}  // namespace ringfence::tools
