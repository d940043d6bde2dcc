#include "agent/mesh/settings.hpp"

#include "agent/config/config.hpp"
#include "agent/mesh/address.hpp"

namespace ringfence::agent::mesh {

Result<std::string> advertised_address(const config::Config& config) {
  const bool is_named = !config.mesh.advertise.empty();
  const std::string& address = is_named ? config.mesh.advertise : config.mesh.listen;
  const char* key = is_named ? "mesh.advertise" : "mesh.listen";
  const Result<HostPort> parts = split_address(address);
  if (!parts) return parts.error().in(key);
  if (!is_wildcard(literal_address(parts.value()))) return address;
  return Error{std::string(key) + " is " + address +
               ", which tells others no address: give mesh.advertise, the host:port at which they "
               "reach this agent"};
}

Result<MeshSettings> mesh_settings(const config::Config& config) {
  const auto& mesh = config.mesh;
  if (mesh.listen.empty()) {
    return Error{
        mesh.seeds.empty()
            ? "mesh.listen is not given: this agent is a fleet of one and has no mesh"
            : "mesh.seeds needs mesh.listen: the ip:port at which this agent waits for its "
              "peers, such as \"10.0.0.5:7411\""};
  }
  const bool has_certificates =
      !mesh.cert_file.empty() && !mesh.private_key_file.empty() && !mesh.ca_file.empty();
  if (mesh.key_file.empty() && !has_certificates && !mesh.is_insecure) {
    return Error{
        "a mesh needs a proof of who belongs to it: give mesh.key_file (make one with: (umask 077; "
        "openssl rand -hex 32 > FILE)), or mesh.cert_file, mesh.private_key_file and mesh.ca_file, "
        "or, on loopback alone, mesh.insecure = true"};
  }
  if (Result<std::string> address = advertised_address(config); !address) return address.error();
  MeshSettings settings;
  settings.listen = mesh.listen;
  settings.key_file = mesh.key_file;
  settings.cert_file = mesh.cert_file;
  settings.private_key_file = mesh.private_key_file;
  settings.ca_file = mesh.ca_file;
  // Given besides a key it would only weaken: the key wins.
  settings.is_insecure = mesh.is_insecure && mesh.key_file.empty() && !has_certificates;
  return settings;
}

}  // namespace ringfence::agent::mesh
