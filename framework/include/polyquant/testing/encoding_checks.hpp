// What holds for every encoding, tried on one.
#pragma once

#include <polyquant/testing/measure.hpp>

#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

namespace pq::testing {

/// An encoding to check, and how to get one from a spec (as files name it).
struct EncodingSubject {
  std::shared_ptr<const Encoding> encoding;
  std::function<std::shared_ptr<const Encoding>(const std::string& spec)> from_spec;
  std::int64_t rows = 3;

  const Encoding& get() const { return *encoding; }
  /// Row lengths: one block, some blocks, and about a thousand columns.
  std::vector<std::int64_t> lengths() const {
    const std::int64_t block = encoding->info().block_cols;
    const std::int64_t many = (1000 + block - 1) / block;
    return {block, 3 * block, many * block};
  }
  std::int64_t long_row() const { return lengths().back(); }
};

/// No encoding may be worse than storing zeros; a little more for the rounding of scales that are nearly nothing.
constexpr double kNoWorseThanZeros = 1.01;

namespace encoding_checks {

inline void info_is_sane(const EncodingSubject& subject, Findings& findings) {
  const EncodingInfo& info = subject.get().info();
  findings.expect(!info.id.empty() && !info.summary.empty(), "id or summary is empty");
  findings.expect(info.summary.find('\n') == std::string::npos, "the summary has more than one line");
  findings.expect(info.spec == info.id || info.spec.starts_with(info.id + ":"), "spec '", info.spec,
                  "' does not begin with the id '", info.id, "'");
  findings.expect(info.block_cols >= 1, "block_cols is ", info.block_cols);
  findings.expect(info.bits_per_weight > 0 && info.bits_per_weight <= 64, "bits_per_weight is ",
                  info.bits_per_weight);
  findings.expect(info.grid.code_bits >= 0 && info.grid.group_cols >= -1, "the grid has negative sizes");
}

inline void spec_parses_back(const EncodingSubject& subject, Findings& findings) {
  const std::string& spec = subject.get().info().spec;
  const auto again = subject.from_spec(spec);
  if (!findings.expect(again != nullptr, "nothing is known as '", spec, "'")) return;
  findings.expect(again->info().spec == spec, "'", spec, "' comes back as '", again->info().spec, "'");
  const Sample sample = gaussian(subject.rows, subject.long_row(), 1);
  findings.expect(encode(*again, sample.matrix()) == encode(subject.get(), sample.matrix()),
                  "the two encode differently");
}

inline void row_bytes_is_pure(const EncodingSubject& subject, Findings& findings) {
  const Encoding& encoding = subject.get();
  const std::int64_t block = encoding.info().block_cols;
  std::size_t last = 0;
  for (std::int64_t n = 1; n <= 64; ++n) {
    const std::size_t bytes = encoding.row_bytes(n * block);
    findings.expect(bytes == encoding.row_bytes(n * block), "row_bytes(", n * block, ") changes");
    findings.expect(bytes >= last && bytes > 0, "row_bytes(", n * block, ") = ", bytes,
                    ", for one block less it is ", last);
    last = bytes;
  }
}

inline void bits_agree(const EncodingSubject& subject, Findings& findings) {
  const std::int64_t cols = subject.get().info().block_cols * std::int64_t{1 << 16};
  const double bits = 8.0 * static_cast<double>(subject.get().row_bytes(cols)) / static_cast<double>(cols);
  findings.expect(std::fabs(bits / subject.get().info().bits_per_weight - 1.0) < 0.01, "bits_per_weight is ",
                  subject.get().info().bits_per_weight, ", a long row has ", bits);
}

inline void error_is_bounded(const EncodingSubject& subject, Findings& findings) {
  for (const Effort effort : {Effort::fast, Effort::normal, Effort::best}) {
    for (const std::int64_t cols : subject.lengths()) {
      for (const Sample& sample : ordinary_samples(subject.rows, cols, 7)) {
        const Sample back = stored(subject.get(), sample, {}, effort);
        findings.expect(all_finite(back), sample.name, ", ", cols, " columns: decoded values are not finite");
        const double error = relative_error(sample, back);
        findings.expect(error <= kNoWorseThanZeros, sample.name, ", ", cols, " columns: relative error ",
                        error);
      }
    }
    const Sample sample = gaussian(8, subject.long_row(), 11);
    const double error = relative_error(sample, stored(subject.get(), sample, {}, effort));
    const double bound = error_bound(subject.get().info(), subject.long_row());
    findings.expect(error <= bound, "gaussian weights have relative error ", error, "; this grid allows ",
                    bound);
  }
}

inline void decoded_values_stay(const EncodingSubject& subject, Findings& findings) {
  for (const Sample& sample : ordinary_samples(subject.rows, subject.long_row(), 13)) {
    const Sample once = stored(subject.get(), sample);
    const double first = relative_error(sample, once),
                 second = relative_error(once, stored(subject.get(), once));
    findings.expect(second <= first + 1e-9, sample.name, ": encoding decoded values adds the relative error ",
                    second, " to ", first);
  }
}

inline void rows_are_independent(const EncodingSubject& subject, Findings& findings) {
  const Sample sample = gaussian(5, subject.long_row(), 17);
  const auto encoder = subject.get().encoder({sample.cols, {}, Effort::normal});
  const std::size_t bytes = subject.get().row_bytes(sample.cols);
  const std::vector<std::byte> whole = encode(subject.get(), sample.matrix());
  for (std::int64_t first = 0; first < 5; ++first) {
    for (const std::int64_t count : {std::int64_t{1}, 5 - first}) {
      std::vector<std::byte> part(bytes * static_cast<std::size_t>(count));
      encoder->encode(sample.matrix().slice(first, count), part);
      const bool same =
          std::equal(part.begin(), part.end(),
                     whole.begin() + static_cast<std::ptrdiff_t>(first) * static_cast<std::ptrdiff_t>(bytes));
      findings.expect(same, "rows ", first, " to ", first + count - 1,
                      " alone have other bytes than among all");
    }
  }
}

inline void distance_between_rows_does_not_matter(const EncodingSubject& subject, Findings& findings) {
  const Sample sample = gaussian(subject.rows, subject.long_row(), 19);
  const std::int64_t stride = sample.cols + 5;
  std::vector<float> wide(static_cast<std::size_t>(sample.rows * stride),
                          std::numeric_limits<float>::quiet_NaN());
  for (std::int64_t r = 0; r < sample.rows; ++r)
    std::copy(sample.matrix().row(r).begin(), sample.matrix().row(r).end(), wide.begin() + r * stride);
  const std::vector<std::byte> bytes = encode(subject.get(), {wide.data(), sample.rows, sample.cols, stride});
  findings.expect(bytes == encode(subject.get(), sample.matrix()),
                  "rows with gaps between them are encoded differently");
  std::vector<float> out(wide.size(), 42.0f);
  subject.get().decode(bytes, {out.data(), sample.rows, sample.cols, stride});
  const Sample plain = decode(subject.get(), bytes, sample.rows, sample.cols);
  for (std::int64_t r = 0; r < sample.rows; ++r) {
    const auto row = out.begin() + r * stride;
    findings.expect(std::equal(row, row + sample.cols, plain.matrix().row(r).begin()), "row ", r,
                    " is decoded differently into rows with gaps");
    findings.expect(std::all_of(row + sample.cols, row + stride, [](float v) { return v == 42.0f; }),
                    "decode writes into the gap after row ", r);
  }
}

inline void threads_do_not_matter(const EncodingSubject& subject, Findings& findings) {
  const Sample sample = gaussian(subject.rows, subject.long_row(), 23);
  const std::vector<std::byte> expected = encode(subject.get(), sample.matrix());
  const Sample decoded = decode(subject.get(), expected, sample.rows, sample.cols);
  const auto shared = subject.get().encoder({sample.cols, {}, Effort::normal});
  constexpr int kThreads = 4;
  std::vector<int> wrong(kThreads, 0);
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t)
    threads.emplace_back([&, t] {
      for (int repeat = 0; repeat < 3; ++repeat) {
        std::vector<std::byte> bytes(expected.size());
        shared->encode(sample.matrix(), bytes);
        wrong[static_cast<std::size_t>(t)] += bytes != expected;
        wrong[static_cast<std::size_t>(t)] +=
            decode(subject.get(), bytes, sample.rows, sample.cols).values != decoded.values;
      }
    });
  for (std::thread& thread : threads) thread.join();
  for (const int count : wrong)
    findings.expect(count == 0, "threads that encode at the same time get different bytes");
}

/// A floating-point format keeps NaN and infinities; a grid, and numbers with a common scale, have none.
inline bool keeps_bad_numbers(const EncodingInfo& info) {
  return info.grid.family == GridFamily::floating && info.grid.group_cols == 0;
}

inline bool has_finite_values_only(const EncodingSubject& subject) {
  return !keeps_bad_numbers(subject.get().info());
}

inline void anything_can_be_encoded(const EncodingSubject& subject, Findings& findings) {
  const bool has_bad_numbers = keeps_bad_numbers(subject.get().info());
  for (const Effort effort : {Effort::fast, Effort::normal, Effort::best})
    for (const Sample& sample : hostile_samples(subject.rows, subject.long_row(), 29)) {
      const std::vector<std::byte> bytes = encode(subject.get(), sample.matrix(), {}, effort);
      findings.expect(bytes == encode(subject.get(), sample.matrix(), {}, effort), sample.name,
                      ": two runs give different bytes");
      const Sample back = decode(subject.get(), bytes, sample.rows, sample.cols);
      if (has_bad_numbers) continue;
      findings.expect(all_finite(back), sample.name, ": decoded values are not finite");
      const auto problem = subject.get().check_rows(bytes, sample.cols);
      findings.expect(!problem, sample.name, ": check_rows says: ", problem.value_or(""));
    }
}

inline void bad_weights_spoil_few_others(const EncodingSubject& subject, Findings& findings) {
  // One NaN in every eighth block, all others stay ordinary: zeros in their place are no worse for the rest.
  const Sample clean = gaussian(4, subject.long_row(), 33);
  Sample spoilt = clean, zeroed = clean;
  const auto step = static_cast<std::size_t>(8 * subject.get().info().block_cols);
  for (std::size_t i = 1; i < clean.values.size(); i += step) {
    spoilt.values[i] = std::numeric_limits<float>::quiet_NaN();
    zeroed.values[i] = 0.0f;
  }
  const double with_nan = relative_error(zeroed, stored(subject.get(), spoilt)),
               with_zero = relative_error(zeroed, stored(subject.get(), zeroed));
  findings.expect(with_nan <= 1.01 * with_zero + 1e-9,
                  "a NaN counts as something else than 0: relative error ", with_nan,
                  ", with zeros in its place ", with_zero);
}

inline void a_bad_row_spoils_no_other(const EncodingSubject& subject, Findings& findings) {
  const Sample clean = gaussian(3, subject.long_row(), 31);
  Sample spoilt = clean;
  for (std::int64_t c = 0; c < clean.cols; ++c)
    spoilt.values[static_cast<std::size_t>(clean.cols + c)] =
        c % 2 == 0 ? std::numeric_limits<float>::quiet_NaN() : std::numeric_limits<float>::infinity();
  const auto a = encode(subject.get(), clean.matrix()), b = encode(subject.get(), spoilt.matrix());
  const auto row = static_cast<std::ptrdiff_t>(subject.get().row_bytes(clean.cols));
  findings.expect(std::equal(a.begin(), a.begin() + row, b.begin()), "NaN in row 1 changes row 0");
  findings.expect(std::equal(a.begin() + 2 * row, a.end(), b.begin() + 2 * row),
                  "NaN in row 1 changes row 2");
}

inline void zeros_stay_zero(const EncodingSubject& subject, Findings& findings) {
  const Sample back = stored(subject.get(), zeros(subject.rows, subject.long_row()));
  for (const float value : back.values)
    if (!findings.expect(value == 0.0f, "a row of zeros is decoded as ", value)) return;
}

inline void memory_is_respected(const EncodingSubject& subject, Findings& findings) {
  for (const std::int64_t cols : subject.lengths()) {
    const Sample sample = gaussian(subject.rows, cols, 37);
    const std::vector<std::byte> expected = encode(subject.get(), sample.matrix());
    GuardedBytes out(expected.size());
    subject.get().encoder({cols, {}, Effort::normal})->encode(sample.matrix(), out.bytes());
    findings.expect(out.copy() == expected, cols, " columns: bytes at an odd address are different");
    findings.expect(out.intact(), cols, " columns: encode writes beside its output");
    GuardedBytes values(sample.values.size() * sizeof(float) +
                        3);  // the odd address and 3 bytes: aligned for float
    auto* first = reinterpret_cast<float*>(
        values.bytes().data() + (4 - reinterpret_cast<std::uintptr_t>(values.bytes().data()) % 4) % 4);
    subject.get().decode(out.bytes(), {first, sample.rows, cols, cols});
    const Sample back = decode(subject.get(), expected, sample.rows, cols);
    findings.expect(std::equal(back.values.begin(), back.values.end(), first), cols,
                    " columns: bytes at an odd address are decoded differently");
    findings.expect(values.intact(), cols, " columns: decode writes beside its output");
  }
}

inline void own_rows_are_valid(const EncodingSubject& subject, Findings& findings) {
  for (const Sample& sample : ordinary_samples(subject.rows, subject.long_row(), 41)) {
    const auto problem = subject.get().check_rows(encode(subject.get(), sample.matrix()), sample.cols);
    findings.expect(!problem, sample.name, ": check_rows says: ", problem.value_or(""));
  }
}

}  // namespace encoding_checks

inline std::vector<Check<EncodingSubject>> basic_encoding_checks() {
  using namespace encoding_checks;
  return {
      {"the description is sane", info_is_sane},
      {"the spec names the same encoding", spec_parses_back},
      {"row_bytes is pure and never falls with the length", row_bytes_is_pure},
      {"bits_per_weight agrees with row_bytes", bits_agree},
      {"decoded weights are finite and close, at every effort", error_is_bounded},
      {"encoding decoded weights again changes little", decoded_values_stay},
      {"rows are encoded independently of each other", rows_are_independent},
      {"the distance between rows does not matter", distance_between_rows_does_not_matter},
      {"any thread may encode and decode", threads_do_not_matter},
      {"NaN, infinities, denormals and zeros have defined bytes and finite values", anything_can_be_encoded},
      {"a NaN counts as zero", bad_weights_spoil_few_others, has_finite_values_only},
      {"a row of NaN spoils no other row", a_bad_row_spoils_no_other},
      {"zeros stay zero", zeros_stay_zero},
      {"unaligned bytes work and nothing is written beside them", memory_is_respected},
      {"check_rows accepts what the encoder wrote", own_rows_are_valid}};
}

}  // namespace pq::testing
