#include "calibration/source_cutter.hpp"

#include <polyquant/base/error.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

namespace pq {

SourceCutter::SourceCutter(const SampleOptions& options, std::size_t source, const DocumentEncoder& encoder)
    : options_(options),
      encoder_(encoder),
      source_(source),
      documents_(options.sources[source].path),
      random_(options.seed + source) {
  order_.resize(static_cast<std::size_t>(documents_.size()));
  std::iota(order_.begin(), order_.end(), std::int64_t{0});
  if (options.shuffle) random_.shuffle(order_);
}

void SourceCutter::read_until(std::int64_t count) {
  while (available() < count && next_ < order_.size()) {
    Tokens tokens = encode(documents_.read(order_[next_++]));
    tokens_read_ += static_cast<std::int64_t>(tokens.size());
    if (options_.pack)
      packed_.insert(packed_.end(), tokens.begin(), tokens.end());
    else if (!tokens.empty())
      add_begin(std::move(tokens));
  }
}

std::int64_t SourceCutter::available() const {
  return static_cast<std::int64_t>(options_.pack ? packed_.size() / length() : begins_.size());
}

void SourceCutter::take(std::int64_t count, std::int32_t bos, SampleSet& to) {
  const std::filesystem::path& path = options_.sources[source_].path;
  SourceUse use{path, documents_.size(), static_cast<std::int64_t>(next_), tokens_read_, count, 0};
  for (const std::size_t index : choose(count)) {
    to.samples.push_back({sample(index, bos), source_});
    use.tokens += static_cast<std::int64_t>(to.samples.back().tokens.size());
  }
  to.sources.push_back(std::move(use));
  if (documents_.other_files() > 0)
    to.warnings.push_back(fmt::format("{}: {} files that are neither .txt nor .jsonl were left out",
                                      path.string(), documents_.other_files()));
}

SourceCutter::Tokens SourceCutter::encode(const Document& document) const {
  if (const auto* text = std::get_if<std::string>(&document.content)) return encoder_.text(*text);
  if (const auto* chat = std::get_if<Conversation>(&document.content)) return encoder_.chat(*chat);
  const Tokens& tokens = std::get<Tokens>(document.content);
  for (const std::int32_t id : tokens)
    if (id < 0 || id >= encoder_.vocabulary)
      throw FormatError(
          fmt::format("{}: token id {} is outside the model's vocabulary of {}; make the tokens "
                      "with this model's tokenizer or give texts",
                      document.place, id, encoder_.vocabulary));
  return tokens;
}

void SourceCutter::add_begin(Tokens tokens) {
  tokens.resize(std::min(tokens.size(), length()));
  begins_.push_back(std::move(tokens));
}

std::vector<std::size_t> SourceCutter::choose(std::int64_t count) {
  std::vector<std::size_t> chosen(static_cast<std::size_t>(available()));
  std::iota(chosen.begin(), chosen.end(), std::size_t{0});
  if (options_.shuffle && count < available()) random_.shuffle(chosen);
  chosen.resize(static_cast<std::size_t>(count));
  std::sort(chosen.begin(), chosen.end());
  return chosen;
}

SourceCutter::Tokens SourceCutter::sample(std::size_t index, std::int32_t bos) const {
  if (!options_.pack) return begins_[index];
  const auto begin = packed_.begin() + static_cast<std::ptrdiff_t>(index * length());
  Tokens tokens(begin, begin + options_.length);
  if (bos >= 0) tokens.front() = bos;
  return tokens;
}

}  // namespace pq
