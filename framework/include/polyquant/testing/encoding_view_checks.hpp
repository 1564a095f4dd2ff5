// What holds for importance and the affine view of every encoding that has them, and all checks of an encoding.
#pragma once

#include <polyquant/testing/encoding_checks.hpp>
#include <polyquant/testing/encoding_column_checks.hpp>
#include <polyquant/testing/encoding_shared_checks.hpp>

namespace pq::testing {
namespace encoding_checks {

inline void no_importance_means_equal(const EncodingSubject& subject, Findings& findings) {
  const Sample sample = gaussian(subject.rows, subject.long_row(), 43);
  const std::vector<float> ones(static_cast<std::size_t>(sample.cols), 1.0f);
  // The optimum is the same; an encoding may search harder for it when an importance is given.
  const double without = relative_error(sample, stored(subject.get(), sample)),
               with = relative_error(sample, stored(subject.get(), sample, ones));
  findings.expect(with <= without * (1.0 + 1e-6), "the error is ", with,
                  " with an importance of 1 everywhere, ", without, " with none");
}

inline void zero_importance_is_harmless(const EncodingSubject& subject, Findings& findings) {
  const Sample sample = gaussian(subject.rows, subject.long_row(), 47);
  const auto cols = static_cast<std::size_t>(sample.cols);
  std::vector<float> half(cols, 1.0f);
  std::fill(half.begin(), half.begin() + static_cast<std::ptrdiff_t>(cols / 2), 0.0f);
  for (const std::vector<float>& importance :
       {std::vector<float>(cols, 0.0f), half, lognormal_importance(sample.cols, 3)}) {
    const Sample back = stored(subject.get(), sample, importance);
    findings.expect(all_finite(back), "columns without importance are decoded as NaN or infinite");
    findings.expect(relative_error(sample, back) <= kNoWorseThanZeros,
                    "columns without importance have relative error ", relative_error(sample, back));
  }
}

inline void bad_importance_is_harmless(const EncodingSubject& subject, Findings& findings) {
  using Limits = std::numeric_limits<float>;
  const Sample sample = gaussian(subject.rows, subject.long_row(), 49);
  for (const float odd :
       {Limits::quiet_NaN(), Limits::infinity(), -1.0f, Limits::max(), Limits::denorm_min()}) {
    std::vector<float> some = lognormal_importance(sample.cols, 4);
    for (std::size_t i = 0; i < some.size(); i += 7) some[i] = odd;
    for (const std::vector<float>& importance :
         {some, std::vector<float>(static_cast<std::size_t>(sample.cols), odd)}) {
      const Sample back = stored(subject.get(), sample, importance);
      findings.expect(all_finite(back), "an importance of ", odd, " gives values that are not finite");
      // A single column may count for all.
      findings.expect(relative_error(sample, back) <= 4.0, "with an importance of ", odd,
                      " the relative error is ", relative_error(sample, back));
    }
  }
}

inline void importance_is_used(const EncodingSubject& subject, Findings& findings) {
  const Sample sample = gaussian(16, subject.long_row(), 53);
  const std::vector<float> importance = lognormal_importance(sample.cols, 59);
  for (const Effort effort : {Effort::normal, Effort::best}) {
    const double with = relative_error(sample, stored(subject.get(), sample, importance, effort), importance),
                 without = relative_error(sample, stored(subject.get(), sample, {}, effort), importance);
    // Among thousands of weights of unequal importance there are always some that are worth another scale or code.
    if (subject.get().info().uses_importance)
      findings.expect(with < without, "the weighted error is ", with, " with importance, ", without,
                      " without");
    else
      findings.expect(with == without, "uses_importance is false, but importance changes the result");
  }
}

/// The row that an affine view stands for.
inline std::vector<float> values_of(const AffineRow& row) {
  std::vector<float> values;
  for (std::size_t i = 0; i < row.codes.size(); ++i) {
    const std::size_t group = i / static_cast<std::size_t>(row.group_cols);
    const float product = row.scales[group] * static_cast<float>(row.codes[i]);
    values.push_back(product + row.offsets[group]);
  }
  return values;
}

inline bool is_complete(const AffineRow& row, std::int64_t cols) {
  if (row.group_cols < 1 || row.codes.size() != static_cast<std::size_t>(cols)) return false;
  const auto groups = static_cast<std::size_t>((cols + row.group_cols - 1) / row.group_cols);
  return row.scales.size() == groups && row.offsets.size() == groups;
}

inline bool has_affine_view(const EncodingSubject& subject) {
  AffineRow row;
  const Sample sample = gaussian(1, subject.long_row(), 67);
  return subject.get().unpack_affine(encode(subject.get(), sample.matrix()), sample.cols, row);
}

inline void affine_view_is_exact(const EncodingSubject& subject, Findings& findings) {
  const std::int64_t cols = subject.long_row();
  for (const Sample& sample : ordinary_samples(1, cols, 61)) {
    const std::vector<std::byte> bytes = encode(subject.get(), sample.matrix());
    AffineRow row;
    if (!subject.get().unpack_affine(bytes, cols, row)) continue;  // not exact for this row
    if (!findings.expect(is_complete(row, cols), sample.name, ": the view's sizes do not fit ", cols,
                         " columns"))
      return;
    const Sample back = decode(subject.get(), bytes, 1, cols);
    findings.expect(values_of(row) == back.values, sample.name,
                    ": scale * code + offset is not what decode gives");
    std::vector<std::byte> again(bytes.size());
    if (!findings.expect(subject.get().pack_affine(row, again), sample.name, ": its own view does not fit"))
      continue;
    findings.expect(decode(subject.get(), again, 1, cols).values == back.values, sample.name,
                    ": packing its own view changes values");
  }
}

/// The view of an encoded row, or for encodings without one a row as others have it.
inline AffineRow any_affine_row(const EncodingSubject& subject) {
  const std::int64_t cols = subject.long_row();
  AffineRow row;
  if (subject.get().unpack_affine(encode(subject.get(), gaussian(1, cols, 67).matrix()), cols, row))
    return row;
  row = {static_cast<int>(std::max<std::int64_t>(subject.get().info().block_cols, 32)), {}, {}, {}};
  const auto groups = static_cast<std::size_t>((cols + row.group_cols - 1) / row.group_cols);
  row.scales.assign(groups, 0.03125f);
  row.offsets.assign(groups, 0.0f);
  for (std::int64_t c = 0; c < cols; ++c) row.codes.push_back(static_cast<std::int32_t>(c % 15) - 7);
  return row;
}

inline void affine_packing_is_exact_or_refused(const EncodingSubject& subject, Findings& findings) {
  const std::int64_t cols = subject.long_row();
  const AffineRow row = any_affine_row(subject);
  std::vector<std::byte> bytes(subject.get().row_bytes(cols));
  const auto try_to_pack = [&](const AffineRow& changed, const char* what) {
    const bool packed = subject.get().pack_affine(changed, bytes);
    findings.expect(!packed || decode(subject.get(), bytes, 1, cols).values == values_of(changed), what,
                    " is packed, but not exactly");
  };
  try_to_pack(row, "a row");
  AffineRow changed = row;
  changed.codes[0] = 1 << 20;
  try_to_pack(changed, "a code of 2^20");
  changed = row;
  changed.codes.back() = -(1 << 20);
  try_to_pack(changed, "a code of -2^20");
  changed = row;
  changed.scales[0] = std::nextafter(changed.scales[0], 1.0f);
  try_to_pack(changed, "a scale with one bit more");
  changed = row;
  changed.offsets.back() = std::nextafter(changed.offsets.back(), 1.0f);
  try_to_pack(changed, "an offset with one bit more");
  changed = row;
  changed.scales[0] = std::numeric_limits<float>::infinity();
  findings.expect(!subject.get().pack_affine(changed, bytes), "an infinite scale is packed");
}

}  // namespace encoding_checks

/// The checks that check_encoding() does.
inline std::vector<Check<EncodingSubject>> all_encoding_checks() {
  using namespace encoding_checks;
  std::vector<Check<EncodingSubject>> checks = basic_encoding_checks();
  const std::vector<Check<EncodingSubject>> more = {
      {"no importance means the same for all columns", no_importance_means_equal},
      {"columns of no importance are harmless", zero_importance_is_harmless},
      {"importance that is NaN, infinite or negative is harmless", bad_importance_is_harmless},
      {"importance is used if uses_importance says so", importance_is_used},
      {"the affine view is exact", affine_view_is_exact, has_affine_view},
      {"an affine row is packed exactly or refused", affine_packing_is_exact_or_refused},
      {"there is a column codec for every size or for none", columns_do_not_depend_on_sizes},
      {"the column codec emits what it rounded to", columns_decode_to_what_was_rounded, has_column_codec},
      {"the column codec can choose codes again", columns_can_be_revised, can_revise_columns},
      {"the column codec can move its scales", scales_can_be_moved, can_move_scales},
      {"the column codec takes NaN, infinities, denormals and zeros", columns_take_anything,
       has_column_codec},
      {"the column codec is about as good as the row encoder", columns_are_as_good_as_rows,
       has_column_codec}};
  checks.insert(checks.end(), more.begin(), more.end());
  const std::vector<Check<EncodingSubject>> shared = shared_encoding_checks();
  checks.insert(checks.end(), shared.begin(), shared.end());
  return checks;
}

/// All checks of one encoding.
inline std::vector<CheckResult> check_encoding(const EncodingSubject& subject) {
  std::vector<CheckResult> results;
  run_checks("encoding " + subject.get().info().spec, subject, all_encoding_checks(), results);
  return results;
}

}  // namespace pq::testing
