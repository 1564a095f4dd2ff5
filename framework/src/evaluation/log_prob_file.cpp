#include "evaluation/log_prob_file.hpp"

#include "evaluation/softmax_rows.hpp"
#include "forward/activation_modes.hpp"

#include <polyquant/base/error.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <string_view>

namespace pq {
namespace {

constexpr std::string_view kMagic = "_logits_";
constexpr std::string_view kTrailMagic = "_pq_act_";
constexpr std::size_t kTrailBytes = 16;
constexpr std::size_t kHeaderBytes = 8 + 3 * sizeof(std::int32_t);

TextChunks shape_of(std::int64_t context) {
  TextChunks shape;
  shape.context = context;
  return shape;
}

class KeptPredictions final : public Predictions {
 public:
  explicit KeptPredictions(std::shared_ptr<const LogProbFile> file) : file_(std::move(file)) {}
  std::int64_t vocabulary() const override { return file_->vocabulary(); }
  std::int64_t chunk_bytes(std::int64_t) const override { return 0; }
  void enter(const TextChunks&, std::size_t, std::size_t) override {}
  bool are_rounded() const override { return true; }
  ConstMatrix rows(std::size_t chunk, std::int64_t first, std::int64_t count) override {
    const std::int64_t width = vocabulary();
    values_.resize(static_cast<std::size_t>(count * width));
    const Matrix out{values_.data(), count, width, width};
    for (std::int64_t r = 0; r < count; ++r)
      decode_log_probs(file_->row(static_cast<std::int64_t>(chunk), first + r), out.row(r));
    return out;
  }

 private:
  std::shared_ptr<const LogProbFile> file_;
  std::vector<float> values_;
};

class RecordedPredictions final : public Predictions {
 public:
  RecordedPredictions(Predictions& inner, LogProbWriter& writer) : inner_(inner), writer_(writer) {}
  std::int64_t vocabulary() const override { return inner_.vocabulary(); }
  std::int64_t chunk_bytes(std::int64_t context) const override { return inner_.chunk_bytes(context); }
  bool are_rounded() const override { return inner_.are_rounded(); }
  void enter(const TextChunks& chunks, std::size_t first, std::size_t count) override {
    inner_.enter(chunks, first, count);
  }
  ConstMatrix rows(std::size_t chunk, std::int64_t first, std::int64_t count) override {
    const ConstMatrix result = inner_.rows(chunk, first, count);
    writer_.write(static_cast<std::int64_t>(chunk), first, result);
    return result;
  }

 private:
  Predictions& inner_;
  LogProbWriter& writer_;
};

// The name of a mode; "" if these bytes do not say.
std::string activations_in(Bytes trail) {
  const std::string_view text(reinterpret_cast<const char*>(trail.data()), trail.size());
  if (!text.starts_with(kTrailMagic)) return "";
  for (const std::string_view known : kActivationModes) {
    std::string padded(known);
    padded.resize(kTrailBytes - kTrailMagic.size());
    if (text.substr(kTrailMagic.size()) == padded) return std::string(known);
  }
  return "";
}

std::uint64_t file_bytes(const TextChunks& chunks, std::int64_t vocabulary) {
  return kHeaderBytes + chunks.tokens.size() * sizeof(std::int32_t) +
         chunks.inputs.size() * static_cast<std::uint64_t>(chunks.scored()) * log_prob_row_bytes(vocabulary) +
         kTrailBytes;
}

}  // namespace

bool LogProbFile::recognises(const std::filesystem::path& path) noexcept {
  std::error_code failed;
  if (!std::filesystem::is_regular_file(path, failed))
    return false;  // a folder, or a pipe that can be read once
  std::array<char, kMagic.size()> head{};
  std::ifstream file(path, std::ios::binary);
  file.read(head.data(), head.size());
  return file.good() && std::string_view(head.data(), head.size()) == kMagic;
}

LogProbFile::LogProbFile(const std::filesystem::path& path) : file_(path) {
  const auto refuse = [&](const std::string& what) {
    throw FormatError(fmt::format("{}: {}; make it anew with --keep-reference", path.string(), what));
  };
  const Bytes bytes = file_.bytes();
  if (bytes.size() < kHeaderBytes || std::memcmp(bytes.data(), kMagic.data(), kMagic.size()) != 0)
    refuse("this is no file of log-probabilities, which begins with _logits_ and three sizes");
  const std::byte* sizes = bytes.data() + kMagic.size();
  context_ = load<std::int32_t>(sizes);
  vocabulary_ = load<std::int32_t>(sizes + 4);
  chunks_ = load<std::int32_t>(sizes + 8);
  if (context_ < 4 || vocabulary_ < 1 || chunks_ < 1)
    refuse(fmt::format("{} chunks of {} tokens with a vocabulary of {} are not possible", chunks_, context_,
                       vocabulary_));
  // Of 31-bit numbers neither product is too large.
  const auto positions = static_cast<std::uint64_t>(chunks_) * static_cast<std::uint64_t>(context_);
  const auto rows = static_cast<std::uint64_t>(chunks_ * shape_of(context_).scored());
  rows_at_ = kHeaderBytes + positions * sizeof(std::int32_t);
  const auto row_bytes = checked_mul(rows, log_prob_row_bytes(vocabulary_));
  const auto wanted = row_bytes ? checked_add(*row_bytes, rows_at_) : std::nullopt;
  if (wanted && file_.size() == *wanted + kTrailBytes) activations_ = activations_in(bytes.subspan(*wanted));
  if (!wanted || (*wanted != file_.size() && activations_.empty()))
    refuse(fmt::format("{} chunks of {} tokens with a vocabulary of {} need {} bytes, the file has {}",
                       chunks_, context_, vocabulary_, wanted ? std::to_string(*wanted) : "too many",
                       file_.size()));
}

std::vector<std::int32_t> LogProbFile::tokens() const {
  std::vector<std::int32_t> tokens(static_cast<std::size_t>(chunks_ * context_));
  std::memcpy(tokens.data(), file_.bytes().data() + kHeaderBytes, tokens.size() * sizeof(std::int32_t));
  return tokens;
}

Bytes LogProbFile::row(std::int64_t chunk, std::int64_t scored_position) const {
  const std::size_t bytes = log_prob_row_bytes(vocabulary_);
  const auto number = static_cast<std::uint64_t>(chunk * shape_of(context_).scored() + scored_position);
  return file_.bytes(rows_at_ + number * bytes, bytes);
}

void check_same_text(const LogProbFile& file, const TextChunks& chunks, std::int64_t vocabulary) {
  const std::string name = file.path().string();
  if (file.context() != chunks.context)
    throw ConfigError(fmt::format("{} was made with chunks of {} tokens, not {}; give --context {}", name,
                                  file.context(), chunks.context, file.context()));
  if (file.vocabulary() != vocabulary)
    throw ConfigError(
        fmt::format("{} was made by a model with a vocabulary of {} tokens, this one has {}; give a "
                    "reference with the same tokens",
                    name, file.vocabulary(), vocabulary));
  const auto count = static_cast<std::int64_t>(chunks.inputs.size());
  if (file.chunks() < count)
    throw ConfigError(fmt::format("{} holds {} chunks, but {} are to be scored; give --chunks {}", name,
                                  file.chunks(), count, file.chunks()));
  const std::vector<std::int32_t> tokens = file.tokens();
  const auto differ = std::mismatch(chunks.tokens.begin(), chunks.tokens.end(), tokens.begin());
  if (differ.first != chunks.tokens.end())
    throw ConfigError(
        fmt::format("{} was made of another text, or with another tokenizer: its token {} is {}, here it is "
                    "{}; make it anew with --keep-reference",
                    name, differ.first - chunks.tokens.begin(), *differ.second, *differ.first));
}

std::string other_activations(const LogProbFile& file, std::string_view activations) {
  if (file.activations().empty() || file.activations() == activations) return "";
  return fmt::format(
      "{} was made with --activations {}, this model runs with {}: the divergence has the difference between "
      "the two in it; give --activations {}, or make the file anew",
      file.path().string(), file.activations(), activations, file.activations());
}

std::unique_ptr<Predictions> kept_predictions(std::shared_ptr<const LogProbFile> file) {
  return std::make_unique<KeptPredictions>(std::move(file));
}

LogProbWriter::LogProbWriter(const std::filesystem::path& path, const TextChunks& chunks,
                             std::int64_t vocabulary, std::string_view activations)
    : scored_(chunks.scored()),
      row_bytes_(log_prob_row_bytes(vocabulary)),
      rows_at_(kHeaderBytes + chunks.tokens.size() * sizeof(std::int32_t)),
      file_(path, file_bytes(chunks, vocabulary)) {
  std::vector<std::byte> head(kHeaderBytes);
  std::memcpy(head.data(), kMagic.data(), kMagic.size());
  store(head.data() + 8, static_cast<std::int32_t>(chunks.context));
  store(head.data() + 12, static_cast<std::int32_t>(vocabulary));
  store(head.data() + 16, static_cast<std::int32_t>(chunks.inputs.size()));
  file_.write(0, head);
  file_.write(kHeaderBytes, std::as_bytes(std::span(chunks.tokens)));
  std::string trail(kTrailMagic);
  trail += activations;
  trail.resize(kTrailBytes);
  file_.write(file_bytes(chunks, vocabulary) - kTrailBytes, std::as_bytes(std::span(trail)));
}

void LogProbWriter::write(std::int64_t chunk, std::int64_t first, ConstMatrix logits) {
  encoded_.resize(static_cast<std::size_t>(logits.rows) * row_bytes_);
  for (std::int64_t r = 0; r < logits.rows; ++r)
    encode_log_probs(logits.row(r), log_sum_exp(logits.row(r)),
                     std::span(encoded_).subspan(static_cast<std::size_t>(r) * row_bytes_, row_bytes_));
  file_.write(rows_at_ + static_cast<std::uint64_t>(chunk * scored_ + first) * row_bytes_, encoded_);
}

std::unique_ptr<Predictions> recorded_predictions(Predictions& inner, LogProbWriter& writer) {
  return std::make_unique<RecordedPredictions>(inner, writer);
}

}  // namespace pq
