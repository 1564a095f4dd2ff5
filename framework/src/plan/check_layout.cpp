#include "plan/check_layout.hpp"

#include <polyquant/base/error.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <string>

namespace pq {
namespace {

/// "plugin 'gguf' (/lib/gguf.so): format 'gguf'".
std::string provider_of(const std::string& format, const PluginRegistry& registry) {
  for (const PluginStatus& plugin : registry.plugins())
    for (const PluginStatus::Provided& part : plugin.provides)
      if (plugin.ok && part.kind == "format" && part.id == format)
        return fmt::format("plugin '{}' ({}): format '{}'", plugin.name, plugin.file.string(), format);
  return fmt::format("format '{}'", format);
}

}  // namespace

void check_layout(const OutputLayout& layout, std::size_t tensors, const Format& format,
                  const PluginRegistry& registry) {
  const auto refuse = [&](const std::string& what) {
    throw PluginError(fmt::format("{} {}; this is a defect of the plugin, report it to its author",
                                  provider_of(format.info().id, registry), what));
  };
  if (layout.files.empty()) refuse("lays out no file");
  if (layout.tensors.size() != tensors)
    refuse(fmt::format("lays out {} tensors of {}", layout.tensors.size(), tensors));
  const auto lost = std::find_if(layout.tensors.begin(), layout.tensors.end(),
                                 [&](const auto& place) { return place.file >= layout.files.size(); });
  if (lost != layout.tensors.end())
    refuse(fmt::format("puts tensor {} into file {} of {}, counted from 0", lost - layout.tensors.begin(),
                       lost->file, layout.files.size()));
}

}  // namespace pq
