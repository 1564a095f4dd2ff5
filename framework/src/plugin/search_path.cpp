#include <polyquant/base/error.hpp>
#include <polyquant/base/log.hpp>

#include "plugin/registry.hpp"

#include <dlfcn.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>

namespace pq {
namespace {

namespace fs = std::filesystem;

// The folder of libpolyquant.so itself: in the installed tree and in the build tree all else lies relative to it.
fs::path library_folder() {
  ::Dl_info info = {};
  if (::dladdr(reinterpret_cast<const void*>(&library_folder), &info) == 0 || info.dli_fname == nullptr)
    return {};
  std::error_code error;
  const fs::path library = fs::canonical(info.dli_fname, error);
  return error ? fs::path() : library.parent_path();
}

void append_colon_separated(std::vector<fs::path>& folders, std::string_view list) {
  while (!list.empty()) {
    const std::size_t end = std::min(list.find(':'), list.size());
    if (end > 0) folders.emplace_back(list.substr(0, end));
    list.remove_prefix(std::min(end + 1, list.size()));
  }
}

/// Lists in the environment outlive their folders: these are no errors, as they are on the command line.
void warn_of_missing(const std::vector<fs::path>& folders) {
  std::error_code ignored;
  for (const fs::path& folder : folders)
    if (!fs::is_directory(folder, ignored))
      log::warning(fmt::format("POLYQUANT_PLUGIN_PATH: {}: there is no such folder", folder.string()));
}

}  // namespace

std::vector<fs::path> plugin_search_path(const std::vector<fs::path>& extra) {
  std::error_code ignored;
  for (const fs::path& folder : extra)
    if (!fs::is_directory(folder, ignored))
      throw ConfigError(fmt::format("plugin path {}: there is no such folder", folder.string()));
  std::vector<fs::path> folders = extra, listed;
  if (const char* list = std::getenv("POLYQUANT_PLUGIN_PATH")) append_colon_separated(listed, list);
  warn_of_missing(listed);
  folders.insert(folders.end(), listed.begin(), listed.end());
  folders.push_back(library_folder() / "polyquant" / "plugins");
  return folders;
}

fs::path data_folder() {
  if (const char* folder = std::getenv("POLYQUANT_DATA"); folder != nullptr && *folder != '\0') return folder;
  return (library_folder().parent_path() / "share" / "polyquant").lexically_normal();
}

}  // namespace pq
