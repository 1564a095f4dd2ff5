// A format: how tensors and metadata are laid out in files. A format knows containers, not architectures: names and shapes are those of
// its dialect, and the core translates between dialects.
#pragma once

#include <polyquant/base/bytes.hpp>
#include <polyquant/base/metadata.hpp>
#include <polyquant/base/node.hpp>
#include <polyquant/base/shape.hpp>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace pq {

class Encoding;

/// Which names, shapes and metadata a format uses. `huggingface`: config.json and the tensor names of transformers. `gguf`: llama.cpp's.
enum class Dialect { huggingface, gguf };

struct FormatInfo {
  std::string id;       // "gguf"
  std::string summary;  // one line
  Dialect dialect = Dialect::huggingface;
  bool is_folder = false;  // an output is a folder of files
  bool can_write = true;
  /// Roles of matrices that its readers expect as they are: an output's `encoding` leaves them alone, only a rule or a recipe may name them.
  std::vector<std::string> plain_roles = {};
  /// Of these the roles that its readers cannot take in any other way: rules for them are refused.
  std::vector<std::string> always_plain_roles = {};
};

/// What a format may look at to recognise a path. Nothing is opened by trial.
struct Probe {
  std::filesystem::path path;
  bool is_folder = false;
  Bytes head;  // first 64 KiB of a file; of a folder: its config.json (up to 64 MiB), if there is one
  std::vector<std::string> names;  // file names in the folder
};

/// One stored tensor.
struct TensorInfo {
  std::string name;  // in the format's dialect
  Shape shape;       // order of the source framework: [out, in]
  std::string
      encoding;  // spec of the encoding of its rows: "bf16", "q4_0"; may name one that no plugin provides
  std::uint64_t row_bytes = 0;
  std::string file;                    // relative to the model's path, or its file name
  std::uint64_t offset = 0;            // in that file; 0 if the rows are spread
  std::vector<std::byte> shared = {};  // Encoding::shared_bytes() of its rows
  std::uint64_t stored_bytes =
      0;  // in the files, with everything that belongs to it; 0 = the rows as they are
  std::uint64_t bytes() const noexcept {
    return stored_bytes != 0 ? stored_bytes : row_bytes * static_cast<std::uint64_t>(rows(shape));
  }
};

/// A file that belongs to a model next to its weights: config.json, tokenizer.json, ...
struct SideFile {
  std::string name;            // relative, without folders: "config.json"
  std::filesystem::path path;  // read from here if not empty (no copy in memory) ...
  std::string content;         // ... else this is the content
};

/// What is known about a model after reading headers only.
struct ModelHeader {
  Dialect dialect = Dialect::huggingface;
  std::vector<TensorInfo> tensors;  // in file order, unique names
  Metadata metadata;                // GGUF keys; safetensors' __metadata__
  std::vector<SideFile> side_files;
};

/// An open model. Callable from any thread.
class ModelReader {
 public:
  virtual ~ModelReader() = default;
  virtual const ModelHeader& header() const = 0;
  /// Encoded rows [first, first + count) of a tensor: a view of the mapped file, or of `scratch` after filling it.
  virtual Bytes rows(std::size_t tensor, std::int64_t first, std::int64_t count,
                     std::vector<std::byte>& scratch) const = 0;
  /// These rows are not needed soon: their memory may be given back. A hint.
  virtual void release(std::size_t tensor, std::int64_t first, std::int64_t count) const;
  /// Violations of what the format's readers rely on, beyond what open() refuses; empty = fine. Each a sentence with its place.
  virtual std::vector<std::string> check() const;
};
inline void ModelReader::release(std::size_t, std::int64_t, std::int64_t) const {}
inline std::vector<std::string> ModelReader::check() const { return {}; }

/// One tensor of an output, fully decided.
struct OutputTensor {
  std::string name;
  Shape shape;
  std::string encoding;            // spec
  std::uint64_t row_bytes = 0;     // of the encoding, for cols(shape)
  std::uint64_t shared_bytes = 0;  // likewise
};

/// All that a format needs to lay a model out.
struct OutputModel {
  std::vector<OutputTensor> tensors;  // in the order to be written
  Metadata metadata;
  std::vector<SideFile> side_files;
  Node options;  // the output's `options:`, checked against Format::options() by the caller
};

/// Where everything will be. Sizes are exact.
struct OutputLayout {
  struct File {
    std::string name;  // relative to the output's folder; for a single file its file name
    std::uint64_t bytes = 0;
  };
  struct Place {
    std::size_t file = 0;
    std::uint64_t offset = 0;
    std::uint64_t bytes =
        0;  // with everything that belongs to it, as TensorInfo::bytes(); 0 = the rows as they are
  };
  std::vector<File> files;
  std::vector<Place> tensors;  // parallel to OutputModel::tensors
  std::uint64_t total_bytes() const noexcept {
    std::uint64_t sum = 0;
    for (const File& file : files) sum += file.bytes;
    return sum;
  }
};

/// An output being written under its partial name. write_rows() is callable from any thread on disjoint rows.
/// Destroyed without seal(): what was written is removed, unless keep() was called.
class ModelWriter {
 public:
  virtual ~ModelWriter() = default;
  virtual void write_rows(std::size_t tensor, std::int64_t first_row, Bytes rows) = 0;
  /// What the rows of a tensor share; before its first rows, if OutputTensor::shared_bytes is not 0.
  virtual void write_shared(std::size_t tensor, Bytes shared);
  /// Everything written so far survives a crash of the machine when this returns. Models that reopen() gave may be read meanwhile.
  virtual void flush() = 0;
  /// What has been written stays under its partial name when this is destroyed, for create() with `resume`.
  virtual void keep() noexcept = 0;
  /// Opens what has been written so far under its partial name: every output is verified before seal(), and continued ones are read.
  virtual std::unique_ptr<ModelReader> reopen() const = 0;
  /// Completes the output and gives it its final name; one rename (per file for split outputs, the first file last).
  virtual void seal() = 0;
};

inline void ModelWriter::write_shared(std::size_t, Bytes) {}

/// Immutable, callable from any thread.
class Format {
 public:
  virtual ~Format() = default;
  virtual const FormatInfo& info() const = 0;
  /// How certain it is that the path is of this format: 0 not mine .. 100 certain.
  virtual int probe(const Probe& probe) const = 0;
  /// Reads headers. Throws FormatError for anything that the format's own readers refuse, before allocating what the file claims.
  virtual std::unique_ptr<ModelReader> open(const std::filesystem::path& path) const = 0;
  /// Why a tensor of this encoding and shape cannot be stored, or nothing. Asked at plan time.
  virtual std::optional<std::string> rejects(const Encoding& encoding, const Shape& shape) const = 0;
  /// Sizes and offsets of an output at `path`, without touching the disk. Throws ConfigError for what cannot be expressed.
  virtual OutputLayout layout(const std::filesystem::path& path, const OutputModel& model) const = 0;
  /// Starts an output. `resume`: continue a partial one with the same layout. An existing final file is replaced by seal().
  virtual std::unique_ptr<ModelWriter> create(const std::filesystem::path& path, const OutputModel& model,
                                              bool resume) const = 0;
  /// Memory that a writer keeps from the first row of a tensor to its last, and more of the same size while it writes them: 0 if rows are
  /// written as they come.
  virtual std::uint64_t gathered_bytes(const OutputTensor& tensor) const;
};

inline std::uint64_t Format::gathered_bytes(const OutputTensor&) const { return 0; }

}  // namespace pq
