#include "plan/choose_backend.hpp"

#include "config/place.hpp"
#include "plan/source_files.hpp"

#include <polyquant/base/error.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace pq {
namespace {

/// What `backend:` says, taken apart.
struct Wanted {
  std::string id;
  Node spec;  // a map with `type` and the backend's own options, or a word
  Node device, fallback;
};

Wanted parse(const Node& node) {
  const ComponentSpec parts = parse_component_spec(node, "backend");
  Wanted wanted;
  wanted.id = parts.id;
  wanted.spec = Node::map(node.mark());
  wanted.spec.set("type", Node::scalar(parts.id, false, node.mark()));
  for (const Node::Member& member : parts.options.members()) {
    if (member.key == "device")
      wanted.device = member.value;
    else if (member.key == "fallback")
      wanted.fallback = member.value;
    else
      wanted.spec.set(member.key, member.value, member.mark);
  }
  if (wanted.spec.members().size() == 1) wanted.spec = Node::scalar(parts.id, false, node.mark());
  return wanted;
}

int device_index(const Node& node, const Backend& backend, const std::vector<DeviceInfo>& devices) {
  if (node.is_null()) return devices.front().index;
  const std::int64_t index = node.as_int("device");
  std::string known;
  for (const DeviceInfo& device : devices) {
    if (device.index == index) return device.index;
    known += fmt::format("{}{} ({})", known.empty() ? "" : ", ", device.index, device.name);
  }
  throw ResourceError(place_prefix(node.mark()) + fmt::format("backend '{}' has no device {} here; it has {}",
                                                              backend.info().id, index, known));
}

ChosenBackend named(const Wanted& wanted, const PluginRegistry& registry) {
  ChosenBackend chosen;
  chosen.backend = registry.backend(wanted.spec);
  chosen.spec = node_text(wanted.spec);
  const std::vector<DeviceInfo> devices = chosen.backend->devices();
  if (devices.empty())
    throw ResourceError(
        place_prefix(wanted.spec.mark()) +
        fmt::format("backend '{}' finds no device on this machine; name another ('cpu' runs everywhere), or "
                    "what to use instead: {{type: {}, fallback: cpu}}",
                    chosen.backend->info().id, chosen.backend->info().id));
  chosen.device = device_index(wanted.device, *chosen.backend, devices);
  return chosen;
}

bool is_loaded(const std::string& id, const PluginRegistry& registry) {
  const auto entries = registry.backends();
  return std::any_of(entries.begin(), entries.end(), [&](const auto* entry) { return entry->id == id; });
}

ChosenBackend automatic(const PluginRegistry& registry) {
  ChosenBackend best;
  for (const BackendEntry* entry : registry.backends()) {
    auto backend = registry.backend(Node::scalar(entry->id));
    const std::vector<DeviceInfo> devices = backend->devices();
    if (devices.empty()) continue;
    if (best.backend != nullptr && best.backend->info().priority >= backend->info().priority) continue;
    best.backend = std::move(backend);
    best.device = devices.front().index;
    best.spec = entry->id;
  }
  if (best.backend == nullptr)
    throw PluginError("no plugin provides a backend that has a device here; see `polyquant plugins`");
  return best;
}

}  // namespace

ChosenBackend choose_backend(const Node& node, const PluginRegistry& registry) {
  if (node.is_null()) return automatic(registry);
  const Wanted wanted = parse(node);
  if (wanted.spec.is_scalar() && wanted.spec.text() == "auto") {
    if (!wanted.device.is_null() || !wanted.fallback.is_null())
      throw_at(node.mark(), "`auto` takes neither 'device' nor 'fallback'; name the backend");
    return automatic(registry);
  }
  if (wanted.fallback.is_null()) return named(wanted, registry);
  ChosenBackend other =
      choose_backend(wanted.fallback, registry);  // first: its mistakes are said in any case
  try {
    return named(wanted, registry);
  } catch (const Error& error) {
    // A mistake in what is said of a backend that is here is no reason to use another one.
    if (is_loaded(wanted.id, registry) && dynamic_cast<const ConfigError*>(&error) != nullptr) throw;
    other.warnings.insert(other.warnings.begin(), fmt::format("{}; '{}' is used instead, as 'fallback' says",
                                                              error.what(), other.backend->info().id));
    return other;
  }
}

}  // namespace pq
