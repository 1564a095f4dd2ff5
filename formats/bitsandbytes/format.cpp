#include "bitsandbytes/format.hpp"

#include "bitsandbytes/config.hpp"
#include "bitsandbytes/pieces.hpp"
#include "bitsandbytes/reader.hpp"
#include "bitsandbytes/writer.hpp"
#include "common/folder_writer.hpp"
#include "common/shard_size.hpp"
#include "common/storage_config.hpp"

#include <polyquant/base/error.hpp>
#include <polyquant/base/file.hpp>
#include <polyquant/base/log.hpp>
#include <polyquant/encoding.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <utility>

namespace pq::bnb {
namespace {

namespace fs = std::filesystem;

struct Options {
  std::string max_shard_size = hf::kUsualShardSize;
  std::string dtype = "auto";
};
const Schema<Options>& schema() {
  static const auto result = hf::with_shard_size<Options>().field(
      "dtype", &Options::dtype,
      "Type that the library decodes 4-bit weights to and computes with; "
      "auto takes that of config.json.",
      one_of({"auto", "bfloat16", "float16", "float32"}));
  return result;
}
Options parse_options(const Node& node) { return hf::parse_sized(schema(), node, "bitsandbytes"); }

bool is_stored_block(std::int64_t block) {
  return block >= 32 && block <= 4096 && (block & (block - 1)) == 0;
}

/// How names of tensors end that only bitsandbytes writes; in the JSON of a header.
constexpr std::array<std::string_view, 5> kSigns{kStateEnd, ".SCB\"", ".quant_map\"", ".absmax\"",
                                                 "nested_absmax\""};

bool has_parts(std::string_view header) {
  return std::any_of(kSigns.begin(), kSigns.end(),
                     [&](std::string_view sign) { return header.find(sign) != std::string_view::npos; });
}

/// The same for the whole header: that of an ordinary model is longer than what a probe is given, and the parts come last.
bool file_has_parts(const fs::path& path, std::uint64_t header_bytes) {
  try {
    const MappedFile file(path);
    const Bytes header = file.bytes().first(std::min<std::uint64_t>(8 + header_bytes, file.bytes().size()));
    return has_parts({reinterpret_cast<const char*>(header.data()), header.size()});
  } catch (const FormatError&) {
    return false;  // whoever opens it says best what is wrong
  }
}

std::string block_cure(std::int64_t cols) {
  for (const std::int64_t block : {64, 32})
    if (cols % block == 0) return fmt::format("use block={}", block);
  return "keep this tensor in 16 bits";
}

class BitsandbytesFormat final : public Format {
 public:
  explicit BitsandbytesFormat(const Node& options) : defaults_(parse_options(options)) {}

  const FormatInfo& info() const override { return info_; }

  int probe(const Probe& probe) const override {
    const auto has = [&](std::string_view name) {
      return std::find(probe.names.begin(), probe.names.end(), name) != probe.names.end();
    };
    const std::string_view head(reinterpret_cast<const char*>(probe.head.data()), probe.head.size());
    if (probe.is_folder) {
      if (!has(hf::kSingleFile) && !has(hf::kIndexFile)) return 0;
      // Without anything quantized it is an ordinary folder, which `safetensors` claims.
      return names_bitsandbytes(head) ? 95 : 1;
    }
    if (head.size() < 10 || head[8] != '{') return 0;
    const auto header_bytes = load<std::uint64_t>(probe.head.data());
    if (header_bytes > hf::kMaxHeaderBytes) return 0;
    const bool is_longer = header_bytes > head.size() - 8;
    return has_parts(head) || (is_longer && file_has_parts(probe.path, header_bytes)) ? 97 : 0;
  }

  std::unique_ptr<ModelReader> open(const fs::path& path) const override {
    return make_reader(hf::TensorStore(path));
  }

  std::optional<std::string> rejects(const Encoding& encoding, const Shape& shape) const override {
    const std::string& name = encoding.info().spec;
    if (hf::dtype_of_encoding(name) != nullptr) return std::nullopt;
    const SpecParts spec = parse_spec(name);
    if (spec.kind == Kind::plain)
      return fmt::format("bitsandbytes has no {}; it has nf4, fp4, int8 and plain numbers such as bf16",
                         name);
    if (shape.size() < 2 || elements(shape) == 0)
      return fmt::format("bitsandbytes quantizes matrices only, and {} is none; keep it in 16 bits",
                         to_string(shape));
    if (spec.kind == Kind::int8) return std::nullopt;
    if (!is_stored_block(spec.block))
      return fmt::format("bitsandbytes has blocks of 32, 64, 128 and so on up to 4096, not of {}; {}",
                         spec.block, block_cure(cols(shape)));
    if (cols(shape) % spec.block != 0)
      return fmt::format("blocks of {} would cross the rows of {} columns; {}", spec.block, cols(shape),
                         block_cure(cols(shape)));
    return std::nullopt;
  }

  OutputLayout layout(const fs::path&, const OutputModel& model) const override {
    const OutputPlan planned = plan(model);
    for (const std::string& warning : planned.warnings) log::warning(warning);
    OutputLayout layout;
    layout.files = hf::planned_files(planned.folder, planned.side_files, false);
    for (std::size_t i = 0; i < planned.pieces.size(); ++i) {  // the pieces of a tensor follow one another
      const std::size_t first = planned.pieces[i].codes, end = i + 1 < planned.pieces.size()
                                                                   ? planned.pieces[i + 1].codes
                                                                   : planned.folder.places.size();
      const hf::TensorPlace& place = planned.folder.places[first];
      layout.tensors.push_back({place.shard, place.offset, hf::bytes_of(planned.folder, first, end - first)});
    }
    return layout;
  }

  std::unique_ptr<ModelWriter> create(const fs::path& path, const OutputModel& model,
                                      bool resume) const override {
    OutputPlan planned = plan(model);
    hf::planned_files(planned.folder, planned.side_files, false);  // its checks, before the disk is touched
    return make_writer(path, model, std::move(planned), resume);
  }

 private:
  OutputPlan plan(const OutputModel& model) const {
    hf::refuse_turned_matrices(model.side_files, info_.id);
    const Options options = model.options.is_null() ? defaults_ : parse_options(model.options);
    return plan_output(model, options.dtype, hf::shard_bytes(options.max_shard_size));
  }

  Options defaults_;
  FormatInfo info_{"bitsandbytes",
                   kSummary,
                   Dialect::huggingface,
                   true,
                   true,
                   {"embedding", "position_embedding", "output", "router"},
                   {"embedding", "position_embedding"}};
};

}  // namespace

const OptionTable& bitsandbytes_options() { return schema().table(); }

std::unique_ptr<Format> make_bitsandbytes(const Node& options) {
  return std::make_unique<BitsandbytesFormat>(options);
}

}  // namespace pq::bnb
