// Bytes as an importance matrix, of either kind: opened, and every value that a run would ask for is read.
#include "memory_file.hpp"

#include "calibration/imatrix.hpp"

#include <polyquant/base/error.hpp>

#include <cstdint>
#include <span>

namespace {

const pq::PluginRegistry& registry() {
  static const auto& loaded = *[] {
    auto* plugins = new pq::PluginRegistry;  // lives as long as the program
    plugins->load_folders(pq::plugin_search_path({}));
    return plugins;
  }();
  return loaded;
}

void open_and_use(pq::Bytes input) {
  const pq_fuzz::MemoryFile file(input);
  try {
    const auto imatrix = pq::Imatrix::open(file.path(), registry());
    for (const pq::ImatrixEntry& entry : imatrix->entries()) {
      const auto matrices = static_cast<std::int64_t>(entry.counts.size());
      for (std::int64_t m = 0; m < matrices; ++m)
        for (const float value : imatrix->mean_squares(entry, m, matrices))
          if (!(value >= 0)) throw std::logic_error("a mean square is negative or NaN");
    }
  } catch (const pq::FormatError&) {
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  open_and_use(std::as_bytes(std::span(data, size)));
  return 0;
}
