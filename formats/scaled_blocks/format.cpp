#include "scaled_blocks/format.hpp"

#include "common/storage_config.hpp"
#include "scaled_blocks/reader.hpp"

#include <polyquant/base/error.hpp>

#include <algorithm>

namespace pq::hf {
namespace {

namespace fs = std::filesystem;

class ScaledBlocksFormat final : public Format {
 public:
  ScaledBlocksFormat(const std::string& id, const std::string& summary, const JoinRule& rule)
      : rule_(rule), info_{id, summary, Dialect::huggingface, true, false} {}

  const FormatInfo& info() const override { return info_; }
  int probe(const Probe& probe) const override {
    const auto has = [&](std::string_view name) {
      return std::find(probe.names.begin(), probe.names.end(), name) != probe.names.end();
    };
    const std::string_view config(reinterpret_cast<const char*>(probe.head.data()), probe.head.size());
    if (!probe.is_folder || (!has(kSingleFile) && !has(kIndexFile))) return 0;
    return names_method(config, rule_.method) ? 90 : 0;
  }
  std::unique_ptr<ModelReader> open(const fs::path& path) const override {
    return make_joined_reader(TensorStore(path), rule_);
  }
  std::optional<std::string> rejects(const Encoding&, const Shape&) const override { return refusal(); }
  OutputLayout layout(const fs::path&, const OutputModel&) const override { throw ConfigError(refusal()); }
  std::unique_ptr<ModelWriter> create(const fs::path&, const OutputModel&, bool) const override {
    throw ConfigError(refusal());
  }

 private:
  std::string refusal() const { return "format '" + info_.id + "' can only be read"; }

  const JoinRule& rule_;
  FormatInfo info_;
};

}  // namespace

std::unique_ptr<Format> make_scaled_blocks_format(const std::string& id, const std::string& summary,
                                                  const JoinRule& rule) {
  return std::make_unique<ScaledBlocksFormat>(id, summary, rule);
}

}  // namespace pq::hf
