#include "base/printable.hpp"
#include "report/inspect_report.hpp"
#include "report/text_table.hpp"

#include <polyquant/base/text.hpp>

#include <fmt/format.h>

#include <map>

namespace pq {
namespace {

std::string bits_text(std::uint64_t bytes, std::int64_t weights) {
  return weights == 0
             ? "-"
             : fmt::format("{:.3f}", 8.0 * static_cast<double>(bytes) / static_cast<double>(weights));
}

std::string headline(const Inspection& inspection) {
  return fmt::format("{}: {}{}{}, {} tensors, {:.1f} million weights, {}, {:.3f} bits per weight\n",
                     inspection.path.string(), inspection.format, inspection.architecture.empty() ? "" : ", ",
                     inspection.architecture, inspection.header->tensors.size(),
                     static_cast<double>(inspection.parameters) / 1e6, format_bytes(inspection.file_bytes),
                     inspection.bits_per_weight());
}

std::string encodings(const ModelHeader& header) {
  struct Sum {
    std::size_t tensors = 0;
    std::int64_t weights = 0;
    std::uint64_t bytes = 0;
  };
  std::map<std::string, Sum> sums;
  for (const TensorInfo& tensor : header.tensors) {
    Sum& sum = sums[tensor.encoding];
    ++sum.tensors;
    sum.weights += elements(tensor.shape);
    sum.bytes += tensor.bytes();
  }
  std::vector<std::vector<std::string>> rows = {{"encoding", "tensors", "weights", "bytes", "bits"}};
  for (const auto& [encoding, sum] : sums)
    rows.push_back({encoding, std::to_string(sum.tensors), std::to_string(sum.weights),
                    std::to_string(sum.bytes), bits_text(sum.bytes, sum.weights)});
  return fmt::format("\n{}", text_table(rows, {false, true, true, true, true}));
}

std::string metadata(const ModelHeader& header) {
  if (header.metadata.empty()) return {};
  std::vector<std::vector<std::string>> rows = {{"metadata", "type", "value"}};
  for (const auto& [key, value] : header.metadata.entries())
    rows.push_back({key, type_name(value), display(value)});
  return fmt::format("\n{}", text_table(rows));
}

std::string tensors(const ModelHeader& header) {
  std::vector<std::vector<std::string>> rows = {
      {"tensor", "shape", "encoding", "bits", "bytes", "offset", "file"}};
  for (const TensorInfo& tensor : header.tensors)
    rows.push_back({tensor.name, to_string(tensor.shape), tensor.encoding,
                    bits_text(tensor.bytes(), elements(tensor.shape)), std::to_string(tensor.bytes()),
                    std::to_string(tensor.offset), tensor.file});
  return fmt::format("\n{}", text_table(rows, {false, false, false, true, true, true}));
}

std::string side_files(const ModelHeader& header) {
  std::string names;
  for (const SideFile& file : header.side_files) names += (names.empty() ? "" : ", ") + file.name;
  return names.empty() ? std::string() : fmt::format("\nother files: {}\n", names);
}

std::string check(const ModelCheck& check) {
  std::string text = "\n";
  for (const std::string& sentence : check.problems) text += fmt::format("problem: {}\n", sentence);
  for (const std::string& sentence : check.unchecked) text += fmt::format("not checked: {}\n", sentence);
  if (check.problems.empty() && check.unchecked.empty()) text += "check: nothing is wrong\n";
  return text;
}

}  // namespace

std::string inspection_text(const Inspection& inspection) {
  const ModelHeader& header = *inspection.header;
  return printable(headline(inspection) + metadata(header) + side_files(header) + tensors(header) +
                   encodings(header) + (inspection.check ? check(*inspection.check) : ""));
}

std::string tensor_text(const TensorInspection& inspection) {
  const TensorInfo& tensor = inspection.tensor;
  const std::string place =
      tensor.offset == 0 ? "in several places" : fmt::format("at offset {}", tensor.offset);
  std::string text = fmt::format("{}: {} of {}, {} bytes, {} bits per weight, in {} {}\n", tensor.name,
                                 to_string(tensor.shape), tensor.encoding, tensor.bytes(),
                                 bits_text(tensor.bytes(), elements(tensor.shape)), tensor.file, place);
  if (!inspection.statistics)
    return printable(text) +
           fmt::format("no plugin decodes {}, so there are no statistics\n", printable(tensor.encoding));
  const TensorStatistics& statistics = *inspection.statistics;
  text += fmt::format("min {:g}  max {:g}  mean {:g}  rms {:g}  zeros {}  NaN {}  infinite {}\n",
                      statistics.smallest, statistics.largest, statistics.mean(), statistics.rms(),
                      statistics.zeros, statistics.nan, statistics.infinite);
  text += "first";
  for (const float value : inspection.first) text += fmt::format(" {:g}", value);
  return printable(text) +
         (cols(tensor.shape) > static_cast<std::int64_t>(inspection.first.size()) ? " ...\n" : "\n");
}

}  // namespace pq
