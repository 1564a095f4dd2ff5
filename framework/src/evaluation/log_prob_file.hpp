// Log-probabilities of a reference at the scored positions of a text, kept in a file of llama-perplexity's format.
//
// Little-endian, no padding: 8 bytes "_logits_"; i32 context, vocabulary, chunks; i32 tokens [chunks * context] as the tokenizer gave them; then
// per chunk and scored position two f32, scale and least log-probability, and one u16 code per token of the vocabulary, with an unused one
// at the end if the vocabulary is odd. Behind all that, where llama-perplexity does not look: 16 bytes "_pq_act_" and "f32" or "engine" with zeros
// behind it, what the activations were; its own files have nothing there. log p = scale * code + least; tails more than 24 nats below the top are stored as if they were there.
#pragma once

#include "evaluation/predictions.hpp"

#include <polyquant/base/file.hpp>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace pq {

/// Bytes of one position.
std::size_t log_prob_row_bytes(std::int64_t vocabulary) noexcept;
/// One position: logits, and the logarithm of the sum of their exponentials.
void encode_log_probs(std::span<const float> logits, double log_sum, MutableBytes out) noexcept;
/// The log-probabilities of a position.
void decode_log_probs(Bytes row, std::span<float> out) noexcept;

/// An open file. Immutable, callable from any thread.
class LogProbFile {
 public:
  /// True for a file with the right first bytes; nothing is thrown.
  static bool recognises(const std::filesystem::path& path) noexcept;
  /// Throws FormatError for a file that is missing, damaged or cut short; its sizes are checked against its length.
  explicit LogProbFile(const std::filesystem::path& path);

  const std::filesystem::path& path() const noexcept { return file_.path(); }
  std::int64_t context() const noexcept { return context_; }
  std::int64_t vocabulary() const noexcept { return vocabulary_; }
  std::int64_t chunks() const noexcept { return chunks_; }
  /// What --activations was: "f32", "engine", or "" if the file does not say.
  const std::string& activations() const noexcept { return activations_; }
  std::vector<std::int32_t> tokens() const;
  Bytes row(std::int64_t chunk, std::int64_t scored_position) const;

 private:
  MappedFile file_;
  std::int64_t context_ = 0, vocabulary_ = 0, chunks_ = 0;
  std::uint64_t rows_at_ = 0;
  std::string activations_;
};

/// A sentence on a file whose activations were other than these, or "".
std::string other_activations(const LogProbFile& file, std::string_view activations);

/// Throws ConfigError, in one sentence with the cure, if the file does not hold the predictions of these chunks: another context, fewer chunks,
/// other tokens, another vocabulary.
void check_same_text(const LogProbFile& file, const TextChunks& chunks, std::int64_t vocabulary);

/// The predictions that the file keeps.
std::unique_ptr<Predictions> kept_predictions(std::shared_ptr<const LogProbFile> file);

/// Writes a file while predictions are taken: all positions of all chunks, in any order.
class LogProbWriter {
 public:
  /// `activations`: "f32" or "engine". Throws ResourceError if the disk is too small, ConfigError if the file cannot be written.
  LogProbWriter(const std::filesystem::path& path, const TextChunks& chunks, std::int64_t vocabulary,
                std::string_view activations);
  void write(std::int64_t chunk, std::int64_t first, ConstMatrix logits);
  /// Gives the file its final name.
  void seal() { file_.seal(); }

 private:
  std::int64_t scored_;
  std::uint64_t row_bytes_, rows_at_;
  PartialFile file_;
  std::vector<std::byte> encoded_;
};

/// The same predictions, written to `writer` as they are taken. Both must outlive the result.
std::unique_ptr<Predictions> recorded_predictions(Predictions& inner, LogProbWriter& writer);

}  // namespace pq
