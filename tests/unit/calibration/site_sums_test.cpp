// Statistics of sites beside loops in f64.
#include "calibration/site_sums.hpp"

#include "calibration/measure.hpp"
#include "forward/tiny_forward.hpp"
#include "model/tiny_model.hpp"

#include <polyquant/base/error.hpp>

#include <catch2/catch.hpp>

#include <cmath>
#include <limits>
#include <numeric>
#include <random>

using namespace pq;
using Catch::Contains;

namespace {

constexpr double kF32 = 1e-5;  // of a sum of some hundred products in f32, against the largest
constexpr StatisticsNeeded kAll = {.importance = true, .mean_absolute = true, .gram = true};

tiny::Runner runner_of(const std::string& name, int threads = 1) {
  return tiny::Runner(tiny::open_folder(tiny::folder(name)), tiny::folder(name), threads);
}

/// Seeded rows, some columns much larger than others, and one that is zero.
std::vector<float> activations(std::int64_t rows, std::int64_t cols, unsigned seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal(0.1f, 1);
  std::vector<float> x(static_cast<std::size_t>(rows * cols));
  for (std::size_t i = 0; i < x.size(); ++i)
    x[i] = normal(random) * static_cast<float>(i % static_cast<std::size_t>(cols) % 5) * 3;
  return x;
}

std::unique_ptr<DeviceMatrix> on_device(Device& device, std::vector<float>& x, std::int64_t cols) {
  const auto rows = static_cast<std::int64_t>(x.size()) / cols;
  auto matrix = device.allocate(rows, cols);
  device.upload(Matrix{x.data(), rows, cols, cols}, *matrix);
  return matrix;
}

/// All sums of all sites of a model over a text, one after another.
std::vector<double> all_sums(const std::string& name, int threads) {
  const tiny::Expected expected = tiny::expected_logits(name);
  tiny::Runner runner = runner_of(name, threads);
  SiteSums sums(runner.device(), [](const Site&) { return kAll; });
  runner.logits({expected.tokens, expected.tokens}, &sums, static_cast<std::int64_t>(expected.tokens.size()));
  std::vector<double> all;
  for (const auto& site : runner.model().sites()) {
    const SiteSum* sum = sums.find(*site);
    if (sum == nullptr) continue;
    all.push_back(static_cast<double>(sum->rows));
    all.insert(all.end(), sum->squares.begin(), sum->squares.end());
    all.insert(all.end(), sum->magnitudes.begin(), sum->magnitudes.end());
    const auto gram = tiny::downloaded(runner.device(), *sum->gram);
    all.insert(all.end(), gram.begin(), gram.end());
  }
  return all;
}

}  // namespace

TEST_CASE("site sums: squares, magnitudes and products of two batches are those of plain loops",
          "[calibration][sites]") {
  constexpr std::int64_t kCols = 37;
  tiny::Runner runner = runner_of("llama");
  const Site site{0, "attn_in", -1, kCols, {}};
  SiteSums sums(runner.device(), [](const Site&) { return kAll; });
  std::vector<float> first = activations(101, kCols, 1), second = activations(53, kCols, 2);
  for (std::vector<float>* part : {&first, &second})
    sums.at_site(site, {}, *on_device(runner.device(), *part, kCols));
  std::vector<float> x = first;
  x.insert(x.end(), second.begin(), second.end());

  const SiteSum* sum = sums.find(site);
  REQUIRE(sum != nullptr);
  CHECK(sum->rows == 154);
  const std::vector<float> gram = tiny::downloaded(runner.device(), *sum->gram);
  const auto at = [&](std::int64_t r, std::int64_t c) {
    return double{x[static_cast<std::size_t>(r * kCols + c)]};
  };
  double largest = 0;
  for (std::int64_t a = 0; a < kCols; ++a) {
    double square = 0, magnitude = 0;
    for (std::int64_t r = 0; r < 154; ++r) {
      square += at(r, a) * at(r, a);
      magnitude += std::abs(at(r, a));
    }
    largest = std::max(largest, square);
    CHECK(sum->squares[static_cast<std::size_t>(a)] == Approx(square).epsilon(1e-12));
    CHECK(sum->magnitudes[static_cast<std::size_t>(a)] == Approx(magnitude).epsilon(1e-12));
  }
  double worst = 0;
  for (std::int64_t a = 0; a < kCols; ++a)
    for (std::int64_t b = 0; b < kCols; ++b) {
      double product = 0;
      for (std::int64_t r = 0; r < 154; ++r) product += at(r, a) * at(r, b);
      worst = std::max(worst, std::abs(product - double{gram[static_cast<std::size_t>(a * kCols + b)]}));
    }
  CHECK(worst <= kF32 * largest);
}

TEST_CASE("site sums: quantizers get means and X^T X", "[calibration][sites]") {
  tiny::Runner runner = runner_of("llama");
  const Site site{0, "attn_in", -1, 2, {}};
  SiteSums sums(runner.device(), [](const Site&) { return kAll; });
  std::vector<float> x = {1, -2, 3, 4};
  sums.at_site(site, {}, *on_device(runner.device(), x, 2));
  const HostStatistics statistics = host_statistics(*sums.find(site), runner.device());
  CHECK(statistics.importance == std::vector<float>{5, 10});
  CHECK(statistics.mean_absolute == std::vector<float>{2, 3});
  CHECK(statistics.gram == std::vector<float>{10, 10, 10, 20});
  const SiteStatistics view = statistics.view();
  CHECK(view.samples == 2);
  CHECK(view.gram.row(1)[1] == 20);
}

TEST_CASE("site sums: what is not asked for is not kept", "[calibration][sites]") {
  tiny::Runner runner = runner_of("llama");
  const Site wanted{0, "attn_in", -1, 2, {}}, other{0, "mlp_in", -1, 2, {}};
  SiteSums sums(runner.device(), [&](const Site& site) {
    return &site == &wanted ? StatisticsNeeded{.importance = true} : StatisticsNeeded{};
  });
  std::vector<float> x = {1, 2};
  const auto matrix = on_device(runner.device(), x, 2);
  sums.at_site(wanted, {}, *matrix);
  sums.at_site(other, {}, *matrix);
  CHECK(sums.find(other) == nullptr);
  CHECK(sums.find(wanted)->gram == nullptr);
  const HostStatistics statistics = host_statistics(*sums.find(wanted), runner.device());
  CHECK(statistics.view().mean_absolute.empty());
  CHECK(statistics.view().gram.data == nullptr);
}

TEST_CASE("site sums: a Gram matrix can be given back", "[calibration][sites]") {
  tiny::Runner runner = runner_of("llama");
  const Site site{0, "attn_in", -1, 2, {}};
  SiteSums sums(runner.device(), [](const Site&) { return kAll; });
  std::vector<float> x = {1, 2};
  sums.at_site(site, {}, *on_device(runner.device(), x, 2));
  sums.drop_gram(site);
  CHECK(sums.find(site)->gram == nullptr);
  CHECK(sums.find(site)->squares.size() == 2);
}

TEST_CASE("site sums: a layer's Gram matrices can be taken when all samples have passed it",
          "[calibration][sites]") {
  tiny::Runner runner = runner_of("llama");
  ForwardPass pass(runner.model(), runner.weights(), runner.device(), runner.pool());
  SampleSet samples;
  samples.samples = {{{1, 2, 3, 4}, 0}, {{5, 6, 7}, 0}};
  samples.sources.emplace_back().tokens = 7;
  std::vector<int> layers;
  MeasureOptions options;
  options.needs = [](const Site& site) { return site.layer < 0 ? StatisticsNeeded{} : kAll; };
  options.layer_done = [&](int layer, SiteSums& sums) {
    layers.push_back(layer);
    for (const auto& site : runner.model().sites()) {
      if (site->layer < 0) continue;
      const SiteSum* sum = sums.find(*site);
      CHECK((sum != nullptr) == (site->layer <= layer));
      if (sum == nullptr) continue;
      CHECK(sum->rows == 7);
      CHECK((sum->gram != nullptr) == (site->layer == layer));
      sums.drop_gram(*site);
    }
  };
  measure_sites(pass, runner.device(), samples, options);
  std::vector<int> wanted(static_cast<std::size_t>(runner.model().layers()));
  std::iota(wanted.begin(), wanted.end(), 0);
  CHECK(layers == wanted);
}

TEST_CASE("site sums: samples stop behind the last layer that is asked for", "[calibration][sites]") {
  tiny::Runner runner = runner_of("llama");
  REQUIRE(runner.model().layers() > 1);
  SampleSet samples;
  samples.samples = {{{1, 2, 3, 4}, 0}, {{5, 6, 7}, 0}};
  samples.sources.emplace_back().tokens = 7;
  std::vector<std::int64_t> done, layers;
  MeasureOptions options;
  options.needs = [](const Site& site) { return site.layer < 0 ? StatisticsNeeded{} : kAll; };
  options.layer_done = [&](int layer, SiteSums&) { layers.push_back(layer); };
  options.progress = [&](std::int64_t now, std::int64_t total) {
    done.push_back(now);
    CHECK(total == 2);
  };
  ForwardPass all_pass(runner.model(), runner.weights(), runner.device(), runner.pool()),
      one_pass(runner.model(), runner.weights(), runner.device(), runner.pool());
  options.layers = 1;
  const SiteSums one = measure_sites(one_pass, runner.device(), samples, options);
  CHECK(layers == std::vector<std::int64_t>{0});
  CHECK(done == std::vector<std::int64_t>{0, 1, 2});
  MeasureOptions whole;
  whole.needs = options.needs;
  const SiteSums all = measure_sites(all_pass, runner.device(), samples, whole);
  for (const auto& site : runner.model().sites()) {
    CHECK((one.find(*site) != nullptr) == (site->layer == 0));
    if (site->layer == 0) CHECK(one.find(*site)->squares == all.find(*site)->squares);
  }
}

TEST_CASE("site sums: the same bytes for any number of threads", "[calibration][sites]") {
  const std::string name = GENERATE("llama", "qwen3moe");
  INFO(name);
  const std::vector<double> one = all_sums(name, 1);
  CHECK(one.size() > 1000);
  CHECK(one == all_sums(name, 2));
}

TEST_CASE("site sums: activations that are not finite are refused with their site", "[calibration][sites]") {
  tiny::Runner runner = runner_of("llama");
  const Site site{3, "mlp_in", 2, 2, {}};
  SiteSums sums(runner.device(), [](const Site&) { return kAll; });
  std::vector<float> x = {1, std::numeric_limits<float>::infinity()};
  CHECK_THROWS_WITH(sums.at_site(site, {}, *on_device(runner.device(), x, 2)),
                    Contains("layer 3, expert 2, site 'mlp_in': activations are not finite"));
}
