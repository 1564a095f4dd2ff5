// The older kind of importance matrix (.dat).
#include "calibration/imatrix_reader.hpp"

#include <polyquant/base/bytes.hpp>

#include <fmt/format.h>

#include <algorithm>

namespace pq {
namespace {

constexpr std::uint64_t kLongestName = 4096;
constexpr std::uint64_t kLeastEntryBytes = 3 * sizeof(std::int32_t) + 1 + sizeof(float);

}  // namespace

template <class T>
T ImatrixReader::take(std::uint64_t& at, const std::string& what) const {
  const std::uint64_t size = imatrix_->file_->size();
  if (size - at < sizeof(T)) fail(fmt::format("the file ends at byte {} inside {}", size, what));
  at += sizeof(T);
  return load<T>(imatrix_->file_->bytes(at - sizeof(T), sizeof(T)).data());
}

std::string ImatrixReader::take_text(std::uint64_t& at, std::uint64_t limit, const std::string& what) const {
  const auto length = take<std::int32_t>(at, what);
  if (length < 0 || static_cast<std::uint64_t>(length) > limit)
    fail(fmt::format("{} at byte {} claims {} characters; this is no importance matrix (GGUF or .dat)", what,
                     at, length));
  const auto bytes = static_cast<std::uint64_t>(length);
  if (imatrix_->file_->size() - at < bytes)
    fail(fmt::format("the file ends at byte {} inside {}", imatrix_->file_->size(), what));
  const Bytes text = imatrix_->file_->bytes(at, bytes);
  at += bytes;
  return {reinterpret_cast<const char*>(text.data()), text.size()};
}

ImatrixEntry ImatrixReader::read_legacy_entry(std::uint64_t& at) const {
  ImatrixEntry entry;
  entry.name = take_text(at, kLongestName, "the name of an entry");
  if (entry.name.empty())
    fail(
        fmt::format("the entry before byte {} has no name; this is no importance matrix (GGUF or .dat)", at));
  const std::string what = "the entry '" + entry.name + "'";
  const auto calls = take<std::int32_t>(at, what);
  entry.values = take<std::int32_t>(at, what);
  if (entry.values < 1) fail(fmt::format("{} has {} values", what, entry.values));
  const auto bytes = static_cast<std::uint64_t>(entry.values) * sizeof(float);
  if (imatrix_->file_->size() - at < bytes)
    fail(fmt::format("{} claims {} values, but only {} bytes follow", what, entry.values,
                     imatrix_->file_->size() - at));
  entry.counts = {calls > 0 ? static_cast<double>(calls) : 1.0};  // no calls: the values are means
  entry.places = {at};
  at += bytes;
  return entry;
}

void ImatrixReader::read_legacy_tail(std::uint64_t at) {
  if (at == imatrix_->file_->size()) return;  // an early file: neither chunks nor text
  imatrix_->chunk_count_ = std::max<std::int64_t>(0, take<std::int32_t>(at, "the number of chunks"));
  if (at == imatrix_->file_->size()) return;
  std::string dataset = take_text(at, kLongestName, "the name of the text");
  if (!dataset.empty()) imatrix_->datasets_.push_back(std::move(dataset));
  if (at != imatrix_->file_->size())
    fail(fmt::format("{} bytes follow after the end of the importance matrix", imatrix_->file_->size() - at));
}

void ImatrixReader::read_legacy() {
  imatrix_->file_ = std::make_shared<const MappedFile>(imatrix_->path_);
  std::uint64_t at = 0;
  const auto count = take<std::int32_t>(at, "the number of entries");
  const std::uint64_t most = imatrix_->file_->size() / kLeastEntryBytes;
  if (count < 1 || static_cast<std::uint64_t>(count) > most)
    fail(fmt::format("{} entries do not fit into {} bytes; this is no importance matrix (GGUF or .dat)",
                     count, imatrix_->file_->size()));
  for (std::int32_t i = 0; i < count; ++i) add(read_legacy_entry(at));
  read_legacy_tail(at);
}

}  // namespace pq
