// What holds for formats that store encodings whose rows share bytes of their tensor: these come back with the rows.
#pragma once

#include <polyquant/testing/format_model.hpp>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace pq::testing {
namespace format_checks {

/// An encoding and bytes that the rows of a matrix of it share: none that a format could make up.
struct SharedSample {
  std::shared_ptr<const Encoding> encoding;
  std::vector<std::byte> shared;
};

inline std::vector<SharedSample> shared_samples(std::int64_t cols) {
  std::vector<std::byte> scale(sizeof(float)), groups;
  store(scale.data(), 0.375f);
  const auto ordered = std::make_shared<PlainAffine>(true);
  groups.resize(ordered->shared_bytes(cols));
  for (std::int64_t i = 0; i < cols; ++i)  // the last columns first
    store(groups.data() + i * 4, static_cast<std::int32_t>((cols - 1 - i) / 32));
  return {{std::make_shared<SharedScale>(), scale}, {ordered, groups}};
}

/// layout() and the reader count the same tensors of the file as belonging to this one.
inline void expect_planned_bytes(const TensorInfo& found, const OutputTensor& written,
                                 const OutputLayout::Place& place, Findings& findings) {
  const std::uint64_t planned =
      place.bytes != 0 ? place.bytes : written.row_bytes * static_cast<std::uint64_t>(rows(written.shape));
  findings.expect(found.bytes() == planned, written.name, " takes ", found.bytes(), " bytes, planned were ",
                  planned);
}

inline void expect_shared(const ModelReader& reader, const TestModel& model, std::size_t tensor, Bytes shared,
                          const OutputLayout::Place& place, const char* when, Findings& findings) {
  const OutputTensor& written = model.output.tensors[tensor];
  for (std::size_t i = 0; i < reader.header().tensors.size(); ++i) {
    const TensorInfo& found = reader.header().tensors[i];
    if (found.name != written.name) continue;
    findings.expect(found.encoding == written.encoding && found.shape == written.shape, written.name,
                    " has another shape or encoding ", when);
    findings.expect(std::ranges::equal(found.shared, shared), written.encoding, ": the ", shared.size(),
                    " bytes that the rows share do not come back ", when);
    expect_planned_bytes(found, written, place, findings);
    std::vector<std::byte> memory;
    const std::int64_t n = model.rows(tensor);
    findings.expect(std::ranges::equal(reader.rows(i, 0, n, memory), model.bytes(tensor, 0, n)),
                    written.encoding, ": the rows have other bytes ", when);
    return;
  }
  findings.expect(false, written.name, " is missing ", when);
}

/// Each encoding that rejects() lets pass; a format may pass none.
inline void shared_bytes_come_back(const FormatSubject& subject, Findings& findings) {
  if (!can_write(subject, findings)) return;
  for (const SharedSample& sample : shared_samples(TestModel::kMatrixCols)) {
    TestModel model(*subject.format, sample.encoding);
    const std::size_t matrix = model.encoded.size() - 1;
    if (subject.format->rejects(*sample.encoding, model.output.tensors[matrix].shape)) continue;
    const Scratch scratch;
    const OutputLayout::Place place =
        subject.format->layout(scratch.output(), model.output).tensors.at(matrix);
    const auto writer = subject.format->create(scratch.output(), model.output, false);
    writer->write_shared(matrix, sample.shared);
    write_all(*writer, model);
    writer->flush();
    expect_shared(*writer->reopen(), model, matrix, sample.shared, place, "before the seal", findings);
    writer->seal();
    const auto reader = subject.format->open(scratch.output());
    findings.expect(reader->header().tensors.size() == model.encoded.size(), sample.encoding->info().spec,
                    ": ", reader->header().tensors.size(), " tensors of ", model.encoded.size(),
                    " are found");
    expect_shared(*reader, model, matrix, sample.shared, place, "from the sealed output", findings);
  }
}

}  // namespace format_checks
}  // namespace pq::testing
