#include "tensor.hpp"

#include "losses.hpp"
#include "row_tile.hpp"
#include "tiles.hpp"

#include <polyquant/codec/plain_tensor.hpp>

#include <algorithm>
#include <array>
#include <bit>
#include <functional>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

namespace pq::gptq {
namespace {

/// The most important columns are those with the largest activations.
TensorEncoding encoding_of(const QuantJob& job) {
  const ConstMatrix& gram = job.statistics.gram;
  std::vector<float> energy;
  for (std::int64_t i = 0; i < gram.rows && gram.data != nullptr; ++i)
    energy.push_back(gram.row(i)[static_cast<std::size_t>(i)]);
  return energy.empty() ? TensorEncoding(job) : TensorEncoding(job, energy);
}

/// Losses of large tensors are those of every eighth row: they cost as much as error feedback itself.
constexpr std::int64_t kAllMeasured = 512, kMeasuredStep = 8;

class FeedbackTensor final : public TensorQuantizer {
 public:
  /// `job`: with this encoding.
  FeedbackTensor(TensorEncoding encoding, const QuantJob& job, const Options& options, const Cut& cut,
                 std::shared_ptr<const Factor> factor)
      : encoding_(std::move(encoding)),
        job_(job),
        options_(options),
        cut_(cut),
        factor_(std::move(factor)),
        plain_(job_.encoding->encoder({job_.cols, job_.statistics.importance, job_.effort})) {}
  Bytes shared() const override { return encoding_.shared(); }

  void quantize(ConstMatrix rows, std::int64_t first_row, MutableBytes out,
                QuantReport& report) const override {
    if (factor_->damping > options_.damping) report.warnings.push_back(raised());
    const std::size_t row_bytes = job_.encoding->row_bytes(job_.cols);
    for (std::int64_t first = 0; first < rows.rows; first += kLanes) {
      const std::int64_t count = std::min<std::int64_t>(kLanes, rows.rows - first);
      const auto codec = job_.encoding->column_codec(count, job_.cols, job_.effort);
      RowTile tile(rows.slice(first, count), *codec, {*factor_, cut_, job_.statistics.gram});
      if (codec->can_revise() && options_.has_static_scales())
        tile.round_with_static_scales();
      else
        tile.round_in_order();
      for (const char pass : options_.passes(*codec)) refine(tile, pass);
      for (std::int64_t r = 0; r < count; ++r)
        codec->emit(r, out.subspan(static_cast<std::size_t>(first + r) * row_bytes, row_bytes));
    }
    add_figures(rows, first_row, out, report);
  }

 private:
  static void refine(RowTile& tile, char pass) {
    if (pass == 'c')
      tile.refine_codes();
    else
      tile.refine_scales(pass == 's' ? ScaleLevel::group : ScaleLevel::super);
  }

  bool is_measured(std::int64_t row) const { return job_.rows < kAllMeasured || row % kMeasuredStep == 0; }

  void add_figures(ConstMatrix rows, std::int64_t first_row, Bytes encoded, QuantReport& report) const {
    const std::size_t row_bytes = job_.encoding->row_bytes(job_.cols);
    std::size_t measured = 0;
    for (std::int64_t r = 0; r < rows.rows; ++r) measured += is_measured(first_row + r) ? 1 : 0;
    std::vector<float> weights;
    std::vector<std::byte> bytes;  // of plain rounding, then as they are
    weights.reserve(measured * static_cast<std::size_t>(job_.cols));
    bytes.reserve(measured * row_bytes);
    for (std::int64_t r = 0; r < rows.rows; ++r) {
      if (!is_measured(first_row + r)) continue;
      weights.insert(weights.end(), rows.row(r).begin(), rows.row(r).end());
      const Bytes row = encoded.subspan(static_cast<std::size_t>(r) * row_bytes, row_bytes);
      bytes.insert(bytes.end(), row.begin(), row.end());
    }
    const std::int64_t count = static_cast<std::int64_t>(weights.size()) / job_.cols;
    const double energy = loss({weights.data(), count, job_.cols, job_.cols});
    const double after = loss_of(weights, bytes);
    plain_->encode({weights.data(), count, job_.cols, job_.cols}, bytes);
    report.figures.push_back({"loss", after, energy});
    report.figures.push_back({"plain_loss", loss_of(weights, bytes), energy});
    report.figures.push_back({"damping", factor_->damping, 1});
    report.figures.push_back({"damping_raised", factor_->damping / options_.damping, 1});
  }

  double loss(ConstMatrix rows) const {
    const auto all = losses(rows, {*factor_, cut_, job_.statistics.gram});
    return std::accumulate(all.begin(), all.end(), 0.0);
  }
  double loss_of(const std::vector<float>& weights, Bytes encoded) const {
    std::vector<float> differences(weights.size());
    const Matrix all{differences.data(), static_cast<std::int64_t>(weights.size()) / job_.cols, job_.cols,
                     job_.cols};
    job_.encoding->decode(encoded, all);
    std::transform(weights.begin(), weights.end(), differences.begin(), differences.begin(), std::minus<>());
    return loss(all);
  }

  std::string raised() const {
    return "tensor '" + std::string(job_.tensor) + "': damping was raised to " +
           detail::default_text(factor_->damping) +
           " because the second moments of its inputs are not positive definite with less";
  }

  TensorEncoding encoding_;
  QuantJob job_;
  Options options_;
  Cut cut_;
  std::shared_ptr<const Factor> factor_;
  std::unique_ptr<const RowEncoder> plain_;
};

/// Columns of a block; what fits are for at least so many.
constexpr std::size_t kBlock = 128;

Cut make_cut(const ColumnCodec& codec, std::int64_t cols, const Options& options) {
  Cut cut;
  cut.cols = static_cast<std::size_t>(cols);
  cut.fit = std::min(static_cast<std::size_t>(codec.fit_cols()), cut.cols);
  cut.at_once = static_cast<std::size_t>(codec.round_cols());
  cut.block = (kBlock + cut.fit - 1) / cut.fit * cut.fit;
  if (codec.can_revise()) {
    cut.by_activation = options.order == "activation";
    cut.by_group = options.order == "groups";
  }
  return cut;
}

/// Columns of the largest scale that the refinement moves.
std::size_t most_shared(const ColumnCodec& codec, std::int64_t cols, const Options& options) {
  std::size_t most = 0;
  for (const char pass : options.passes(codec)) {
    const ScaleLevel level = pass == 'd' ? ScaleLevel::super : ScaleLevel::group;
    std::size_t count = 0;
    for (std::int64_t c = 0; c < cols && pass != 'c'; ++c) count += codec.scale_of(level, c) == 0 ? 1 : 0;
    most = std::max(most, count);
  }
  return most;
}

/// Of the content, by rows: eight chains that do not wait for each other.
std::uint64_t hash_row(std::span<const float> row) {
  constexpr std::uint64_t kFactor = 0x9e3779b97f4a7c15;  // odd, bits as of chance: 2^64 / the golden ratio
  std::array<std::uint64_t, 8> chains{};
  for (std::size_t i = 0; i < row.size(); ++i) {
    std::uint64_t& chain = chains[i % chains.size()];
    chain = std::rotl((chain ^ std::bit_cast<std::uint32_t>(row[i])) * kFactor, 29);
  }
  std::uint64_t hash = row.size();
  for (const std::uint64_t chain : chains) hash = std::rotl((hash ^ chain) * kFactor, 29);
  return hash;
}

std::uint64_t hash_of(ConstMatrix gram, Executor& executor) {
  std::vector<std::uint64_t> rows(static_cast<std::size_t>(gram.rows));
  executor.for_ranges(gram.rows, 64, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t r = begin; r < end; ++r) rows[static_cast<std::size_t>(r)] = hash_row(gram.row(r));
  });
  std::uint64_t hash = 0;
  for (const std::uint64_t row : rows) hash = std::rotl((hash ^ row) * 0x9e3779b97f4a7c15, 29);
  return hash;
}

}  // namespace

std::shared_ptr<const Factor> FactorCache::get(const QuantJob& job, const Cut& cut, double damping,
                                               Executor& executor) {
  const ConstMatrix& gram = job.statistics.gram;
  const std::uint64_t hash = hash_of(gram, executor);
  const std::lock_guard lock(mutex_);
  std::erase_if(known_, [](const Entry& entry) { return entry.factor.expired(); });
  for (const Entry& entry : known_)
    if (entry.hash == hash && entry.cut == cut)
      if (auto factor = entry.factor.lock()) return last_ = std::move(factor);
  last_ = nullptr;  // frees its memory before more is taken
  last_ = make_factor(gram, cut, damping, job.tensor, executor);
  if (last_ != nullptr) known_.push_back({hash, cut, last_});
  return last_;
}

/// Rows of which the loss is computed in one call: runs give as many as make 2^18 weights, and no less than a tile.
std::uint64_t measured_rows(std::int64_t rows, std::int64_t cols) {
  const std::int64_t call =
      std::min(rows, std::max<std::int64_t>(kLanes, (1 << 18) / std::max<std::int64_t>(1, cols)));
  return static_cast<std::uint64_t>(rows < kAllMeasured ? call : call / kMeasuredStep + 1);
}

QuantMemory memory_of(const Encoding& encoding, std::int64_t rows, std::int64_t cols,
                      const Options& options) {
  const auto codec = encoding.column_codec(1, cols, Effort::fast);
  if (codec == nullptr) return {};
  const Cut cut = make_cut(*codec, cols, options);
  constexpr std::uint64_t kF32 = sizeof(float), kF64 = sizeof(double);
  const std::uint64_t width = panels(cut.block) * kPanel, tile = width * kLanes;
  QuantMemory memory;
  memory.site = 3 * cut.cols * kF32;  // order, diagonal, weights of fits
  for (std::size_t first = 0; first < cut.cols; first += cut.block)
    memory.site += panels(std::min(cut.block, cut.cols - first)) * kPanel *
                   (first + std::min(cut.block, cut.cols - first)) * kF32;
  memory.preparing = LowerTiles::bytes((cut.cols + kLanes - 1) / kLanes) + width * width * kF64 + tile * kF64;
  // Of a tile of rows: w, q, w - q; the block as it is now and its errors; the pieces that a codec fits.
  const std::uint64_t lanes = kLanes * kF32, fit = std::max(cut.fit, cut.at_once),
                      own = (3 * cut.cols + 2 * width + 2 * fit) * lanes;
  // Then either the codec's codes and scales, columns that are sorted or whose scales are all chosen first, and panels of H ...
  std::uint64_t rounding = 2 * cut.cols * lanes + kRefined * cut.cols * kF32;
  if (options.has_static_scales()) rounding += fit * lanes;
  rounding += 2 * (most_shared(*codec, cols, options) + kRefined) * lanes;
  // ... or rows whose loss is measured: as they are, as they decode, and their bytes.
  const std::uint64_t measuring =
      measured_rows(rows, cols) * (2 * cut.cols * kF32 + encoding.row_bytes(cols));
  memory.quantizing = own + std::max(rounding, measuring);
  return memory;
}

bool is_rounded_plainly(const EncodingInfo& encoding) { return !encoding.grid.has_codes(); }

std::unique_ptr<TensorQuantizer> make_tensor(const QuantJob& given, const Options& options,
                                             FactorCache& cache, Executor& executor) {
  TensorEncoding encoding = encoding_of(given);
  QuantJob job = given;
  job.encoding = &encoding.get();
  if (is_rounded_plainly(job.encoding->info()))
    return std::make_unique<PlainTensor>(std::move(encoding), job);
  const std::string plain = "tensor '" + std::string(job.tensor) + "' is rounded without error feedback: ";
  if (job.statistics.gram.data == nullptr)
    return std::make_unique<PlainTensor>(std::move(encoding), job,
                                         plain + "its inputs are not measured, or no token reached it");
  const auto codec = job.encoding->column_codec(1, job.cols, job.effort);
  const Cut cut = make_cut(*codec, job.cols, options);
  auto factor = cache.get(job, cut, options.damping, executor);
  if (factor == nullptr)
    return std::make_unique<PlainTensor>(std::move(encoding), job,
                                         plain + "all its inputs were zero in the calibration data");
  return std::make_unique<FeedbackTensor>(std::move(encoding), job, options, cut, std::move(factor));
}

}  // namespace pq::gptq
