#include "base/thread_pool.hpp"
#include "gptq_grid.hpp"

#include <polyquant/base/error.hpp>

#include <catch2/catch.hpp>
#include <gptq/row_tile.hpp>
#include <gptq/tensor.hpp>
#include <gptq/tiles.hpp>
#include <nlohmann/json.hpp>

#include <cmath>
#include <fstream>
#include <limits>
#include <string>
#include <vector>

namespace pq {
namespace {

using test::gptq_layer;
using test::GptqLayer;
using test::GridEncoding;

std::vector<std::byte> quantized(const GptqLayer& layer, const Encoding& encoding,
                                 const gptq::Options& options, int threads = 1, std::int64_t step = 1000,
                                 QuantReport* report = nullptr) {
  QuantJob job{"t.weight", layer.rows, layer.cols, &encoding, {}, Effort::normal};
  job.statistics.gram = layer.gram_matrix();
  const auto pool = make_thread_pool(threads);
  gptq::FactorCache cache;
  const auto tensor = gptq::make_tensor(job, options, cache, *pool);
  const std::size_t row_bytes = encoding.row_bytes(layer.cols);
  std::vector<std::byte> bytes(row_bytes * static_cast<std::size_t>(layer.rows));
  pool->for_ranges(layer.rows, std::min(step, layer.rows), [&](std::int64_t begin, std::int64_t end) {
    QuantReport own;
    tensor->quantize(layer.weights_matrix().slice(begin, end - begin), begin,
                     MutableBytes(bytes).subspan(static_cast<std::size_t>(begin) * row_bytes,
                                                 static_cast<std::size_t>(end - begin) * row_bytes),
                     own);
    if (report != nullptr && begin == 0) *report = own;
  });
  return bytes;
}

double loss(const GptqLayer& layer, const Encoding& encoding, const std::vector<std::byte>& bytes,
            double damping) {
  std::vector<float> decoded(layer.weights.size());
  encoding.decode(bytes, {decoded.data(), layer.rows, layer.cols, layer.cols});
  return layer.loss(decoded, damping);
}

TEST_CASE("gptq: the loss is that of a plain computation in f64", "[gptq][golden]") {
  const GptqLayer layer = gptq_layer(16, 96, 160);
  const auto cases = nlohmann::json::parse(std::ifstream(PQ_GOLDEN_DIR "/gptq/losses.json"));
  REQUIRE(cases.size() == 240);
  for (const auto& golden : cases) {
    INFO(golden.dump());
    const GridEncoding encoding(golden["bits"], golden["group"]);
    const gptq::Options options{golden["order"], golden["scales"], 0.01, golden["refine"]};
    const double ours = loss(layer, encoding, quantized(layer, encoding, options), 0.01);
    CHECK(ours == Approx(golden["loss"].get<double>()).epsilon(1e-4));
  }
}

TEST_CASE("gptq: bytes depend neither on threads nor on how rows are cut", "[gptq]") {
  const GptqLayer layer = gptq_layer(150, 160, 200);
  const GridEncoding encoding(3, 32);
  const gptq::Options options;
  const auto whole = quantized(layer, encoding, options);
  for (const int threads : {1, 2})
    for (const std::int64_t step : {1, 7, 64, 100}) {
      INFO(threads << " threads, " << step << " rows at a time");
      CHECK(quantized(layer, encoding, options, threads, step) == whole);
    }
}

TEST_CASE("gptq: the sum of e^2 is the error, and no pass makes it larger", "[gptq]") {
  const GptqLayer layer = gptq_layer(20, 160, 200);
  const auto pool = make_thread_pool(1);
  for (const auto& [group, at_once] :
       {std::pair{32, 1}, {32, 8}, {20, 1}, {20, 4}, {40, 8}, {36, 4}, {100, 1}}) {
    INFO("groups of " << group << ", " << at_once << " columns at once");
    const GridEncoding encoding(3, group, at_once);
    const auto fit = static_cast<std::size_t>(group);
    gptq::Cut cut{160, fit, static_cast<std::size_t>(at_once), std::max<std::size_t>(128 / fit, 1) * fit};
    const auto factor = gptq::make_factor(layer.gram_matrix(), cut, 0.01, "t", *pool);
    const auto codec = encoding.column_codec(20, 160, Effort::normal);
    gptq::RowTile tile(layer.weights_matrix(), *codec, {*factor, cut, layer.gram_matrix()});
    tile.round_in_order();
    std::vector<double> before(20);
    const std::string passes = at_once == 1 ? "csdcs" : "cccc";
    for (std::size_t pass = 0; pass <= passes.size(); ++pass) {
      std::vector<std::byte> bytes(encoding.row_bytes(160) * 20);
      for (std::int64_t r = 0; r < 20; ++r)
        codec->emit(r, MutableBytes(bytes).subspan(static_cast<std::size_t>(r) * encoding.row_bytes(160),
                                                   encoding.row_bytes(160)));
      double sum = 0;
      for (std::size_t r = 0; r < 20; ++r) {
        sum += tile.error(r);
        if (pass > 0) CHECK(tile.error(r) <= before[r]);
        before[r] = tile.error(r);
      }
      CHECK(sum == Approx(loss(layer, encoding, bytes, 0.01)).epsilon(1e-5));
      if (pass == passes.size()) break;
      if (passes[pass] == 'c')
        tile.refine_codes();
      else
        tile.refine_scales(passes[pass] == 's' ? ScaleLevel::group : ScaleLevel::super);
    }
  }
}

TEST_CASE("gptq: by groups no group is torn apart, whatever the place of a shorter last one", "[gptq]") {
  // Means of the diagonal: 2 of columns 0 to 3, 1 of 4 to 7, 3 of the last two.
  const std::vector<float> diagonal = {1, 3, 2, 2, 1, 1, 0.5f, 1.5f, 2, 4};
  std::vector<float> gram(100);
  for (std::size_t i = 0; i < 10; ++i) gram[i * 11] = diagonal[i];
  gptq::Cut cut{10, 4, 1, 8};
  cut.by_group = true;
  const auto pool = make_thread_pool(1);
  const auto factor = gptq::make_factor({gram.data(), 10, 10, 10}, cut, 0.01, "t", *pool);
  CHECK(factor->order == std::vector<std::int32_t>{9, 8, 1, 2, 3, 0, 7, 4, 5, 6});
}

TEST_CASE("gptq: damping rises until the matrix is positive definite, and the report says so", "[gptq]") {
  GptqLayer layer = gptq_layer(4, 96, 160);
  const GridEncoding encoding(4, 32);
  for (std::size_t i = 0; i < 96; ++i)
    layer.gram[i * 96 + (i + 1) % 96] = layer.gram[(i + 1) % 96 * 96 + i] = 1.2f * layer.gram[i * 97];
  QuantReport report;
  quantized(layer, encoding, {}, 1, 1000, &report);
  REQUIRE(report.warnings.size() == 1);
  CHECK(report.warnings[0].find("t.weight") != std::string::npos);
  CHECK(report.warnings[0].find("damping was raised to") != std::string::npos);
  CHECK(report.figures.at(2).sum == Approx(0.01 * report.figures.at(3).sum));
  CHECK(report.figures.at(3).sum >= 10);
}

TEST_CASE("gptq: the lower factor is that of a plain computation, for any number of threads", "[gptq]") {
  constexpr std::size_t kTiles = 5, kRows = kTiles * gptq::kLanes;
  const auto h = [](std::size_t i, std::size_t j) {
    return 1 / (1 + std::abs(static_cast<double>(i) - static_cast<double>(j))) + (i == j ? 0.5 : 0.0);
  };
  const auto fill = [&](std::size_t row, std::size_t column, double* to) {
    for (std::size_t j = 0; j < gptq::kLanes; ++j)
      for (std::size_t lane = 0; lane < gptq::kLanes; ++lane)
        to[j * gptq::kLanes + lane] = h(row + lane, column + j);
  };
  std::vector<double> plain(kRows * kRows);
  for (std::size_t j = 0; j < kRows; ++j)
    for (std::size_t i = j; i < kRows; ++i) {
      double sum = h(i, j);
      for (std::size_t k = 0; k < j; ++k) sum -= plain[i * kRows + k] * plain[j * kRows + k];
      plain[i * kRows + j] = i == j ? std::sqrt(sum) : sum / plain[j * kRows + j];
    }
  gptq::LowerTiles one(kTiles), two(kTiles);
  REQUIRE(one.factor(fill, *make_thread_pool(1)));
  REQUIRE(two.factor(fill, *make_thread_pool(2)));
  double largest = 0;
  bool is_same = true;
  for (std::size_t i = 0; i < kRows; ++i)
    for (std::size_t j = 0; j <= i; ++j) {
      largest = std::max(largest, std::abs(one.at(i, j) - plain[i * kRows + j]));
      is_same = is_same && one.at(i, j) == two.at(i, j);
    }
  CHECK(largest < 1e-13);
  CHECK(is_same);
}

TEST_CASE("gptq: the report has the losses of the rows and the damping", "[gptq]") {
  const GptqLayer layer = gptq_layer(16, 96, 160);
  const GridEncoding encoding(3, 32);
  QuantReport report;
  const auto bytes = quantized(layer, encoding, {}, 1, 1000, &report);
  const double energy = layer.loss(std::vector<float>(layer.weights.size(), 0.0f), 0.0);
  REQUIRE(report.figures.size() == 4);
  const auto check = [&](std::size_t i, const std::string& name, double value) {
    CHECK(report.figures[i].name == name);
    CHECK(report.figures[i].sum / report.figures[i].over == Approx(value).epsilon(1e-4));
  };
  check(0, "loss", loss(layer, encoding, bytes, 0.0) / energy);
  check(1, "plain_loss",
        loss(layer, encoding, testing::encode(encoding, layer.weights_matrix()), 0.0) / energy);
  check(2, "damping", 0.01);
  check(3, "damping_raised", 1);
  CHECK(report.figures[0].sum < report.figures[1].sum);
}

TEST_CASE("gptq: moments that are not finite are refused, zeros and missing ones mean plain rounding",
          "[gptq]") {
  GptqLayer layer = gptq_layer(4, 96, 160);
  const GridEncoding encoding(4, 32);
  layer.gram[5] = std::numeric_limits<float>::quiet_NaN();
  CHECK_THROWS_WITH(quantized(layer, encoding, {}),
                    Catch::Contains("t.weight") && Catch::Contains("not finite"));
  std::fill(layer.gram.begin(), layer.gram.end(), 0.0f);
  QuantReport report;
  const auto plain = testing::encode(encoding, layer.weights_matrix());
  CHECK(quantized(layer, encoding, {}, 1, 1000, &report) == plain);
  REQUIRE(report.warnings.size() == 1);
  CHECK(report.warnings[0].find("were zero") != std::string::npos);
}

TEST_CASE("gptq: columns that are always zero are rounded plainly and change no other", "[gptq]") {
  GptqLayer layer = gptq_layer(4, 96, 160);
  const GridEncoding encoding(4, 32);
  for (std::size_t i = 0; i < 96; ++i) layer.gram[40 * 96 + i] = layer.gram[i * 96 + 40] = 0.0f;
  gptq::Options options;
  options.refine = "c";  // a scale is shared: it counts what it does to such a column, by the damping
  const auto first = quantized(layer, encoding, options);
  for (std::size_t r = 0; r < 4; ++r) layer.weights[r * 96 + 40] *= 0.5f;
  const auto second = quantized(layer, encoding, options);
  std::vector<float> a(layer.weights.size()), b(a.size());
  encoding.decode(first, {a.data(), 4, 96, 96});
  encoding.decode(second, {b.data(), 4, 96, 96});
  for (std::size_t k = 0; k < a.size(); ++k)
    if (k % 96 != 40) CHECK(a[k] == b[k]);
}

}  // namespace
}  // namespace pq
