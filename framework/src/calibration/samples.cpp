#include "calibration/samples.hpp"

#include "base/seeded_random.hpp"
#include "tokenizer/sha256.hpp"

#include <polyquant/base/error.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

namespace pq {
namespace {

using Tokens = std::vector<std::int32_t>;

/// Takes documents of one source until there are as many samples as wanted; can be asked for more later.
class SourceCutter {
 public:
  SourceCutter(const SampleOptions& options, std::size_t source, const DocumentEncoder& encoder)
      : options_(options),
        encoder_(encoder),
        source_(source),
        documents_(options.sources[source].path),
        random_(options.seed + source) {
    order_.resize(static_cast<std::size_t>(documents_.size()));
    std::iota(order_.begin(), order_.end(), std::int64_t{0});
    if (options.shuffle) random_.shuffle(order_);
  }

  /// Makes `available()` reach `count`, if the documents suffice.
  void read_until(std::int64_t count) {
    while (available() < count && next_ < order_.size()) {
      Tokens tokens = encode(documents_.read(order_[next_++]));
      tokens_read_ += static_cast<std::int64_t>(tokens.size());
      if (options_.pack)
        packed_.insert(packed_.end(), tokens.begin(), tokens.end());
      else if (!tokens.empty())
        add_begin(std::move(tokens));
    }
  }

  std::int64_t available() const {
    return static_cast<std::int64_t>(options_.pack ? packed_.size() / length() : begins_.size());
  }

  /// `count` of the samples, in order; the random choice among those of a long document is made here.
  void take(std::int64_t count, SampleSet& to) {
    SourceUse use{options_.sources[source_].path,
                  documents_.size(),
                  static_cast<std::int64_t>(next_),
                  tokens_read_,
                  count,
                  0};
    for (const std::size_t index : choose(count)) {
      to.samples.push_back({sample(index), source_});
      use.tokens += static_cast<std::int64_t>(to.samples.back().tokens.size());
    }
    to.sources.push_back(std::move(use));
    if (documents_.other_files() > 0)
      to.warnings.push_back(fmt::format("{}: {} files that are neither .txt nor .jsonl were left out",
                                        options_.sources[source_].path.string(), documents_.other_files()));
  }

 private:
  std::size_t length() const { return static_cast<std::size_t>(options_.length); }

  Tokens encode(const Document& document) const {
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

  void add_begin(Tokens tokens) {
    tokens.resize(std::min(tokens.size(), length()));
    begins_.push_back(std::move(tokens));
  }

  std::vector<std::size_t> choose(std::int64_t count) {
    std::vector<std::size_t> chosen(static_cast<std::size_t>(available()));
    std::iota(chosen.begin(), chosen.end(), std::size_t{0});
    if (options_.shuffle && count < available()) random_.shuffle(chosen);
    chosen.resize(static_cast<std::size_t>(count));
    std::sort(chosen.begin(), chosen.end());
    return chosen;
  }

  Tokens sample(std::size_t index) const {
    if (!options_.pack) return begins_[index];
    const auto begin = packed_.begin() + static_cast<std::ptrdiff_t>(index * length());
    Tokens tokens(begin, begin + options_.length);
    if (encoder_.bos >= 0) tokens.front() = encoder_.bos;
    return tokens;
  }

  const SampleOptions& options_;
  const DocumentEncoder& encoder_;
  std::size_t source_;
  DocumentList documents_;
  SeededRandom random_;
  std::vector<std::int64_t> order_;
  std::size_t next_ = 0;
  std::int64_t tokens_read_ = 0;
  Tokens packed_;
  std::vector<Tokens> begins_;
};

void check(const SampleOptions& options) {
  if (options.sources.empty())
    throw ConfigError("there is no calibration data; give a file or folder of texts");
  if (options.samples < 1 || options.length < 1)
    throw ConfigError(fmt::format("calibration needs at least one sample of one token, got {} of {}",
                                  options.samples, options.length));
  for (const SampleSource& source : options.sources)
    if (!(source.weight > 0) || source.weight > 1e9)
      throw ConfigError(
          fmt::format("{}: the weight {} is not between 0 and 1e9", source.path.string(), source.weight));
}

/// How many samples each source gives: its share, and what others lack.
std::vector<std::int64_t> quotas(const SampleOptions& options, std::vector<SourceCutter>& cutters) {
  std::vector<std::int64_t> counts(cutters.size(), 0);
  std::vector<bool> exhausted(cutters.size(), false);
  for (std::int64_t missing = options.samples; missing > 0;) {
    std::vector<double> weights;
    for (std::size_t i = 0; i < cutters.size(); ++i)
      weights.push_back(exhausted[i] ? 0.0 : options.sources[i].weight);
    if (std::all_of(weights.begin(), weights.end(), [](double w) { return w == 0.0; })) break;
    const auto more = shares(missing, weights);
    for (std::size_t i = 0; i < cutters.size(); ++i) {
      const std::int64_t wanted = counts[i] + more[i];
      cutters[i].read_until(wanted);
      exhausted[i] = exhausted[i] || cutters[i].available() < wanted;
      const std::int64_t now = std::min(wanted, cutters[i].available());
      missing -= now - counts[i];
      counts[i] = now;
    }
  }
  return counts;
}

std::string hash_of(const std::vector<Sample>& samples) {
  std::vector<std::byte> bytes;
  for (const Sample& sample : samples)
    for (const std::int32_t id : sample.tokens)
      for (int shift = 0; shift < 32; shift += 8)
        bytes.push_back(static_cast<std::byte>(static_cast<std::uint32_t>(id) >> shift & 0xff));
  return sha256_hex(bytes);
}

void report_shortage(const SampleOptions& options, SampleSet& set) {
  const auto found = static_cast<std::int64_t>(set.samples.size());
  std::int64_t tokens = 0;
  for (const SourceUse& use : set.sources) tokens += use.tokens_read;
  if (found == 0)
    throw ConfigError(
        fmt::format("the calibration data has {} tokens, too few for one sample of {}; give more text or "
                    "a smaller length",
                    tokens, options.length));
  if (found < options.samples)
    set.warnings.push_back(
        fmt::format("the calibration data of {} tokens gives only {} of {} samples of {} tokens", tokens,
                    found, options.samples, options.length));
}

}  // namespace

std::int64_t SampleSet::tokens() const {
  std::int64_t sum = 0;
  for (const SourceUse& use : sources) sum += use.tokens;
  return sum;
}

std::vector<std::int64_t> shares(std::int64_t total, std::span<const double> weights) {
  const double sum = std::accumulate(weights.begin(), weights.end(), 0.0);
  std::vector<std::int64_t> counts;
  std::vector<std::size_t> order;
  std::vector<double> rest;
  std::int64_t given = 0;
  for (const double weight : weights) {
    const double exact = static_cast<double>(total) * weight / sum;
    counts.push_back(static_cast<std::int64_t>(exact));
    rest.push_back(weight > 0 ? exact - static_cast<double>(counts.back()) : -1.0);
    order.push_back(order.size());
    given += counts.back();
  }
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return rest[a] > rest[b]; });
  for (std::size_t i = 0; given < total; i = (i + 1) % order.size(), ++given) ++counts[order[i]];
  return counts;
}

SampleSet cut_samples(const SampleOptions& options, const DocumentEncoder& encoder) {
  check(options);
  std::vector<SourceCutter> cutters;
  cutters.reserve(options.sources.size());
  for (std::size_t i = 0; i < options.sources.size(); ++i) cutters.emplace_back(options, i, encoder);
  const std::vector<std::int64_t> counts = quotas(options, cutters);
  SampleSet set;
  for (std::size_t i = 0; i < cutters.size(); ++i) cutters[i].take(counts[i], set);
  report_shortage(options, set);
  set.hash = hash_of(set.samples);
  return set;
}

}  // namespace pq
