// What holds for the column codec of every encoding that has one.
#pragma once

#include <polyquant/testing/encoding_checks.hpp>

namespace pq::testing::encoding_checks {

/// Runs a column codec over the sample as an error-feedback method does: weights move after fit().
struct ColumnRun {
  Sample rounded;
  std::vector<std::byte> bytes;
};
inline ColumnRun run_columns(const Encoding& encoding, const Sample& sample, ColumnCodec& codec,
                             std::span<const float> importance, double movement) {
  ColumnRun run{sample, std::vector<std::byte>(encoding.row_bytes(sample.cols) *
                                               static_cast<std::size_t>(sample.rows))};
  std::vector<float> moved = sample.values;
  Random random(71);
  for (float& value : moved) value += static_cast<float>(movement * 0.02 * random.gaussian());
  const auto part = [&](const std::vector<float>& values, std::int64_t first, std::int64_t count) {
    return ConstMatrix{values.data() + first, sample.rows, count, sample.cols};
  };
  for (std::int64_t group = 0; group < sample.cols; group += codec.fit_cols()) {
    const std::int64_t group_cols = std::min<std::int64_t>(codec.fit_cols(), sample.cols - group);
    const auto weights = importance.empty() ? importance
                                            : importance.subspan(static_cast<std::size_t>(group),
                                                                 static_cast<std::size_t>(group_cols));
    codec.fit(part(sample.values, group, group_cols), weights);
    for (std::int64_t c = group; c < group + group_cols; c += codec.round_cols())
      codec.round(part(moved, c, codec.round_cols()),
                  {run.rounded.values.data() + c, sample.rows, codec.round_cols(), sample.cols});
  }
  const std::size_t row_bytes = encoding.row_bytes(sample.cols);
  for (std::int64_t r = 0; r < sample.rows; ++r)
    codec.emit(r, MutableBytes(run.bytes).subspan(static_cast<std::size_t>(r) * row_bytes, row_bytes));
  return run;
}

inline bool has_column_codec(const EncodingSubject& subject) {
  return subject.get().column_codec(subject.rows, subject.long_row(), Effort::normal) != nullptr;
}

/// Whether there is one is asked before any size is known.
inline void columns_do_not_depend_on_sizes(const EncodingSubject& subject, Findings& findings) {
  const bool wanted = has_column_codec(subject);
  for (const std::int64_t rows : {std::int64_t{1}, subject.rows, std::int64_t{100}})
    for (const std::int64_t cols : subject.lengths())
      findings.expect((subject.get().column_codec(rows, cols, Effort::normal) != nullptr) == wanted, "for ",
                      rows, " rows of ", cols, " columns there is ", wanted ? "no column codec" : "one",
                      ", for ", subject.rows, " rows of ", subject.long_row(),
                      wanted ? " there is" : " there is none");
}

inline void columns_decode_to_what_was_rounded(const EncodingSubject& subject, Findings& findings) {
  for (const std::int64_t cols : subject.lengths()) {
    const std::vector<float> importance = lognormal_importance(cols, 73);
    for (const Sample& sample : ordinary_samples(subject.rows, cols, 79)) {
      for (const bool weighted : {false, true}) {
        const auto codec = subject.get().column_codec(sample.rows, cols, Effort::normal);
        if (!findings.expect(codec->round_cols() >= 1 && codec->fit_cols() >= 1 &&
                                 codec->fit_cols() % codec->round_cols() == 0,
                             "fit_cols ", codec->fit_cols(), " is no multiple of round_cols ",
                             codec->round_cols()))
          return;
        const std::span<const float> weights =
            weighted ? std::span<const float>(importance) : std::span<const float>();
        const ColumnRun run = run_columns(subject.get(), sample, *codec, weights, weighted ? 0.1 : 0.0);
        const Sample back = decode(subject.get(), run.bytes, sample.rows, cols);
        findings.expect(back.values == run.rounded.values, sample.name, ", ", cols,
                        " columns: decode gives other values than round()");
        if (!weighted)
          findings.expect(relative_error(sample, back) <= kNoWorseThanZeros, sample.name, ", ", cols,
                          " columns: relative error ", relative_error(sample, back));
      }
    }
  }
}

inline bool can_revise_columns(const EncodingSubject& subject) {
  return has_column_codec(subject) &&
         subject.get().column_codec(subject.rows, subject.long_row(), Effort::normal)->can_revise();
}

/// From right to left, for weights that moved: values of the grid stay what they are, and what is emitted is what revise() said.
inline void columns_can_be_revised(const EncodingSubject& subject, Findings& findings) {
  const Sample sample = gaussian(subject.rows, subject.long_row(), 91);
  const auto codec = subject.get().column_codec(sample.rows, sample.cols, Effort::normal);
  ColumnRun run = run_columns(subject.get(), sample, *codec, lognormal_importance(sample.cols, 73), 0.1);
  const std::int64_t count = codec->round_cols();
  std::vector<float> moved = sample.values, again(static_cast<std::size_t>(sample.rows * count));
  Random random(97);
  for (float& value : moved) value += static_cast<float>(0.1 * random.gaussian());
  for (std::int64_t c = sample.cols - count; c >= 0; c -= count) {
    const Matrix rounded{run.rounded.values.data() + c, sample.rows, count, sample.cols};
    codec->revise(c, {moved.data() + c, sample.rows, count, sample.cols}, rounded);
    codec->revise(c, rounded, {again.data(), sample.rows, count, count});
    for (std::int64_t r = 0; r < sample.rows; ++r)
      if (!findings.expect(std::equal(rounded.row(r).begin(), rounded.row(r).end(),
                                      again.begin() + static_cast<std::ptrdiff_t>(r * count)),
                           "column ", c, ", row ", r, ": values of the grid are revised to others"))
        return;
  }
  const std::size_t bytes = subject.get().row_bytes(sample.cols);
  for (std::int64_t r = 0; r < sample.rows; ++r)
    codec->emit(r, MutableBytes(run.bytes).subspan(static_cast<std::size_t>(r) * bytes, bytes));
  findings.expect(decode(subject.get(), run.bytes, sample.rows, sample.cols).values == run.rounded.values,
                  "decode gives other values than revise()");
}

inline bool can_move_scales(const EncodingSubject& subject) {
  return can_revise_columns(subject) &&
         subject.get().column_codec(1, subject.long_row(), Effort::normal)->scale_of(ScaleLevel::group, 0) >=
             0;
}

/// What the square of x - q changes by in each row when a shared scale moves.
inline std::vector<ScaleCost> squared_costs(const ColumnCodec& codec, ScaleLevel level, std::int64_t number,
                                            const Sample& wanted, const Sample& now) {
  std::vector<ScaleCost> costs(static_cast<std::size_t>(now.rows));
  std::vector<float> scale(costs.size()), offset(costs.size());
  for (std::int64_t c = 0; c < now.cols; ++c) {
    if (codec.scale_of(level, c) != number) continue;
    codec.directions(level, c, scale, offset);
    for (std::size_t r = 0; r < costs.size(); ++r) {
      const std::size_t i = r * static_cast<std::size_t>(now.cols) + static_cast<std::size_t>(c);
      costs[r].scale_slope += (now.values[i] - wanted.values[i]) * scale[r];
      costs[r].offset_slope += (now.values[i] - wanted.values[i]) * offset[r];
      costs[r].scale_square += scale[r] * scale[r];
      costs[r].product += scale[r] * offset[r];
      costs[r].offset_square += offset[r] * offset[r];
    }
  }
  return costs;
}

inline double squared_error(const Sample& a, const Sample& b, std::int64_t row) {
  double sum = 0;
  for (std::int64_t c = 0; c < a.cols; ++c) {
    const auto i = static_cast<std::size_t>(row * a.cols + c);
    const double d = static_cast<double>(a.values[i]) - static_cast<double>(b.values[i]);
    sum += d * d;
  }
  return sum;
}

/// For weights that moved: the error falls by what rescale() says, and what is emitted is what values() says.
inline void scales_can_be_moved(const EncodingSubject& subject, Findings& findings) {
  const Sample sample = gaussian(subject.rows, subject.long_row(), 93);
  const auto codec = subject.get().column_codec(sample.rows, sample.cols, Effort::normal);
  ColumnRun run = run_columns(subject.get(), sample, *codec, {}, 0.1);
  Sample wanted = sample, now = run.rounded;
  for (float& value : wanted.values) value *= 1.1f;
  std::vector<float> changes(static_cast<std::size_t>(sample.rows)), column(changes.size());
  double moved = 0;
  for (const ScaleLevel level : {ScaleLevel::group, ScaleLevel::super})
    for (std::int64_t c = 0; c < sample.cols; ++c) {
      const std::int64_t number = codec->scale_of(level, c);
      if (number < 0 || (c > 0 && codec->scale_of(level, c - 1) == number)) continue;
      codec->rescale(level, number, squared_costs(*codec, level, number, wanted, now), changes);
      const Sample before = now;
      for (std::int64_t k = 0; k < sample.cols; ++k) {
        codec->values(k, column);
        for (std::size_t r = 0; r < column.size(); ++r)
          now.values[r * static_cast<std::size_t>(sample.cols) + static_cast<std::size_t>(k)] = column[r];
      }
      for (std::int64_t r = 0; r < sample.rows; ++r) {
        const double change = squared_error(wanted, now, r) - squared_error(wanted, before, r),
                     said = static_cast<double>(changes[static_cast<std::size_t>(r)]);
        moved += change;
        findings.expect(said <= 0 && std::fabs(change - said) <= 1e-4 * squared_error(wanted, before, r),
                        "scale ", number, ", row ", r, ": the error changes by ", change, ", not by ", said);
      }
    }
  findings.expect(moved < 0, "scales stay as they are for weights that are larger");
  const std::size_t bytes = subject.get().row_bytes(sample.cols);
  for (std::int64_t r = 0; r < sample.rows; ++r)
    codec->emit(r, MutableBytes(run.bytes).subspan(static_cast<std::size_t>(r) * bytes, bytes));
  findings.expect(decode(subject.get(), run.bytes, sample.rows, sample.cols).values == now.values,
                  "decode gives other values than values()");
}

inline void columns_take_anything(const EncodingSubject& subject, Findings& findings) {
  for (const Sample& sample : hostile_samples(subject.rows, subject.long_row(), 83)) {
    const auto first = subject.get().column_codec(sample.rows, sample.cols, Effort::normal);
    const auto second = subject.get().column_codec(sample.rows, sample.cols, Effort::normal);
    const ColumnRun a = run_columns(subject.get(), sample, *first, {}, 0.0),
                    b = run_columns(subject.get(), sample, *second, {}, 0.0);
    findings.expect(a.bytes == b.bytes, sample.name, ": two runs give different bytes");
    if (keeps_bad_numbers(subject.get().info())) continue;
    const Sample back = decode(subject.get(), a.bytes, sample.rows, sample.cols);
    findings.expect(all_finite(back), sample.name, ": decoded values are not finite");
    findings.expect(back.values == a.rounded.values, sample.name, ": decode gives other values than round()");
    const auto problem = subject.get().check_rows(a.bytes, sample.cols);
    findings.expect(!problem, sample.name, ": check_rows says: ", problem.value_or(""));
  }
}

inline void columns_are_as_good_as_rows(const EncodingSubject& subject, Findings& findings) {
  const Sample sample = gaussian(8, subject.long_row(), 89);
  const auto codec = subject.get().column_codec(sample.rows, sample.cols, Effort::normal);
  const ColumnRun run = run_columns(subject.get(), sample, *codec, {}, 0.0);
  const double columns = relative_error(sample, run.rounded),
               rows = relative_error(sample, stored(subject.get(), sample));
  // Without error feedback the codec is another way to round the same weights; its search may be simpler.
  findings.expect(columns <= 1.5 * rows + 1e-12, "column by column the relative error is ", columns,
                  ", row by row ", rows);
}

}  // namespace pq::testing::encoding_checks
