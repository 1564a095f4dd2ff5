#include "plugin/registry.hpp"

#include <polyquant/base/error.hpp>
#include <polyquant/base/text.hpp>

#include "plugin/loader.hpp"
#include "plugin/registration.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>

namespace pq {

namespace fs = std::filesystem;

struct PluginRegistry::Impl {
  Components components;
  std::vector<PluginStatus> plugins;

  void load(PluginStatus& status);
  template <class Interface>
  std::shared_ptr<const Interface> make(const OwnedById<Entry<Interface>>& components, std::string_view kind,
                                        const Node& spec) const;
  template <class EntryType>
  [[noreturn]] void throw_unknown(const OwnedById<EntryType>& components, std::string_view kind,
                                  const ComponentSpec& spec, const Node& node) const;
};

namespace {

template <class EntryType>
std::vector<const EntryType*> entries(const OwnedById<EntryType>& components) {
  std::vector<const EntryType*> list;
  for (const auto& [id, owned] : components) list.push_back(&owned.entry);
  return list;
}

template <class Interface>
std::shared_ptr<const Interface> make_component(const Owned<Entry<Interface>>& owned, const Node& options) {
  std::shared_ptr<const Interface> component = owned.entry.make(options);
  if (!component)
    throw PluginError(
        fmt::format("plugin {}: the factory of '{}' made nothing", owned.owner, owned.entry.id));
  return component;
}

// The libraries of a folder in name order; nothing if there is no such folder.
std::vector<fs::path> libraries_in(const fs::path& folder) {
  std::vector<fs::path> libraries;
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error))
    if (entry->path().extension() == ".so") libraries.push_back(entry->path());
  std::sort(libraries.begin(), libraries.end());
  return libraries;
}

}  // namespace

// Fills in what becomes known; throws PluginError, with the components unchanged, for anything wrong.
void PluginRegistry::Impl::load(PluginStatus& status) {
  const PluginDescriptor& descriptor = load_plugin_library(status.file, status.abi);
  status.name = descriptor.name;
  status.version = descriptor.version;
  status.summary = descriptor.summary;
  Components added = register_plugin(descriptor, fmt::format("{} ({})", status.name, status.file.string()));
  std::vector<PluginStatus::Provided> provided = added.list();
  components.merge(std::move(added));
  status.provides = std::move(provided);
  status.ok = true;
}

template <class EntryType>
void PluginRegistry::Impl::throw_unknown(const OwnedById<EntryType>& known, std::string_view kind,
                                         const ComponentSpec& spec, const Node& node) const {
  std::vector<std::string> ids;
  for (const auto& [id, owned] : known) ids.push_back(id);
  std::string refused;
  const auto is_shadowed = [&](const PluginStatus& broken) {
    return std::any_of(plugins.begin(), plugins.end(), [&](const PluginStatus& other) {
      return other.ok && other.file.filename() == broken.file.filename();
    });
  };
  for (const PluginStatus& status : plugins)
    if (!status.ok && !is_shadowed(status))
      refused += (refused.empty() ? "" : ", ") + status.file.filename().string();
  const std::string none = known.empty() ? fmt::format("; no plugin provides any {}", kind) : "";
  // A word that is like a known one is a typing error; another may be that of a plugin which is not here.
  const std::string hint = nearest(spec.id, ids) || !refused.empty() ? ""
                           : known.empty()
                               ? "; name the folder of the plugins with --plugin-path"
                               : "; if a plugin provides it, name the plugin's folder with --plugin-path";
  const std::string message =
      fmt::format("unknown {} '{}'{}{}{}", kind, spec.id, suggestion(spec.id, ids), none, hint);
  if (refused.empty()) throw_at(node.mark(), message);
  const std::string place = node.mark().source ? node.mark().to_string() + ": " : "";
  throw PluginError(fmt::format("{}{}; it may be in a plugin that was refused ({}; see `polyquant plugins`)",
                                place, message, refused));
}

template <class Interface>
std::shared_ptr<const Interface> PluginRegistry::Impl::make(const OwnedById<Entry<Interface>>& known,
                                                            std::string_view kind, const Node& node) const {
  const ComponentSpec spec = parse_component_spec(node, kind);
  const auto found = known.find(spec.id);
  if (found == known.end()) throw_unknown(known, kind, spec, node);
  return make_component(found->second, spec.options);
}

PluginRegistry::PluginRegistry() : impl_(std::make_unique<Impl>()) {}
PluginRegistry::~PluginRegistry() = default;

void PluginRegistry::load(const fs::path& library) {
  PluginStatus status;
  status.file = library;
  impl_->load(status);
  impl_->plugins.push_back(std::move(status));
}

void PluginRegistry::load_folders(const std::vector<fs::path>& folders) {
  std::set<fs::path> names, tried;
  for (const fs::path& folder : folders) {
    for (const fs::path& library : libraries_in(folder)) {
      if (names.contains(library.filename()) || !tried.insert(library).second) continue;
      PluginStatus& status = impl_->plugins.emplace_back();
      status.file = library;
      try {
        impl_->load(status);
        names.insert(library.filename());
      } catch (const PluginError& error) {
        status.error = error.what();
      }
    }
  }
}

const std::vector<PluginStatus>& PluginRegistry::plugins() const noexcept { return impl_->plugins; }

std::vector<const EncodingEntry*> PluginRegistry::encodings() const {
  return entries(impl_->components.encodings);
}
std::vector<const QuantizerEntry*> PluginRegistry::quantizers() const {
  return entries(impl_->components.quantizers);
}
std::vector<const FormatEntry*> PluginRegistry::formats() const { return entries(impl_->components.formats); }
std::vector<const BackendEntry*> PluginRegistry::backends() const {
  return entries(impl_->components.backends);
}

std::shared_ptr<const Encoding> PluginRegistry::encoding(const Node& spec) const {
  return impl_->make(impl_->components.encodings, "encoding", spec);
}
std::shared_ptr<const Quantizer> PluginRegistry::quantizer(const Node& spec) const {
  return impl_->make(impl_->components.quantizers, "quantizer", spec);
}
std::shared_ptr<const Format> PluginRegistry::format(const Node& spec) const {
  return impl_->make(impl_->components.formats, "format", spec);
}
std::shared_ptr<const Backend> PluginRegistry::backend(const Node& spec) const {
  return impl_->make(impl_->components.backends, "backend", spec);
}

std::shared_ptr<const Encoding> PluginRegistry::find_encoding(std::string_view spec) const {
  const ComponentSpec parsed = parse_component_spec(Node::scalar(std::string(spec)), "encoding");
  const auto found = impl_->components.encodings.find(parsed.id);
  if (found == impl_->components.encodings.end()) return nullptr;
  return make_component(found->second, parsed.options);
}

std::vector<std::pair<std::string, std::string>> PluginRegistry::device_codecs() const {
  std::vector<std::pair<std::string, std::string>> list;
  for (const auto& [id, owned] : impl_->components.device_codecs)
    list.emplace_back(owned.entry.encoding, owned.entry.backend);
  return list;
}

std::unique_ptr<DeviceCodec> PluginRegistry::device_codec(std::string_view encoding,
                                                          std::string_view backend) const {
  const auto found = impl_->components.device_codecs.find(fmt::format("{} on {}", encoding, backend));
  return found == impl_->components.device_codecs.end() ? nullptr : found->second.entry.make();
}

}  // namespace pq
