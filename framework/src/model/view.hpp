// A model as seen in one dialect: tensor names, shapes, roles, metadata and side files, and how each tensor's rows come from stored rows.
#pragma once

#include <polyquant/base/metadata.hpp>
#include <polyquant/encoding.hpp>
#include <polyquant/format.hpp>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace pq {

class TokenizerAhead;

/// Where the rows of a tensor come from. All moves keep rows whole, so they work on quantized rows too.
struct RowMap {
  /// `rows` rows of stored tensor `stored`, from `first_row` on, every `step`-th.
  struct Part {
    std::size_t stored = 0;
    std::int64_t first_row = 0;
    std::int64_t rows = 0;
    std::int64_t step = 1;
    std::int64_t lanes = 1;  // > 1: this part and the next lanes - 1 of equal length take turns, one row each
    bool transposed = false;  // rows of the stored matrices (last two dimensions) transposed: their columns
  };
  std::vector<Part> parts;  // one after the other
  /// Order inside the joined parts. rotary_to_pairs: per head of `head_rows`, row 2j + s comes from s * head_rows / 2 + j (Hugging Face ->
  /// GGUF); rotary_to_halves is its inverse.
  enum class Order { natural, rotary_to_pairs, rotary_to_halves } order = Order::natural;
  std::int64_t head_rows = 0;

  /// Stored tensor and row of row r; of a transposed part the row counts columns.
  std::pair<std::size_t, std::int64_t> source(std::int64_t r) const;
  /// Some rows are columns of what is stored.
  bool has_transposed_parts() const noexcept;
};

/// One tensor of the view.
struct ViewTensor {
  std::string name;         // in the view's dialect
  std::string source_name;  // in the Hugging Face dialect where known, else the stored name
  Shape shape;
  std::string role;  // "embedding", "output", "attention_q", "ffn_down", "norm", ...; "" = unknown
  int layer = -1;
  bool is_expert = false;
  /// Under this GGUF name importance matrices know the columns; "" = unknown, or the columns are not the input of a product. Experts of a
  /// stack that are tensors of their own: the one with this number.
  std::string gguf_name;
  std::int64_t gguf_matrix = 0;
  bool keep_f32 = false;  // GGUF only: the readers demand f32 (norms, biases, routers, ...)
  RowMap map;
  bool elements = false;         // the map moves single weights (biases)
  bool transpose = false;        // every matrix (last two dimensions) is transposed after mapping
  float add = 0;                 // added to every weight after decoding (Gemma's norm + 1)
  std::vector<float> generated;  // not stored at all: these are the weights
  std::string stored_encoding;   // common spec of all parts; "" if generated or mixed
  std::string mixed_encodings;   // "q4_k+q6_k": the specs of parts that are not encoded alike; else ""
  /// Of what a GGUF file stores as f32 because its readers demand it: the encoding of the file's matrices, which the source probably had here
  /// too. "" = none.
  std::string matrix_encoding;
  /// A row needs all rows of a stored matrix.
  bool is_transposed() const noexcept { return transpose || map.has_transposed_parts(); }
  /// The stored bytes of a row are the view's row: no addition, no transposition, not generated.
  bool rows_are_stored() const noexcept {
    return !elements && add == 0 && generated.empty() && !is_transposed() && mixed_encodings.empty();
  }
  /// For people: how its rows are stored.
  const std::string& encoding_name() const noexcept {
    return mixed_encodings.empty() ? stored_encoding : mixed_encodings;
  }
};

/// What is known about the model itself.
struct ModelFacts {
  std::string family;        // "llama", "" = unknown
  std::string architecture;  // as the source names it: "LlamaForCausalLM" or "llama"
  int layers = 0;
  int attention_heads = 0;
  int key_value_heads = 0;
  int experts = 0;
  bool tied_output = false;  // no separate output matrix
  std::int64_t parameters = 0;
};

/// Immutable after construction; reading is callable from any thread.
struct ModelView {
  std::shared_ptr<const ModelReader> reader;
  Dialect dialect = Dialect::huggingface;
  ModelFacts facts;
  std::vector<ViewTensor> tensors;  // in the order in which an output lists them
  Metadata
      metadata;  // GGUF keys if dialect is gguf (without general.file_type), else safetensors' __metadata__
  std::vector<SideFile> side_files;   // Hugging Face files if dialect is huggingface
  std::vector<std::string> warnings;  // what the dialect cannot express, one sentence each
};

/// How to view a model in another dialect.
struct ViewOptions {
  std::string name;           // general.name; empty = from the folder's name and model card
  std::string pre_tokenizer;  // tokenizer.ggml.pre if it cannot be recognised; empty = detect
  /// GGUF -> Hugging Face, families that know several: "single", "fused", or "auto" = as general.source.experts says, else the usual form.
  std::string experts = "auto";
  /// Metadata and side files of another dialect are not needed, but for a config.json that follows from GGUF metadata.
  bool tensors_only = false;
  std::shared_ptr<const TokenizerAhead> tokenizer = nullptr;  // nullptr = it is read when it is needed
};

/// The model in the dialect `target`. Same dialect as the reader: everything as it stands (roles from the family if it is known). Another one: by
/// the family's description; throws FormatError (unknown family, missing or contradicting config keys, missing tensors) with file and key.
std::shared_ptr<const ModelView> make_view(std::shared_ptr<const ModelReader> reader,
                                           const std::filesystem::path& path, Dialect target,
                                           const ViewOptions& options);

/// Finds the encoding of a spec; nullptr if no plugin has it.
using EncodingLookup = std::function<std::shared_ptr<const Encoding>(const std::string& spec)>;

/// Sets stored_encoding or mixed_encodings of a tensor by what its map refers to.
void set_encodings(ViewTensor& tensor, const ModelHeader& header);

/// What decodes the stored rows of one tensor: an encoding for all, or one for each stored tensor that it is made of.
class RowDecoder {
 public:
  RowDecoder() = default;                            // of a generated tensor
  RowDecoder(const Encoding* all) : common_(all) {}  // not owned
  RowDecoder(std::shared_ptr<const Encoding> all) : common_(all.get()), owned_{{0, std::move(all)}} {}
  RowDecoder(std::nullptr_t) {}
  /// By the encodings of the stored tensors that `tensor` of the view needs.
  static RowDecoder find(const ModelView& view, const ViewTensor& tensor, const EncodingLookup& find);
  /// The encoding of all stored rows; nullptr if the tensor is generated, mixed, or missing() something.
  const Encoding* common() const noexcept { return common_; }
  /// The encoding of a stored tensor.
  const Encoding& of(std::size_t stored) const;
  /// An encoding that no plugin has; "" = all can be decoded.
  const std::string& missing() const noexcept { return missing_; }

 private:
  const Encoding* common_ = nullptr;
  std::map<std::size_t, std::shared_ptr<const Encoding>> owned_;  // by stored tensor
  std::string missing_;
};

/// Reads rows [first, first + count) as stored, in the view's row order. Only where rows_are_stored(). The result is a view of the mapped
/// file when the rows are consecutive there, else of `scratch`.
Bytes read_encoded_rows(const ModelView& view, std::size_t tensor, std::int64_t first, std::int64_t count,
                        std::vector<std::byte>& scratch);

/// Decodes rows [first, first + out.rows) into `out`. `decoder` must know all parts (unused for generated tensors).
void read_decoded_rows(const ModelView& view, std::size_t tensor, std::int64_t first, Matrix out,
                       const RowDecoder& decoder, std::vector<std::byte>& scratch);

/// True if `encoding` gives back every weight of the tensor, bit for bit. Reads all of it.
bool holds_exactly(const ModelView& view, std::size_t tensor, const Encoding& encoding,
                   const RowDecoder& decoder);

/// Gives back the memory of the stored rows behind these rows of a view. A hint.
void release_rows(const ModelView& view, std::size_t tensor, std::int64_t first, std::int64_t count);

}  // namespace pq
