// Cuts the texts of one source into samples.
#pragma once

#include "base/seeded_random.hpp"
#include "calibration/samples.hpp"

#include <cstdint>
#include <vector>

namespace pq {

/// Takes documents of one source until there are as many samples as wanted; can be asked for more later. Arguments must outlive it.
class SourceCutter {
 public:
  SourceCutter(const SampleOptions& options, std::size_t source, const DocumentEncoder& encoder);

  /// Makes `available()` reach `count`, if the documents suffice.
  void read_until(std::int64_t count);
  std::int64_t available() const;

  /// `count` of the samples, in order, with `bos` in front (-1: none) if they are packed; the random choice among those of a long document
  /// is made here.
  void take(std::int64_t count, std::int32_t bos, SampleSet& to);

 private:
  using Tokens = std::vector<std::int32_t>;

  std::size_t length() const { return static_cast<std::size_t>(options_.length); }
  Tokens encode(const Document& document) const;
  void add_begin(Tokens tokens);
  std::vector<std::size_t> choose(std::int64_t count);
  Tokens sample(std::size_t index, std::int32_t bos) const;

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

}  // namespace pq
