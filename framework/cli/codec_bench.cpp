#include "codec_bench.hpp"

#include "base/interrupt.hpp"
#include "codec_stream.hpp"

#include <algorithm>
#include <chrono>

namespace pq::cli {
namespace {

// The best of at least this many passes, and of as many as fit into this time: short passes are noisy.
constexpr int kMinPasses = 3;
constexpr double kSeconds = 0.5;

template <class Pass>
double best_seconds(Pass&& pass) {
  using Clock = std::chrono::steady_clock;
  pass();
  double best = 1e300;
  double total = 0;
  for (int n = 0; n < kMinPasses || total < kSeconds; ++n) {
    throw_if_interrupted();
    const auto start = Clock::now();
    pass();
    const double seconds = std::chrono::duration<double>(Clock::now() - start).count();
    best = std::min(best, seconds);
    total += seconds;
  }
  return std::max(best, 1e-9);
}

double relative_error(ConstMatrix a, ConstMatrix b, std::span<const float> importance) {
  double error = 0;
  double norm = 0;
  for (std::int64_t r = 0; r < a.rows; ++r) {
    const auto x = a.row(r);
    const auto y = b.row(r);
    for (std::size_t c = 0; c < x.size(); ++c) {
      const double weight = importance.empty() ? 1.0 : double{importance[c]};
      const double difference = double{x[c]} - double{y[c]};
      error += weight * difference * difference;
      norm += weight * double{x[c]} * double{x[c]};
    }
  }
  return norm > 0 ? error / norm : 0;
}

}  // namespace

BenchResult bench_codec(const Encoding& encoding, const EncodeRequest& request, ConstMatrix rows,
                        Executor& executor) {
  std::vector<std::byte> encoded(static_cast<std::size_t>(rows.rows) * encoding.row_bytes(rows.cols));
  std::vector<float> decoded(static_cast<std::size_t>(rows.rows * rows.cols));
  const Matrix out{decoded.data(), rows.rows, rows.cols, rows.cols};
  const double weights = static_cast<double>(decoded.size());
  BenchResult result;
  result.encode_weights_per_second =
      weights /
      best_seconds([&] { encode_rows(*encoding.encoder(request), encoding, executor, rows, encoded); });
  result.decode_weights_per_second =
      weights / best_seconds([&] { decode_rows(encoding, executor, encoded, out); });
  result.relative_error = relative_error(rows, out, request.importance);
  return result;
}

}  // namespace pq::cli
