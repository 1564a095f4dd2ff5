// The search for scales: never worse than none, and as its definition says.
#include "base/thread_pool.hpp"
#include "built_plugins.hpp"

#include <polyquant/testing/measure.hpp>

#include <awq/clip.hpp>
#include <awq/search.hpp>
#include <awq/square.hpp>
#include <catch2/catch.hpp>

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>

namespace pq {
namespace {

using test::registry;

/// A matrix and its inputs, of which every sixteenth channel is `loud` times as large.
struct Layer {
  explicit Layer(float loud, std::int64_t rows = 32, std::int64_t cols = 256)
      : weights(testing::gaussian(rows, cols, 3)), inputs(testing::gaussian(2 * cols, cols, 9)) {
    for (std::int64_t s = 0; s < inputs.rows; ++s)
      for (std::int64_t c = 0; c < cols; c += 16)
        inputs.values[static_cast<std::size_t>(s * cols + c)] *= loud;
    importance.assign(static_cast<std::size_t>(cols), 0);
    mean = importance;
    gram.assign(static_cast<std::size_t>(cols * cols), 0);
    for (std::int64_t s = 0; s < inputs.rows; ++s) {
      const auto x = inputs.matrix().row(s);
      for (std::size_t i = 0; i < x.size(); ++i) {
        importance[i] += x[i] * x[i] / static_cast<float>(inputs.rows);
        mean[i] += std::abs(x[i]) / static_cast<float>(inputs.rows);
        for (std::size_t j = 0; j < x.size(); ++j) gram[i * x.size() + j] += x[i] * x[j];
      }
    }
  }
  FoldScales scales(const Encoding& encoding, const awq::Options& options = {}, int threads = 1) const {
    const RowsInMemory rows(weights.matrix());
    FoldJob job{"norm.weight", weights.cols, channels, {}, Effort::normal};
    if (!channels.empty()) job.channels = *std::max_element(channels.begin(), channels.end()) + 1;
    job.readers.push_back(
        {"t.weight",
         &rows,
         &encoding,
         {importance, mean, {gram.data(), weights.cols, weights.cols, weights.cols}, inputs.rows}});
    const auto pool = make_thread_pool(threads);
    return awq::search(job, options, *pool);
  }
  /// What these scales cost in all rows, by the definition.
  double loss(const Encoding& encoding, std::vector<float> scales, bool with_gram) const {
    const auto cols = static_cast<std::size_t>(weights.cols);
    if (scales.empty()) scales.assign(cols, 1.0f);
    testing::Sample scaled = weights;
    std::vector<float> counts = importance;
    for (std::size_t c = 0; c < cols; ++c) counts[c] /= scales[c] * scales[c];
    for (std::size_t i = 0; i < scaled.values.size(); ++i) scaled.values[i] *= scales[i % cols];
    std::vector<std::byte> bytes(encoding.row_bytes(weights.cols) * static_cast<std::size_t>(weights.rows));
    encoding.encoder({weights.cols, counts, Effort::normal})->encode(scaled.matrix(), bytes);
    std::vector<float> d(scaled.values.size());
    encoding.decode(bytes, {d.data(), weights.rows, weights.cols, weights.cols});
    for (std::size_t i = 0; i < d.size(); ++i) d[i] = d[i] / scales[i % cols] - weights.values[i];
    double sum = 0;
    for (std::size_t i = 0; i < d.size(); ++i) {
      const std::size_t row = i / cols * cols;
      double product = double{d[i]} * double{importance[i % cols]} * static_cast<double>(inputs.rows);
      if (with_gram) product = 0;
      for (std::size_t j = 0; with_gram && j < cols; ++j)
        product += double{d[row + j]} * double{gram[i % cols * cols + j]};
      sum += double{d[i]} * product;
    }
    return sum;
  }
  testing::Sample weights, inputs;
  std::vector<float> importance, mean, gram;
  std::vector<std::int32_t> channels;
};

}  // namespace

TEST_CASE("awq: the error of outputs is the double sum", "[awq]") {
  const std::int64_t rows = GENERATE(1, 4, 7), cols = GENERATE(1, 16, 37, 300);
  const testing::Sample d = testing::gaussian(rows, cols, 3), x = testing::gaussian(5, cols, 4);
  std::vector<float> gram(static_cast<std::size_t>(cols * cols));
  for (std::int64_t i = 0; i < cols; ++i)
    for (std::int64_t j = 0; j < cols; ++j)
      for (std::int64_t s = 0; s < 5; ++s)
        gram[static_cast<std::size_t>(i * cols + j)] +=
            x.matrix().row(s)[static_cast<std::size_t>(i)] * x.matrix().row(s)[static_cast<std::size_t>(j)];
  double wanted = 0;
  for (std::int64_t r = 0; r < rows; ++r)
    for (std::int64_t i = 0; i < cols; ++i)
      for (std::int64_t j = 0; j < cols; ++j)
        wanted += double{d.matrix().row(r)[static_cast<std::size_t>(i)]} *
                  d.matrix().row(r)[static_cast<std::size_t>(j)] *
                  gram[static_cast<std::size_t>(i * cols + j)];
  CHECK(awq::output_error(d.matrix(), {gram.data(), cols, cols, cols}) == Approx(wanted).epsilon(1e-4));
}

TEST_CASE("awq: channels with large activations get large scales, and the loss falls", "[awq]") {
  const char* spec = GENERATE("affine:bits=4,group=128", "q4_0", "q4_k", "nf4");
  INFO(spec);
  const FoldScales found = Layer(30).scales(*registry().encoding(Node::scalar(spec)));
  REQUIRE(found.scales.size() == 256);
  CHECK(found.loss_after < found.loss_before);
  CHECK(found.choice.starts_with("ratio "));
  const auto largest = std::max_element(found.scales.begin(), found.scales.end()) - found.scales.begin();
  CHECK(largest % 16 == 0);
}

TEST_CASE("awq: the loss is never larger than without scales", "[awq]") {
  const char* spec = GENERATE("affine:bits=2,group=32", "q2_k", "q8_0", "iq4_xs", "f16");
  const char* duo = GENERATE("on", "both", "off");
  const char* loss = GENERATE("gram", "diagonal");
  INFO(spec << ' ' << duo << ' ' << loss);
  awq::Options options;
  options.duo = duo;
  options.loss = loss;
  options.grid = 4;
  const FoldScales found = Layer(1).scales(*registry().encoding(Node::scalar(spec)), options);
  CHECK(found.loss_after <= found.loss_before);
  CHECK(found.scales.empty() == (found.choice == "none"));
  for (const float s : found.scales) CHECK((std::isfinite(s) && s > 0));
}

TEST_CASE("awq: losses are those of the definition, whatever else was measured", "[awq]") {
  const char* spec = GENERATE("affine:bits=3,group=128", "q4_0");
  const bool with_gram = GENERATE(true, false);
  INFO(spec << (with_gram ? " gram" : " diagonal"));
  const auto encoding = registry().encoding(Node::scalar(spec));
  const Layer layer(20, 150);  // more rows than one piece of a trial has
  awq::Options options;
  options.loss = with_gram ? "gram" : "diagonal";
  options.rows = 0;
  const FoldScales found = layer.scales(*encoding, options);
  CHECK(found.loss_before == Approx(layer.loss(*encoding, {}, with_gram)).epsilon(1e-3));
  CHECK(found.loss_after == Approx(layer.loss(*encoding, found.scales, with_gram)).epsilon(1e-3));
  options.rows = 75;  // every other row stands for two
  CHECK(layer.scales(*encoding, options).loss_before == Approx(found.loss_before).epsilon(0.1));
}

TEST_CASE("awq: errors that are not finite are refused", "[awq]") {
  Layer layer(1);
  layer.gram[7] = std::numeric_limits<float>::infinity();
  CHECK_THROWS_WITH(layer.scales(*registry().encoding(Node::scalar("q4_0"))),
                    Catch::Contains("tensor 't.weight'") && Catch::Contains("not finite"));
}

TEST_CASE("awq: what trials take follows the rows and ratios that are asked for", "[awq]") {
  const auto encoding = registry().encoding(Node::scalar("q4_0"));
  const auto memory = [&](int rows, const char* duo) {
    Node options = Node::map();
    options.set("type", Node::scalar("awq"));
    options.set("rows", Node::scalar(std::to_string(rows)));
    options.set("duo", Node::scalar(duo));
    return registry().quantizer(options)->memory(*encoding, 4096, 256);
  };
  constexpr std::uint64_t kRow = 256 * sizeof(float);
  CHECK(memory(0, "off").preparing == (4096 + 2 * 21) * kRow);
  CHECK(memory(128, "both").preparing == (128 + 2 * 41) * kRow);
  CHECK(memory(8192, "on").preparing == memory(0, "on").preparing);
  CHECK(memory(128, "on").quantizing >= 2 * 64 * kRow);  // 64 rows with scales, and their errors
}

TEST_CASE("awq: while codes are chosen a plan counts clipping, which takes more than trials", "[awq]") {
  for (const char* spec :
       {"q4_0", "q8_0", "q4_k", "nf4", "affine:bits=4,group=128,symmetric=false", "affine:bits=8,group=-1"}) {
    INFO(spec);
    const auto encoding = registry().encoding(Node::scalar(spec));
    for (const std::int64_t cols : {768, 2048, 14336}) {
      const std::uint64_t both =
          registry().quantizer(Node::scalar("awq"))->memory(*encoding, 1024, cols).quantizing;
      CHECK(both == awq::clipping_bytes(*encoding, cols));
      CHECK(awq::trial_bytes(*encoding, cols) < both);
    }
  }
}

TEST_CASE("awq: the number of threads does not matter", "[awq]") {
  const Layer layer(10);
  const auto encoding = registry().encoding(Node::scalar("affine:bits=4,group=64"));
  const FoldScales one = layer.scales(*encoding, {}, 1), four = layer.scales(*encoding, {}, 4);
  CHECK(one.scales == four.scales);
  CHECK(one.loss_after == four.loss_after);
}

TEST_CASE("awq: columns that read one channel have one scale", "[awq]") {
  Layer layer(30);
  for (std::int32_t c = 0; c < 256; ++c) layer.channels.push_back(c / 128 * 64 + c % 64);
  const FoldScales found = layer.scales(*registry().encoding(Node::scalar("affine:bits=4,group=128")));
  CHECK(found.scales.size() == 128);
  CHECK(found.loss_after < found.loss_before);
}

TEST_CASE("awq: nothing is scaled where nothing is known", "[awq]") {
  Layer silent(1);
  silent.mean.clear();
  const auto encoding = registry().encoding(Node::scalar("q4_0"));
  CHECK(silent.scales(*encoding).scales.empty());
  Layer dead(1);
  std::fill(dead.mean.begin() + 3, dead.mean.begin() + 9, 0.0f);
  for (const float s : dead.scales(*encoding).scales) CHECK((std::isfinite(s) && s > 0));
}

}  // namespace pq
