// Clipping before codes are chosen: never worse than the encoder alone, better where ranges are decided by weights that do not matter.
#include "plugin/registry.hpp"

#include <polyquant/testing/measure.hpp>

#include <awq/clip.hpp>
#include <awq/square.hpp>
#include <catch2/catch.hpp>

#include <algorithm>
#include <memory>
#include <vector>

namespace pq {
namespace {

const PluginRegistry& registry() {
  static PluginRegistry instance;
  static const bool loaded = (instance.load_folders(plugin_search_path({})), true);
  static_cast<void>(loaded);
  return instance;
}

/// X^T X of inputs whose neighbours are alike, as no encoder sees by the importance of columns.
std::vector<float> gram_of(std::int64_t cols) {
  testing::Sample x = testing::gaussian(2 * cols, cols, 9);
  for (std::int64_t s = 0; s < x.rows; ++s)
    for (std::size_t c = 1; c < static_cast<std::size_t>(cols); ++c)
      x.values[static_cast<std::size_t>(s * cols) + c] +=
          0.8f * x.values[static_cast<std::size_t>(s * cols) + c - 1];
  std::vector<float> gram(static_cast<std::size_t>(cols * cols));
  for (std::int64_t s = 0; s < x.rows; ++s) {
    const auto row = x.matrix().row(s);
    for (std::size_t i = 0; i < row.size(); ++i)
      for (std::size_t j = 0; j < row.size(); ++j) gram[i * row.size() + j] += row[i] * row[j];
  }
  return gram;
}

struct Clipped {
  explicit Clipped(const char* spec, std::int64_t rows = 20, std::int64_t cols = 512)
      : encoding(registry().encoding(Node::scalar(spec))),
        weights(testing::gaussian(rows, cols, 3)),
        gram(gram_of(cols)) {
    for (std::int64_t c = 0; c < cols; ++c)
      importance.push_back(gram[static_cast<std::size_t>(c * cols + c)] / static_cast<float>(2 * cols));
    encoder = encoding->encoder({cols, importance, Effort::normal});
  }
  ConstMatrix second_moments() const { return {gram.data(), weights.cols, weights.cols, weights.cols}; }
  std::vector<std::byte> bytes(ConstMatrix rows) const {
    std::vector<std::byte> out(encoding->row_bytes(rows.cols) * static_cast<std::size_t>(rows.rows));
    awq::encode_clipped(*encoding, *encoder, second_moments(), rows, out);
    return out;
  }
  double error(const std::vector<std::byte>& encoded) const {
    std::vector<float> d(weights.values.size());
    encoding->decode(encoded, {d.data(), weights.rows, weights.cols, weights.cols});
    for (std::size_t i = 0; i < d.size(); ++i) d[i] -= weights.values[i];
    return awq::output_error({d.data(), weights.rows, weights.cols, weights.cols}, second_moments());
  }
  std::shared_ptr<const Encoding> encoding;
  testing::Sample weights;
  std::vector<float> gram, importance;
  std::unique_ptr<RowEncoder> encoder;
};

}  // namespace

TEST_CASE("awq: clipped rows have a smaller error of outputs than those of the encoder alone", "[awq]") {
  const char* spec = GENERATE("affine:bits=4,group=128", "affine:bits=3,group=64,symmetric=true",
                              "affine:bits=4,group=-1", "q4_0", "q4_k", "nf4");
  INFO(spec);
  const Clipped sample(spec);
  std::vector<std::byte> plain(sample.encoding->row_bytes(512) * 20);
  sample.encoder->encode(sample.weights.matrix(), plain);
  CHECK(sample.error(sample.bytes(sample.weights.matrix())) < sample.error(plain));
}

TEST_CASE("awq: a clipped row does not depend on the rows beside it, nor a short last group on others",
          "[awq]") {
  const char* spec = GENERATE("affine:bits=4,group=128", "q5_0");
  const Clipped sample(spec, 21, 352);
  const std::vector<std::byte> all = sample.bytes(sample.weights.matrix());
  const std::size_t row_bytes = sample.encoding->row_bytes(352);
  for (std::int64_t r = 0; r < 21; r += 4) {
    const std::vector<std::byte> one = sample.bytes(sample.weights.matrix().slice(r, 1));
    CHECK(std::equal(one.begin(), one.end(),
                     all.begin() + static_cast<std::ptrdiff_t>(static_cast<std::size_t>(r) * row_bytes)));
  }
}

TEST_CASE("awq: products of few rows are sums of products", "[awq]") {
  const std::int64_t rows = GENERATE(1, 4, 6), depth = GENERATE(1, 37), cols = GENERATE(1, 16, 40);
  const testing::Sample a = testing::gaussian(rows, depth, 1), b = testing::gaussian(depth, cols, 2);
  std::vector<float> out(static_cast<std::size_t>(rows * cols));
  awq::multiply(a.matrix(), b.matrix(), {out.data(), rows, cols, cols});
  for (std::int64_t r = 0; r < rows; ++r)
    for (std::int64_t c = 0; c < cols; ++c) {
      double sum = 0;
      for (std::int64_t i = 0; i < depth; ++i)
        sum += double{a.matrix().row(r)[static_cast<std::size_t>(i)]} *
               b.matrix().row(i)[static_cast<std::size_t>(c)];
      CHECK(out[static_cast<std::size_t>(r * cols + c)] == Approx(sum).margin(1e-4));
    }
}

}  // namespace pq
