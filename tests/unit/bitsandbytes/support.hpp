// Cases that the library itself packed (tests/golden/packed/bitsandbytes), and encodings without the plugin registry.
#pragma once

#include "base/support.hpp"
#include "bitsandbytes/format.hpp"
#include "bitsandbytes/pieces.hpp"
#include "common/tensor_store.hpp"
#include "golden_dir.hpp"
#include "nf4/encoding.hpp"

#include <polyquant/base/half.hpp>
#include <polyquant/encoding.hpp>

#include <nlohmann/json.hpp>

#include <memory>
#include <string>
#include <vector>

namespace pq::test {

inline std::filesystem::path bnb_dir() { return pq_test::golden_dir() / "packed" / "bitsandbytes"; }

struct BnbCase {
  std::string name, packed, weight, type, hash;
  std::int64_t block = 0;
  bool nested = false;
  /// Blocks that end where rows end, and storage as bytes: what polyquant writes too.
  bool is_plain_layout() const {
    return name.find("tail") == std::string::npos && name.find("odd") == std::string::npos && block <= 256;
  }
};

inline std::vector<BnbCase> bnb_cases() {
  const auto json = nlohmann::json::parse(read_file(bnb_dir() / "cases.json"));
  std::vector<BnbCase> cases;
  for (const auto& c : json["cases"])
    cases.push_back(
        {c["name"], c["packed"], c["weight"], c["type"], c["decoded_fnv1a"], c["block"], c["nested"]});
  return cases;
}

inline std::unique_ptr<Encoding> bnb_encoding(const std::string& spec) {
  const bnb::SpecParts parts = bnb::parse_spec(spec);
  if (parts.kind == bnb::Kind::int8) return nf4::make_int8(Node());
  Node options = Node::map();
  options.set("block", Node::scalar(std::to_string(parts.block)));
  options.set("double_quant", Node::scalar(parts.nested ? "true" : "false"));
  return parts.type == "nf4" ? nf4::make_nf4(options) : nf4::make_fp4(options);
}

/// The one tensor of a file, as f32.
inline std::vector<float> float_tensor(const std::filesystem::path& path) {
  const hf::TensorStore store(path);
  const hf::StoredTensor& tensor = store.tensors().at(0);
  const Bytes bytes = store.bytes(0);
  std::vector<float> values;
  for (std::int64_t i = 0; i < elements(tensor.shape); ++i) {
    const auto at = static_cast<std::size_t>(i);
    if (tensor.dtype->name == "F32")
      values.push_back(load<float>(bytes.data() + 4 * at));
    else if (tensor.dtype->name == "F16")
      values.push_back(f16_to(load<std::uint16_t>(bytes.data() + 2 * at)));
    else
      values.push_back(bf16_to(load<std::uint16_t>(bytes.data() + 2 * at)));
  }
  return values;
}

inline ConstMatrix rows_of(const std::vector<float>& values, std::int64_t cols) {
  return {values.data(), static_cast<std::int64_t>(values.size()) / cols, cols, cols};
}

}  // namespace pq::test
