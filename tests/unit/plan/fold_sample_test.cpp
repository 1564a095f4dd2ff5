// What a plan finds out about the trials for scales of channels, with made-up matrices.
#include "plan/fold_sample.hpp"

#include "base/thread_pool.hpp"
#include "built_plugins.hpp"

#include <catch2/catch.hpp>

#include <algorithm>

namespace pq {
namespace {

/// Looks twice at so many rows of every matrix, spread evenly; 0 = at all.
class Looking final : public Quantizer {
 public:
  explicit Looking(std::int64_t wanted) : wanted_(wanted) {}
  const QuantizerInfo& info() const override { return info_; }
  std::optional<std::string> rejects(const Encoding&) const override { return std::nullopt; }
  std::unique_ptr<TensorQuantizer> prepare(const QuantJob&, const RunContext&) const override {
    return nullptr;
  }
  bool folds() const override { return true; }
  FoldScales fold(const FoldJob& job, const RunContext&) const override {
    const TensorRows& rows = *job.readers.front().weights;
    const std::int64_t count = wanted_ == 0 ? rows.rows() : std::min(wanted_, rows.rows());
    std::vector<float> row(static_cast<std::size_t>(rows.cols()));
    for (std::int64_t i = 0; i < 2 * count; ++i)
      rows.read(i / 2 * rows.rows() / count, {row.data(), 1, rows.cols(), rows.cols()});
    return {};
  }

 private:
  std::int64_t wanted_;
  QuantizerInfo info_;
};

}  // namespace

TEST_CASE("plan: how many rows are looked at for scales of channels is found out with thin matrices",
          "[plan]") {
  const auto pool = make_thread_pool(1);
  const auto encoding = test::registry().encoding(Node::scalar("q4_0"));
  const auto found = [&](std::int64_t wanted, std::int64_t most, std::int64_t fewest = 512) {
    return rows_looked_at(Looking(wanted), *encoding, Effort::normal, 2, fewest, most, *pool);
  };
  CHECK(found(256, 3072) == 256);
  CHECK(found(512, 3072) == 512);
  CHECK(found(700, 3072) == 700);
  CHECK(found(0, 3072) == 0);
  CHECK(found(5000, 3072) == 0);  // all that there are
  CHECK(found(16, 256, 32) == 16);
  CHECK(found(64, 256, 32) == 64);
}

}  // namespace pq
