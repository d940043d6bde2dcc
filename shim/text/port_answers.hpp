// What the agent's port itself tells clients, in memcached's words where it has some. The port
// writes them, the linked client reads them. Constants.
#pragma once

#include <string_view>

namespace ringfence::shim::text::port_answers {

inline constexpr std::string_view not_stored = "NOT_STORED\r\n";
inline constexpr std::string_view no_backend =
    "SERVER_ERROR ringfence: no backend serves this key; nothing was done\r\n";
inline constexpr std::string_view no_lease =
    "SERVER_ERROR ringfence: this host has no lease to route by; it is not known to be done\r\n";
inline constexpr std::string_view no_new_view =
    "SERVER_ERROR ringfence: a change of the view did not end in time; it is not known to be "
    "done\r\n";
inline constexpr std::string_view view_changed =
    "SERVER_ERROR ringfence: the view changed meanwhile; it is not known to be done\r\n";
inline constexpr std::string_view unreachable =
    "SERVER_ERROR ringfence: the key's backend is unreachable; nothing was done\r\n";
inline constexpr std::string_view unknown_outcome =
    "SERVER_ERROR ringfence: the key's backend did not answer; it is not known to be done\r\n";
// Of a get alone, where a pool tells failures.
inline constexpr std::string_view refused =
    "SERVER_ERROR ringfence: the key's backend answered with an error\r\n";
inline constexpr std::string_view no_room =
    "SERVER_ERROR ringfence: the value waited too long for the answers before it\r\n";

}  // namespace ringfence::shim::text::port_answers
