// The small checkpoints of tests/golden/tiny, read without any plugin, and what the real converter made of them.
#pragma once

#include "base/json.hpp"
#include "model/view.hpp"

#include <polyquant/encoding.hpp>
#include <polyquant/format.hpp>

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

namespace pq::tiny {

/// tests/golden/tiny/NAME.
std::filesystem::path folder(const std::string& name);

/// The names that tests/golden/tiny/index.json lists.
std::vector<std::string> checkpoints();
/// What the real converter wrote (gguf.json), and config.json.
Json golden(const std::string& name);
Json config(const std::string& name);
/// Options with the pre-tokenizer that the real converter was given.
ViewOptions options(const std::string& name);
/// The checkpoint as GGUF.
std::shared_ptr<const ModelView> gguf_view_of(const std::string& name);

/// Reader of all *.safetensors files of a folder and the files beside them.
std::shared_ptr<const ModelReader> open_folder(const std::filesystem::path& path);

/// A model in memory: what a writer would have written.
struct MemoryModel {
  ModelHeader header;
  std::vector<std::vector<std::byte>> data;  // parallel to header.tensors
};
std::shared_ptr<const ModelReader> open_memory(MemoryModel model);

/// f32, f16 and bf16 by their names; nullptr for others.
std::shared_ptr<const Encoding> float_encoding(const std::string& spec);

/// The whole tensor in an encoding: stored rows where that is possible, else decoded and encoded again.
std::vector<std::byte> encoded(const ModelView& view, std::size_t tensor, const std::string& encoding);

/// The view written out: keep_f32 tensors as f32, the others as `encoding`.
MemoryModel written(const ModelView& view, const std::string& encoding);

/// A side file of JSON; null if the view has none of that name.
Json side_file(const ModelView& view, const std::string& name);

/// SHA-256 over the elements of a metadata array as GGUF stores them.
std::string array_sha256(const MetaValue& value);

/// A temporary folder with copies of a checkpoint's small files and a link to its weights; removed at the end.
class Copy {
 public:
  explicit Copy(const std::string& name);
  ~Copy();
  const std::filesystem::path& path() const { return path_; }
  void replace(const std::string& file, const std::string& from, const std::string& to) const;

 private:
  std::filesystem::path path_;
};

}  // namespace pq::tiny
