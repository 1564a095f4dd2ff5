// Samples of tokens to calibrate with, cut from texts.
#pragma once

#include "calibration/documents.hpp"

#include <cstdint>
#include <filesystem>
#include <functional>
#include <span>
#include <string>
#include <vector>

namespace pq {

/// A file or folder of texts and its share of the samples.
struct SampleSource {
  std::filesystem::path path;
  double weight = 1.0;  // above 0
};

struct SampleOptions {
  std::vector<SampleSource> sources;
  std::int64_t samples = 128;
  std::int64_t length = 512;  // tokens
  /// Documents follow one another and are cut every `length` tokens, the rest is dropped; without it a sample is the begin of one document
  /// and may be shorter.
  bool pack = true;
  /// Which documents, and which parts of a long one, are taken: the first ones, or some chosen by the seed.
  bool shuffle = true;
  std::uint64_t seed = 0;
};

/// How the tokenizer of a model sees documents.
struct DocumentEncoder {
  std::function<std::vector<std::int32_t>(const std::string&)> text;   // with BOS and the like
  std::function<std::vector<std::int32_t>(const Conversation&)> chat;  // by the model's chat template
  std::int32_t vocabulary = 0;                                         // ids of "tokens" are below this
  /// Put in place of the first token of every packed sample; -1, or no function: the model expects none. Asked once, behind the last text.
  std::function<std::int32_t(std::vector<std::string>& warnings)> bos;
};

struct Sample {
  std::vector<std::int32_t> tokens;
  std::size_t source = 0;  // index into SampleOptions::sources
};

/// What was used of a source.
struct SourceUse {
  std::filesystem::path path;
  std::int64_t documents = 0;       // that it holds
  std::int64_t documents_read = 0;  // as many as were needed
  std::int64_t tokens_read = 0;
  std::int64_t samples = 0, tokens = 0;  // that are used
};

struct SampleSet {
  std::vector<Sample>
      samples;  // in the order of sources, in a source in the order in which its documents were taken
  std::vector<SourceUse> sources;
  std::vector<std::string> warnings;  // sentences
  std::string
      hash;  // SHA-256 of all token ids, little-endian, samples in order: what a result was calibrated with
  std::int64_t tokens() const;
};

/// Cuts the samples. Sources get their numbers by weight (largest remainders); what one cannot give, others give. The same arguments give the
/// same samples on every machine. Throws ConfigError if nothing can be cut, FormatError for broken files and ids outside the vocabulary.
SampleSet cut_samples(const SampleOptions& options, const DocumentEncoder& encoder);

/// How many of `total` each weight gets: by largest remainder, ties to the first.
std::vector<std::int64_t> shares(std::int64_t total, std::span<const double> weights);

}  // namespace pq
