#include "plugin/loader.hpp"

#include <polyquant/base/error.hpp>
#include <polyquant/base/file.hpp>

#include "plugin/elf.hpp"

#define BOOST_DLL_USE_STD_FS
#include <dlfcn.h>
#include <fmt/format.h>
#include <boost/dll/shared_library.hpp>

#include <algorithm>
#include <charconv>
#include <mutex>
#include <vector>

namespace pq {
namespace {

namespace dll = boost::dll;
namespace fs = std::filesystem;

// Never destroyed, so that no library is unloaded: its code may be used until the very end, by other libraries' exit handlers too.
void keep_loaded(dll::shared_library library) {
  static std::mutex& mutex = *new std::mutex;
  static auto& libraries = *new std::vector<dll::shared_library>;
  const std::lock_guard lock(mutex);
  libraries.push_back(std::move(library));
}

// The number in "polyquant_plugin_abi_12", or 0.
int abi_number(std::string_view symbol) {
  const std::string_view digits = symbol.substr(std::string_view(PQ_ABI_SYMBOL_PREFIX).size());
  int number = 0;
  const auto [end, status] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  return status == std::errc() && end == digits.data() + digits.size() && number > 0 ? number : 0;
}

std::vector<LibrarySymbol> plugin_symbols(const fs::path& library) {
  try {
    return exported_symbols(MappedFile(library).bytes(), PQ_ABI_SYMBOL_PREFIX);
  } catch (const FormatError& error) {
    throw PluginError(fmt::format("plugin {}", error.what()));
  } catch (const PluginError& reason) {
    throw PluginError(fmt::format("plugin {} cannot be loaded: {}", library.string(), reason.what()));
  }
}

// Reads the ABI number from the name of a symbol in the file, so that no code of an unsuitable plugin runs.
void check_abi(const fs::path& library, int& abi) {
  std::vector<LibrarySymbol> symbols = plugin_symbols(library);
  std::erase_if(symbols, [](const LibrarySymbol& symbol) { return abi_number(symbol.name) == 0; });
  if (symbols.empty())
    throw PluginError(fmt::format("{}: exports no " PQ_ABI_SYMBOL_PREFIX "{} symbol: not a polyquant plugin",
                                  library.string(), PQ_ABI_VERSION));
  const auto ours = [](const LibrarySymbol& symbol) { return abi_number(symbol.name) == PQ_ABI_VERSION; };
  const auto match = std::find_if(symbols.begin(), symbols.end(), ours);
  abi = abi_number((match == symbols.end() ? symbols.front() : *match).name);
  if (match == symbols.end())
    throw PluginError(fmt::format(
        "plugin {} was built for plugin ABI {}, this program has ABI {}; rebuild it against polyquant {}",
        library.string(), abi, PQ_ABI_VERSION, kVersion));
  if (match->size != sizeof(PluginDescriptor))
    throw PluginError(fmt::format(
        "plugin {} cannot be loaded: its symbol {} is no plugin descriptor; define it with PQ_PLUGIN",
        library.string(), match->name));
}

}  // namespace

const PluginDescriptor& load_plugin_library(const fs::path& library, int& abi) {
  check_abi(library, abi);
  std::error_code error;
  const fs::path absolute = fs::absolute(library, error);  // dlopen searches bare names elsewhere
  dll::shared_library loaded;
  // Immediate binding: a missing symbol is reported here and not in the middle of a run. Local: plugins do not see each other.
  loaded.load(error ? library : absolute, error, dll::load_mode::rtld_now | dll::load_mode::rtld_local);
  if (error) {
    const char* reason = ::dlerror();
    throw PluginError(fmt::format("plugin {} cannot be loaded: {}", library.string(),
                                  reason != nullptr ? reason : error.message()));
  }
  const auto& descriptor =
      loaded.get<const PluginDescriptor>(fmt::format(PQ_ABI_SYMBOL_PREFIX "{}", PQ_ABI_VERSION));
  keep_loaded(std::move(loaded));
  for (const void* part :
       {static_cast<const void*>(descriptor.name), static_cast<const void*>(descriptor.version),
        static_cast<const void*>(descriptor.summary), static_cast<const void*>(descriptor.built_for)})
    if (part == nullptr)
      throw PluginError(fmt::format("plugin {}: its descriptor is incomplete", library.string()));
  if (descriptor.register_components == nullptr)
    throw PluginError(fmt::format("plugin {}: its descriptor is incomplete", library.string()));
  return descriptor;
}

}  // namespace pq
