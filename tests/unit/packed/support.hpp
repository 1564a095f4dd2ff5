// Packed layers of the real libraries (tests/golden/packed), and folders made of them.
#pragma once

#include "base/support.hpp"
#include "golden_dir.hpp"

#include "awq/format.hpp"
#include "gptq/format.hpp"

#include <polyquant/base/bytes.hpp>
#include <polyquant/base/half.hpp>
#include <polyquant/base/log.hpp>
#include <polyquant/codec/affine_rows.hpp>

#include <nlohmann/json.hpp>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

namespace pq::test {

/// The cases of index.json.
inline const nlohmann::json& packed_cases() {
  static const nlohmann::json cases =
      nlohmann::json::parse(read_file(pq_test::golden_dir() / "packed" / "index.json")).at("cases");
  return cases;
}

inline std::unique_ptr<Format> packed_format(const std::string& id) {
  return id == "gptq" ? hf::make_gptq_format(Node()) : hf::make_awq_format(Node());
}

/// A folder with config.json and one file of weights.
class PackedFolder {
 public:
  PackedFolder(const nlohmann::json& quantization, const std::string& weights) {
    const nlohmann::json config = {{"model_type", "x"}, {"quantization_config", quantization}};
    write_file(folder_ / "config.json", config.dump());
    write_file(folder_ / "model.safetensors", weights);
  }
  explicit PackedFolder(const nlohmann::json& golden)
      : PackedFolder(golden.at("config"),
                     read_file(pq_test::golden_dir() / "packed" / golden.at("file").get<std::string>())) {}
  const std::filesystem::path& path() const { return folder_.path(); }

 private:
  TempFolder folder_;
};

inline std::size_t index_of(const ModelReader& reader, const std::string& name) {
  const auto& all = reader.header().tensors;
  for (std::size_t i = 0; i < all.size(); ++i)
    if (all[i].name == name) return i;
  throw std::runtime_error(name + " is missing");
}

/// Rows as the reader gives them, `step` at a time.
inline std::vector<std::byte> all_rows(const ModelReader& reader, std::size_t tensor, std::int64_t step) {
  const TensorInfo& info = reader.header().tensors[tensor];
  std::vector<std::byte> all, scratch;
  for (std::int64_t first = 0; first < rows(info.shape); first += step) {
    const Bytes part = reader.rows(tensor, first, std::min(step, rows(info.shape) - first), scratch);
    all.insert(all.end(), part.begin(), part.end());
  }
  return all;
}

/// scale * (code - zero) in f32, as affine_rows.hpp defines it.
inline std::vector<float> decode_affine(const TensorInfo& info, Bytes encoded) {
  const AffineRows layout(parse_affine_spec(info.encoding), cols(info.shape));
  std::vector<std::int32_t> groups = natural_groups(layout);
  if (!info.shared.empty()) std::memcpy(groups.data(), info.shared.data(), info.shared.size());
  std::vector<float> weights;
  for (std::size_t at = 0; at < encoded.size(); at += layout.row_bytes())
    for (std::size_t k = 0; k < layout.cols(); ++k) {
      const std::byte* row = encoded.data() + at;
      const auto group = static_cast<std::size_t>(groups[k]);
      weights.push_back(layout.scale(row, group) *
                        static_cast<float>(layout.code(row, k) - layout.zero(row, group)));
    }
  return weights;
}

/// The warnings while this works.
template <class Work>
std::vector<std::string> warnings_of(const Work& work) {
  std::vector<std::string> seen;
  auto old = log::set_sink([&](log::Level level, std::string_view text) {
    if (level == log::Level::warning) seen.emplace_back(text);
  });
  work();
  log::set_sink(std::move(old));
  return seen;
}

/// The model that the reader shows, as an output.
inline OutputModel output_of(const ModelReader& reader) {
  OutputModel model;
  for (const TensorInfo& info : reader.header().tensors)
    model.tensors.push_back({info.name, info.shape, info.encoding, info.row_bytes, info.shared.size()});
  model.metadata = reader.header().metadata;
  model.side_files = reader.header().side_files;
  return model;
}

/// Writes the rows of one tensor, the last first, `step` at a time.
inline void write_tensor(ModelWriter& writer, const ModelReader& from, std::size_t tensor,
                         std::int64_t step) {
  const TensorInfo& info = from.header().tensors[tensor];
  std::vector<std::byte> scratch;
  if (!info.shared.empty()) writer.write_shared(tensor, info.shared);
  for (std::int64_t end = rows(info.shape); end > 0; end -= std::min(step, end)) {
    const std::int64_t first = std::max<std::int64_t>(end - step, 0);
    writer.write_rows(tensor, first, from.rows(tensor, first, end - first, scratch));
  }
}

}  // namespace pq::test
