#include "bitsandbytes/pieces.hpp"

#include "bitsandbytes/config.hpp"
#include "common/printable.hpp"
#include "common/storage_config.hpp"
#include "common/string_metadata.hpp"

#include <polyquant/base/error.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <string_view>

namespace pq::bnb {
namespace {

constexpr const char* kHead = "lm_head";

bool is_embedding(std::string_view name) {
  if (name.find("embed_out") != std::string_view::npos) return false;  // the head of GPT-NeoX
  const std::array<std::string_view, 3> tables{"wte.weight", "wpe.weight", "word_embeddings.weight"};
  return name.find("embed") != std::string_view::npos ||
         std::any_of(tables.begin(), tables.end(), [&](std::string_view end) { return name.ends_with(end); });
}

class Planner {
 public:
  Planner(const OutputModel& model, const std::string& dtype) : model_(model), files_(model.side_files) {
    const std::string stated = dtype == "auto" ? model_dtype(files_) : dtype;
    dtype_ = stated.empty() ? "float32" : stated;  // what transformers takes for a model that says nothing
  }

  OutputPlan plan(std::uint64_t max_shard_bytes) {
    OutputPlan result;
    for (const OutputTensor& tensor : model_.tensors) result.pieces.push_back(add(tensor));
    result.warnings = warnings();
    if (quantized_) put_quantization(files_, describe());
    result.folder = hf::plan_shards(tensors_, hf::string_metadata(model_.metadata), max_shard_bytes);
    result.side_files = std::move(files_);
    return result;
  }

 private:
  std::size_t piece(std::string name, const char* dtype, Shape shape, bool with_previous = true) {
    tensors_.push_back({std::move(name), hf::find_dtype(dtype), std::move(shape), with_previous});
    return tensors_.size() - 1;
  }

  Pieces add(const OutputTensor& tensor) {
    const SpecParts spec = parse_spec(tensor.encoding);
    if (spec.kind == Kind::plain) return add_plain(tensor);
    if (is_embedding(tensor.name))
      throw ConfigError(fmt::format(
          "tensor {}: transformers loads no embedding from {} codes; keep it in 16 bits with the rule "
          "{{match: embedding, encoding: bf16}}",
          hf::shown(tensor.name), spec.type));
    if (tensor.shape.size() != 2 || !tensor.name.ends_with(".weight"))
      throw ConfigError(
          fmt::format("tensor {}: transformers loads codes of matrices named *.weight only; keep it in 16 "
                      "bits with a rule",
                      hf::shown(tensor.name)));
    if (quantized_ && (spec.kind == Kind::four_bit) != four_bit_)
      throw ConfigError(
          fmt::format("tensor {}: {} and {} cannot be in one model: transformers loads it with 4 bits "
                      "or with 8; choose nf4 and fp4, or int8, for all",
                      hf::shown(tensor.name), spec.type, first_.type));
    if (!quantized_) first_ = spec;
    quantized_ = true;
    four_bit_ = spec.kind == Kind::four_bit;
    nested_ |= spec.nested;
    head_ |= tensor.name == std::string(kHead) + ".weight";
    return four_bit_ ? add_four_bit(tensor, spec) : add_int8(tensor);
  }

  Pieces add_plain(const OutputTensor& tensor) {
    const hf::Dtype* dtype = hf::dtype_of_encoding(tensor.encoding);
    if (dtype == nullptr)
      throw ConfigError(
          fmt::format("tensor {}: bitsandbytes has no {}; it has nf4, fp4, int8 and plain numbers",
                      hf::shown(tensor.name), tensor.encoding));
    tensors_.push_back({tensor.name, dtype, tensor.shape});
    constexpr std::string_view kWeight = ".weight";
    if (tensor.shape.size() >= 2 && tensor.name.ends_with(kWeight))
      skipped_.push_back(tensor.name.substr(0, tensor.name.size() - kWeight.size()));
    Pieces pieces;
    pieces.codes = tensors_.size() - 1;
    return pieces;
  }

  Pieces add_four_bit(const OutputTensor& tensor, const SpecParts& spec) {
    Pieces pieces;
    pieces.kind = Kind::four_bit;
    pieces.quant = {spec.type, spec.block, dtype_, tensor.shape, spec.nested};
    const std::int64_t weights = elements(tensor.shape), blocks = weights / spec.block,
                       groups = (blocks + kNestedBlock - 1) / kNestedBlock;
    pieces.codes = piece(tensor.name, "U8", {weights / 2, 1}, false);
    pieces.scales = piece(tensor.name + ".absmax", spec.nested ? "U8" : "F32", {blocks});
    pieces.map = piece(tensor.name + ".quant_map", "F32", {16});
    if (spec.nested) {
      pieces.ranges = piece(tensor.name + ".nested_absmax", "F32", {groups});
      pieces.nested_map = piece(tensor.name + ".nested_quant_map", "F32", {256});
    }
    const auto state_bytes = static_cast<std::int64_t>(serialize_state(pieces.quant, true).size());
    pieces.state = piece(tensor.name + std::string(kStateEnd) + spec.type, "U8", {state_bytes});
    return pieces;
  }

  Pieces add_int8(const OutputTensor& tensor) {
    constexpr std::string_view kWeight = ".weight";
    if (!tensor.name.ends_with(kWeight))
      throw ConfigError(
          fmt::format("tensor {}: int8 is for the weights of modules, named *.weight; give it another "
                      "encoding with a rule",
                      hf::shown(tensor.name)));
    const std::string module = tensor.name.substr(0, tensor.name.size() - kWeight.size());
    Pieces pieces;
    pieces.kind = Kind::int8;
    pieces.codes = piece(tensor.name, "I8", tensor.shape, false);
    pieces.scales = piece(module + ".SCB", "F32", {rows(tensor.shape)});
    pieces.layout = piece(module + ".weight_format", "U8", {});
    return pieces;
  }

  // What transformers would not load as it is meant.
  std::vector<std::string> warnings() const {
    if (!quantized_)
      return {
          "no tensor of the output is quantized: transformers loads the folder as an ordinary one, without "
          "bitsandbytes; choose --encoding nf4, fp4 or int8, or the format 'safetensors'"};
    if (head_ && hf::ties_head(files_)) return {hf::tied_head_warning()};
    return {};
  }

  Quantization describe() const {
    Quantization result{four_bit_, four_bit_ ? first_.type : "fp4", nested_, four_bit_ ? dtype_ : "float32",
                        skipped_};
    // The list replaces transformers' own, which has the head; a tied one is in no file.
    if (!head_ && std::find(skipped_.begin(), skipped_.end(), kHead) == skipped_.end())
      result.skipped.emplace_back(kHead);
    return result;
  }

  const OutputModel& model_;
  std::vector<SideFile> files_;
  std::string dtype_;
  std::vector<hf::PlannedTensor> tensors_;
  std::vector<std::string> skipped_;
  SpecParts first_;
  bool quantized_ = false, four_bit_ = false, nested_ = false, head_ = false;
};

}  // namespace

SpecParts parse_spec(const std::string& spec) {
  const std::string_view text = spec;
  const std::size_t colon = std::min(text.find(':'), text.size());
  SpecParts parts;
  parts.type = text.substr(0, colon);
  if (parts.type == "int8") parts.kind = Kind::int8;
  if (parts.type != "nf4" && parts.type != "fp4") return parts;
  parts.kind = Kind::four_bit;
  for (std::string_view rest = text.substr(std::min(colon + 1, text.size())); !rest.empty();) {
    const std::size_t comma = std::min(rest.find(','), rest.size());
    const std::string_view option = rest.substr(0, comma);
    constexpr std::string_view kBlock = "block=";
    if (option.starts_with(kBlock))
      std::from_chars(option.data() + kBlock.size(), option.data() + option.size(), parts.block);
    if (option == "double_quant=true") parts.nested = true;
    rest.remove_prefix(std::min(comma + 1, rest.size()));
  }
  return parts;
}

OutputPlan plan_output(const OutputModel& model, const std::string& dtype, std::uint64_t max_shard_bytes) {
  return Planner(model, dtype).plan(max_shard_bytes);
}

}  // namespace pq::bnb
