// A small model that goes through a format, for the checks of formats.
#pragma once

#include <polyquant/base/error.hpp>
#include <polyquant/format.hpp>
#include <polyquant/testing/measure.hpp>
#include <polyquant/testing/simple_encodings.hpp>

#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace pq::testing {

/// A format to check.
struct FormatSubject {
  std::shared_ptr<const Format> format;
};

namespace format_checks {

namespace fs = std::filesystem;

/// A new empty folder, removed at the end.
class Scratch {
 public:
  Scratch() {
    std::string name = (fs::temp_directory_path() / "polyquant-conformance-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) throw ResourceError(name + ": cannot be created");
    path_ = name;
  }
  ~Scratch() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  fs::path output() const { return path_ / "model.out"; }
  bool is_empty() const { return fs::is_empty(path_); }
  const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

/// Three tensors of f32, named as the format's dialect names them; the matrix of a layer is of the encoding `affine` where the format packs
/// such rows, or the one that is given.
struct TestModel {
  static constexpr std::int64_t kMatrixCols = 64;

  explicit TestModel(const Format& format, std::shared_ptr<const Encoding> matrix = nullptr) {
    const bool gguf = format.info().dialect == Dialect::gguf;
    if (matrix == nullptr) matrix = matrix_encoding(format);
    const PlainFloats plain;
    add(gguf ? "token_embd.weight" : "model.embed_tokens.weight", {6, 64}, plain, 1);
    add(gguf ? "blk.0.attn_norm.weight" : "model.layers.0.input_layernorm.weight", {64}, plain, 2);
    add(gguf ? "blk.0.ffn_up.weight" : "model.layers.0.mlp.up_proj.weight", kMatrix, *matrix, 3);
    if (gguf) output.metadata.set("general.architecture", std::string("llama"));
    if (!gguf)
      output.side_files.push_back(
          {"config.json", {}, R"({"architectures": ["LlamaForCausalLM"], "model_type": "llama"})"});
  }
  std::int64_t rows(std::size_t tensor) const { return pq::rows(output.tensors[tensor].shape); }
  Bytes bytes(std::size_t tensor, std::int64_t first, std::int64_t count) const {
    const auto row_bytes = static_cast<std::size_t>(output.tensors[tensor].row_bytes);
    return Bytes(encoded[tensor])
        .subspan(static_cast<std::size_t>(first) * row_bytes, static_cast<std::size_t>(count) * row_bytes);
  }
  /// Whether the rows of a tensor stand in a file as they are.
  bool is_plain(std::size_t tensor) const { return output.tensors[tensor].encoding == "f32"; }
  /// Why the format cannot take the model, or nothing.
  std::optional<std::string> refusal(const Format& format) const {
    for (std::size_t t = 0; t < output.tensors.size(); ++t)
      if (is_plain(t))
        if (auto reason = format.rejects(PlainFloats(), output.tensors[t].shape)) return reason;
    return std::nullopt;
  }

  OutputModel output;
  std::vector<std::vector<std::byte>> encoded;  // all rows of each tensor

 private:
  static inline const Shape kMatrix = {32, kMatrixCols};

  static std::shared_ptr<const Encoding> matrix_encoding(const Format& format) {
    if (!format.rejects(PlainAffine(), kMatrix)) return std::make_shared<PlainAffine>();
    return std::make_shared<PlainFloats>();
  }
  void add(const char* name, Shape shape, const Encoding& encoding, std::uint64_t seed) {
    const std::int64_t n = pq::rows(shape), m = cols(shape);
    const std::size_t row_bytes = encoding.row_bytes(m);
    output.tensors.push_back(
        {name, std::move(shape), encoding.info().spec, row_bytes, encoding.shared_bytes(m)});
    encoded.emplace_back(row_bytes * static_cast<std::size_t>(n));
    encoding.encoder({m, {}, Effort::fast})->encode(gaussian(n, m, seed).matrix(), encoded.back());
  }
};

inline bool writes(const FormatSubject& subject) { return subject.format->info().can_write; }

inline bool only_reads(const FormatSubject& subject) { return !writes(subject); }

/// Why the format cannot take the test model, noted as skipped; false then.
inline bool can_write(const FormatSubject& subject, Findings& findings) {
  if (const auto reason = TestModel(*subject.format).refusal(*subject.format))
    return findings.skip(*reason), false;
  return true;
}

/// Rows from the last to the first, some at a time: the order must not matter.
inline void write_all(ModelWriter& writer, const TestModel& model) {
  for (std::size_t t = model.encoded.size(); t-- > 0;) {
    const std::int64_t count = model.rows(t), middle = count / 2;
    if (middle < count) writer.write_rows(t, middle, model.bytes(t, middle, count - middle));
    if (middle > 0) writer.write_rows(t, 0, model.bytes(t, 0, middle));
  }
}

inline void write_model(const FormatSubject& subject, const fs::path& path, const TestModel& model) {
  const auto writer = subject.format->create(path, model.output, false);
  write_all(*writer, model);
  writer->seal();
}

inline std::string content(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

/// All files below `path`, or the one file, by relative name.
inline std::map<std::string, std::string> contents(const fs::path& path) {
  std::map<std::string, std::string> all;
  if (!fs::is_directory(path))
    all[path.filename().string()] = content(path);
  else
    for (const auto& entry : fs::recursive_directory_iterator(path))
      if (entry.is_regular_file()) all[fs::relative(entry.path(), path).string()] = content(entry.path());
  return all;
}

/// What the core shows to probe().
inline int probe(const Format& format, const fs::path& path) {
  const bool folder = fs::is_directory(path);
  const std::string head = content(folder ? path / "config.json" : path).substr(0, 64 * 1024);
  Probe seen{path, folder, std::as_bytes(std::span(head.data(), head.size())), {}};
  if (folder)
    for (const auto& entry : fs::directory_iterator(path))
      seen.names.push_back(entry.path().filename().string());
  std::sort(seen.names.begin(), seen.names.end());
  return format.probe(seen);
}

}  // namespace format_checks
}  // namespace pq::testing
