// The replies' JSON, field by field; tools/ringfencectl reads these names.
// Pure; the daemon's loop thread.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "agent/control/commands.hpp"

namespace ringfence::agent::control {

using Json = nlohmann::json;

[[nodiscard]] Json status_json(const CommandSource& source);
[[nodiscard]] Json view_json(const CommandSource& source);
[[nodiscard]] Json agree_json(const core::AgreeTold& told);
[[nodiscard]] Json peers_json(const core::NodeReport& report,
                              const std::vector<mesh::PeerReport>& connections, core::Instant now);
// The agents as the core sees them, without the mesh's figures.
[[nodiscard]] Json agents_json(const core::NodeReport& report, core::Instant now);
[[nodiscard]] Json history_json(const CommandSource& source);
[[nodiscard]] Json shims_json(const CommandSource& source);
[[nodiscard]] Json where_json(const CommandSource& source, const core::Pool& pool,
                              const std::string& key);

}  // namespace ringfence::agent::control
