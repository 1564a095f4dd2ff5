// The GGUF kind of importance matrix.
#include "calibration/imatrix_reader.hpp"

#include "model/open_model.hpp"

#include <polyquant/base/bytes.hpp>
#include <polyquant/base/error.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <fstream>
#include <map>

namespace pq {
namespace {

constexpr std::string_view kSums = ".in_sum2";
constexpr std::string_view kCounts = ".counts";

bool is_gguf(const std::filesystem::path& path) {
  std::array<char, 4> head = {};
  std::ifstream(path, std::ios::binary).read(head.data(), head.size());
  return std::string_view(head.data(), head.size()) == "GGUF";
}

}  // namespace

std::shared_ptr<const Imatrix> ImatrixReader::read(const PluginRegistry& registry) {
  if (is_gguf(imatrix_->path_))
    read_gguf(open_model(imatrix_->path_, registry).reader);
  else
    read_legacy();
  finish();
  return imatrix_;
}

void ImatrixReader::fail(const std::string& what) const {
  throw FormatError(imatrix_->path_.string() + ": " + what);
}

void ImatrixReader::add(ImatrixEntry entry) { imatrix_->entries_.push_back(std::move(entry)); }

void ImatrixReader::finish() {
  auto& entries = imatrix_->entries_;
  stack_experts();
  if (entries.empty()) fail("the importance matrix has no entries");
  std::sort(entries.begin(), entries.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
  const auto twice = std::adjacent_find(entries.begin(), entries.end(),
                                        [](const auto& a, const auto& b) { return a.name == b.name; });
  if (twice != entries.end()) fail(fmt::format("the entry '{}' is there twice", twice->name));
}

void ImatrixReader::read_metadata(const Metadata& metadata) {
  if (metadata.string("general.type", "") != "imatrix")
    fail(
        "this GGUF file is no importance matrix (general.type is not 'imatrix'); `polyquant imatrix` "
        "measures one");
  if (const MetaValue* datasets = metadata.find("imatrix.datasets"))
    if (const auto* list = std::get_if<std::vector<std::string>>(datasets)) imatrix_->datasets_ = *list;
  imatrix_->chunk_count_ = metadata.integer("imatrix.chunk_count", 0);
  imatrix_->chunk_size_ = metadata.integer("imatrix.chunk_size", 0);
  if (imatrix_->chunk_count_ < 0 || imatrix_->chunk_size_ < 0)
    fail("imatrix.chunk_count and imatrix.chunk_size must not be negative");
  for (const char* key : {"imatrix.datasets", "imatrix.chunk_count", "imatrix.chunk_size"})
    if (metadata.find(key) == nullptr)
      imatrix_->warnings_.push_back(fmt::format(
          "{}: key '{}' is missing; llama-quantize would refuse the file", imatrix_->path_.string(), key));
}

std::vector<double> ImatrixReader::read_counts(const TensorInfo& counts, const std::string& name) const {
  const auto& tensors = imatrix_->reader_->header().tensors;
  const auto index = static_cast<std::size_t>(&counts - tensors.data());
  std::vector<std::byte> scratch;
  const Bytes bytes = imatrix_->reader_->rows(index, 0, rows(counts.shape), scratch);
  std::vector<double> result;
  for (std::size_t at = 0; at + sizeof(float) <= bytes.size(); at += sizeof(float)) {
    const float count = load<float>(bytes.data() + at);
    if (!std::isfinite(count) || count < 0) fail(fmt::format("a count of '{}' is {}", name, count));
    result.push_back(std::round(static_cast<double>(count)));  // whole numbers, stored as f32
  }
  return result;
}

void ImatrixReader::add_pair(const std::string& name, const TensorInfo* sums, const TensorInfo* counts) {
  if (sums == nullptr || counts == nullptr)
    fail(fmt::format("'{}' has {} but no {}", name, sums == nullptr ? kCounts : kSums,
                     sums == nullptr ? kSums : kCounts));
  if (sums->encoding != "f32" || counts->encoding != "f32")
    fail(fmt::format("the sums and counts of '{}' must be f32, not {} and {}", name, sums->encoding,
                     counts->encoding));
  ImatrixEntry entry;
  entry.name = name;
  entry.values = elements(sums->shape);
  entry.places = {static_cast<std::uint64_t>(sums - imatrix_->reader_->header().tensors.data())};
  entry.counts = read_counts(*counts, name);
  if (entry.values == 0 || entry.counts.empty() ||
      entry.values % static_cast<std::int64_t>(entry.counts.size()) != 0)
    fail(fmt::format("the {} values of '{}' cannot be shared among its {} counts", entry.values, name,
                     entry.counts.size()));
  add(std::move(entry));
}

void ImatrixReader::read_gguf(std::shared_ptr<const ModelReader> reader) {
  imatrix_->reader_ = std::move(reader);
  const ModelHeader& header = imatrix_->reader_->header();
  read_metadata(header.metadata);
  std::map<std::string, std::pair<const TensorInfo*, const TensorInfo*>> pairs;
  for (const TensorInfo& tensor : header.tensors) {
    const auto stem = [&](std::string_view suffix) {
      return tensor.name.substr(0, tensor.name.size() - suffix.size());
    };
    // Other statistics, such as .in_sum, are not needed.
    if (tensor.name.ends_with(kSums)) pairs[stem(kSums)].first = &tensor;
    if (tensor.name.ends_with(kCounts)) pairs[stem(kCounts)].second = &tensor;
  }
  for (const auto& [name, pair] : pairs) add_pair(name, pair.first, pair.second);
}

}  // namespace pq
