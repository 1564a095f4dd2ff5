// All components of the loaded plugins, by kind and id.
#pragma once

#include <polyquant/plugin.hpp>

#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace pq {

/// One plugin library: loaded, or refused with a reason.
struct PluginStatus {
  struct Provided {
    std::string kind;  // "encoding", "quantizer", "format", "backend", "device codec"
    std::string id;
    std::string summary;
  };
  std::filesystem::path file;
  std::string name, version, summary;
  int abi = 0;  // 0 if unknown
  std::vector<Provided> provides;
  bool ok = false;
  std::string error;  // one sentence if !ok
};

/// Owner of all registered components. Filled once at start, then read-only and callable from any thread.
class PQ_API PluginRegistry {
 public:
  PluginRegistry();
  ~PluginRegistry();
  PluginRegistry(const PluginRegistry&) = delete;
  PluginRegistry& operator=(const PluginRegistry&) = delete;

  /// Loads one library. Throws PluginError with one sentence for anything wrong; the registry is then unchanged.
  void load(const std::filesystem::path& library);
  /// Loads every *.so of the folders, in name order; a broken one does not stop the others, it is recorded in plugins(). Missing folders
  /// are skipped. A file name of which an earlier folder gave a usable library is skipped, so that a user's build shadows the installed one.
  void load_folders(const std::vector<std::filesystem::path>& folders);
  const std::vector<PluginStatus>& plugins() const noexcept;

  /// Entries in id order.
  std::vector<const EncodingEntry*> encodings() const;
  std::vector<const QuantizerEntry*> quantizers() const;
  std::vector<const FormatEntry*> formats() const;
  std::vector<const BackendEntry*> backends() const;

  /// Components by name with options: a scalar ("q4_0", "affine:bits=4,group=128") or a map with `type:`. Unknown ids throw ConfigError
  /// at the node with the nearest known id; if plugins were refused, which may have had it, PluginError that names them.
  std::shared_ptr<const Encoding> encoding(const Node& spec) const;
  std::shared_ptr<const Quantizer> quantizer(const Node& spec) const;
  std::shared_ptr<const Format> format(const Node& spec) const;
  std::shared_ptr<const Backend> backend(const Node& spec) const;

  /// The encoding of a stored tensor, or nullptr if no plugin provides it.
  std::shared_ptr<const Encoding> find_encoding(std::string_view spec) const;
  /// Encoding and backend of every device codec, in order.
  std::vector<std::pair<std::string, std::string>> device_codecs() const;
  /// Registered device codec or nullptr.
  std::unique_ptr<DeviceCodec> device_codec(std::string_view encoding, std::string_view backend) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// "affine:bits=4,group=128" or {type: affine, bits: 4}: the id and the options as a map. Throws ConfigError for wrong forms.
struct ComponentSpec {
  std::string id;
  Node options;
};
PQ_API ComponentSpec parse_component_spec(const Node& spec, std::string_view what);

/// Folders searched for plugins: `extra` (from --plugin-path), POLYQUANT_PLUGIN_PATH (colon-separated), the installation's own.
PQ_API std::vector<std::filesystem::path> plugin_search_path(const std::vector<std::filesystem::path>& extra);

/// The folder of the installation's data files (families, recipes): share/polyquant beside the library, or POLYQUANT_DATA.
PQ_API std::filesystem::path data_folder();

}  // namespace pq
