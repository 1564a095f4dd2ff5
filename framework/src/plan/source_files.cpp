#include "plan/source_files.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <system_error>

namespace pq {
namespace {

namespace fs = std::filesystem;
using Id = std::pair<std::string, std::string>;  // kind and id of a component

std::set<Id> components_of(const Plan& plan) {
  std::set<Id> ids = {{"backend", plan.backend->info().id}, {"format", plan.source_format}};
  for (const PlannedOutput& output : plan.outputs) {
    ids.emplace("format", output.format->info().id);
    ids.emplace("quantizer", output.quantizer->info().id);
    if (output.folder != nullptr) ids.emplace("quantizer", output.folder->info().id);
    for (const PlannedTensor& tensor : output.tensors)
      if (tensor.encoding != nullptr) ids.emplace("encoding", tensor.encoding->info().id);
  }
  for (const TensorInfo& tensor : plan.reader->header().tensors)
    ids.emplace("encoding", tensor.encoding.substr(0, tensor.encoding.find(':')));
  return ids;
}

}  // namespace

namespace {

std::vector<fs::path> tensor_files(const fs::path& model, const ModelReader& reader) {
  std::error_code ignored;
  const bool is_folder = fs::is_directory(model, ignored);
  std::set<std::string> names;
  for (const TensorInfo& tensor : reader.header().tensors) names.insert(tensor.file);
  std::vector<fs::path> files;
  for (const std::string& name : names) files.push_back((is_folder ? model : model.parent_path()) / name);
  return files;
}

}  // namespace

std::vector<fs::path> tensor_files(const Plan& plan) { return tensor_files(plan.model, *plan.reader); }

std::vector<fs::path> source_files(const fs::path& model, const ModelReader& reader) {
  std::vector<fs::path> files = tensor_files(model, reader);
  for (const SideFile& file : reader.header().side_files)
    if (!file.path.empty()) files.push_back(file.path);
  return files;
}

std::vector<fs::path> source_files(const Plan& plan) { return source_files(plan.model, *plan.reader); }

std::string node_text(const Node& node) {
  if (node.is_null()) return "null";
  if (node.is_scalar()) return node.text();
  std::string text;
  for (const Node& item : node.items()) text += (text.empty() ? "" : ", ") + node_text(item);
  for (const Node::Member& member : node.members())
    text += (text.empty() ? "" : ", ") + member.key + "=" + node_text(member.value);
  return (node.is_map() ? "{" : "[") + text + (node.is_map() ? "}" : "]");
}

std::vector<std::string> plugins_of(const Plan& plan, const PluginRegistry& registry) {
  const std::set<Id> ids = components_of(plan);
  std::vector<std::string> plugins;
  for (const PluginStatus& plugin : registry.plugins()) {
    const auto is_used = [&](const auto& part) { return ids.contains({part.kind, part.id}); };
    if (!plugin.ok || std::none_of(plugin.provides.begin(), plugin.provides.end(), is_used)) continue;
    std::error_code ignored;
    plugins.push_back(fmt::format("{} {} {} {}", plugin.name, plugin.version, plugin.file.string(),
                                  fs::last_write_time(plugin.file, ignored).time_since_epoch().count()));
  }
  return plugins;
}

}  // namespace pq
