// What holds for encodings whose rows share bytes of their tensor: Encoding::shared_bytes(), bind() and survey().
#pragma once

#include <polyquant/base/error.hpp>
#include <polyquant/testing/encoding_checks.hpp>

#include <algorithm>
#include <memory>
#include <vector>

namespace pq::testing {

namespace encoding_checks {

inline bool has_shared_bytes(const EncodingSubject& subject) {
  return subject.get().shared_bytes(subject.long_row()) > 0;
}

inline std::shared_ptr<const Encoding> bound_to(const EncodingSubject& subject, const Sample& sample) {
  return subject.get().bind(subject.get().survey(RowsInMemory(sample.matrix())), sample.cols);
}

inline void survey_gives_shared_bytes(const EncodingSubject& subject, Findings& findings) {
  const Encoding& encoding = subject.get();
  for (const std::int64_t cols : subject.lengths())
    for (const std::int64_t rows : {std::int64_t{0}, std::int64_t{1}, subject.rows}) {
      const Sample sample = gaussian(rows, cols, 91);
      const std::vector<std::byte> shared = encoding.survey(RowsInMemory(sample.matrix()));
      findings.expect(shared.size() == encoding.shared_bytes(cols), "survey() of ", rows, " rows of ", cols,
                      " columns gives ", shared.size(), " bytes, shared_bytes() is ",
                      encoding.shared_bytes(cols));
      findings.expect(shared == encoding.survey(RowsInMemory(sample.matrix())),
                      "two surveys give different bytes");
    }
}

inline void bound_rows_decode(const EncodingSubject& subject, Findings& findings) {
  for (const std::int64_t cols : subject.lengths())
    for (const Sample& sample : ordinary_samples(subject.rows, cols, 97)) {
      const auto bound = bound_to(subject, sample), again = bound_to(subject, sample);
      if (!findings.expect(bound != nullptr && again != nullptr, "bind() gives nothing")) return;
      findings.expect(bound->info().spec == subject.get().info().spec, "bound it calls itself '",
                      bound->info().spec, "'");
      findings.expect(bound->row_bytes(cols) == subject.get().row_bytes(cols) &&
                          bound->shared_bytes(cols) == subject.get().shared_bytes(cols),
                      "bound it has other sizes");
      const std::vector<std::byte> bytes = encode(*bound, sample.matrix());
      const Sample back = decode(*bound, bytes, sample.rows, cols);
      findings.expect(relative_error(sample, back) <= kNoWorseThanZeros, sample.name, ", ", cols,
                      " columns: relative error ", relative_error(sample, back));
      findings.expect(decode(*again, bytes, sample.rows, cols).values == back.values, sample.name, ", ", cols,
                      " columns: bound to the same bytes again it decodes other values");
      const auto problem = bound->check_rows(bytes, cols);
      findings.expect(!problem, sample.name, ": check_rows says: ", problem.value_or(""));
    }
}

inline void unbound_is_the_survey_of_no_rows(const EncodingSubject& subject, Findings& findings) {
  for (const std::int64_t cols : subject.lengths()) {
    const auto bound = bound_to(subject, gaussian(0, cols, 101));
    if (!findings.expect(bound != nullptr, "bind() gives nothing")) return;
    const Sample sample = gaussian(subject.rows, cols, 103);
    const std::vector<std::byte> bytes = encode(subject.get(), sample.matrix());
    findings.expect(bytes == encode(*bound, sample.matrix()), cols,
                    " columns: not bound, rows are encoded differently than for the survey of no rows");
    findings.expect(decode(subject.get(), bytes, sample.rows, cols).values ==
                        decode(*bound, bytes, sample.rows, cols).values,
                    cols, " columns: not bound, rows are decoded differently than for the survey of no rows");
  }
}

/// FormatError or an encoding that decodes; anything else is a finding.
inline void try_shared_bytes(const EncodingSubject& subject, Bytes shared, bool may_fit, const char* what,
                             Findings& findings) {
  const Sample sample = gaussian(subject.rows, subject.long_row(), 107);
  try {
    const auto bound = subject.get().bind(shared, sample.cols);
    if (!findings.expect(may_fit && bound != nullptr, what, " are accepted")) return;
    decode(*bound, encode(*bound, sample.matrix()), sample.rows, sample.cols);
  } catch (const FormatError&) {
  }
}

inline void wrong_shared_bytes_are_refused(const EncodingSubject& subject, Findings& findings) {
  const Sample sample = gaussian(subject.rows, subject.long_row(), 109);
  std::vector<std::byte> shared = subject.get().survey(RowsInMemory(sample.matrix()));
  const Bytes all = shared;
  try_shared_bytes(subject, {}, false, "no shared bytes", findings);
  try_shared_bytes(subject, all.first(all.size() - 1), false, "shared bytes without the last", findings);
  std::vector<std::byte> longer = shared;
  longer.push_back(std::byte{0});
  try_shared_bytes(subject, longer, false, "shared bytes with one more", findings);
  for (const int value : {0, 0x7F, 0x80, 0xFF}) {
    std::fill(shared.begin(), shared.end(), static_cast<std::byte>(value));
    try_shared_bytes(subject, shared, true, "shared bytes of one value", findings);
  }
}

}  // namespace encoding_checks

inline std::vector<Check<EncodingSubject>> shared_encoding_checks() {
  using namespace encoding_checks;
  return {
      {"a survey gives shared_bytes, always the same", survey_gives_shared_bytes, has_shared_bytes},
      {"bound to a survey it decodes what it encoded", bound_rows_decode, has_shared_bytes},
      {"not bound it works as if surveyed over no rows", unbound_is_the_survey_of_no_rows, has_shared_bytes},
      {"shared bytes of a wrong length are refused, others do no harm", wrong_shared_bytes_are_refused,
       has_shared_bytes}};
}

}  // namespace pq::testing
