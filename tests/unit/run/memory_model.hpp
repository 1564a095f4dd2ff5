// A model and a format in memory, to test runs without files.
#pragma once

#include "model/view.hpp"
#include "plan/plan.hpp"

#include <polyquant/base/error.hpp>
#include <polyquant/base/half.hpp>

#include <atomic>
#include <memory>
#include <random>
#include <string>
#include <vector>

namespace pq::test {

/// Tensors of any encoding in memory; counts how often rows are read.
class MemoryReader final : public ModelReader {
 public:
  void add(std::string name, Shape shape, std::string encoding, std::vector<std::byte> bytes) {
    TensorInfo info{std::move(name), std::move(shape), std::move(encoding), 0, "memory", offset_};
    if (!bytes.empty()) info.row_bytes = bytes.size() / static_cast<std::size_t>(rows(info.shape));
    offset_ += bytes.size();
    header_.tensors.push_back(std::move(info));
    data_.push_back(std::move(bytes));
  }
  const ModelHeader& header() const override { return header_; }
  Bytes rows(std::size_t tensor, std::int64_t first, std::int64_t count,
             std::vector<std::byte>&) const override {
    ++reads;
    const std::size_t row_bytes = header_.tensors[tensor].row_bytes;
    return Bytes(data_[tensor])
        .subspan(static_cast<std::size_t>(first) * row_bytes, static_cast<std::size_t>(count) * row_bytes);
  }
  void release(std::size_t, std::int64_t, std::int64_t count) const override {
    if (released_rows != nullptr) *released_rows += count;
  }
  std::vector<std::byte>& data(std::size_t tensor) { return data_[tensor]; }
  mutable std::atomic<int> reads{0};
  std::shared_ptr<std::atomic<std::int64_t>> released_rows;  // counted there, if anywhere

 private:
  using ModelReader::rows;
  static std::int64_t rows(const Shape& shape) { return pq::rows(shape); }
  ModelHeader header_;
  std::vector<std::vector<std::byte>> data_;
  std::uint64_t offset_ = 0;
};

/// What outlives a writer: the partial bytes, and what became of them.
struct MemoryDisk {
  std::shared_ptr<MemoryReader> content;
  std::shared_ptr<std::atomic<std::int64_t>> released_rows = std::make_shared<std::atomic<std::int64_t>>(0);
  bool exists = false, sealed = false, kept = false;
  bool flips_a_byte = false;  // a failing disk
  bool is_full = false;       // when all is written
  bool cannot_start = false;  // full before that
};

class MemoryWriter final : public ModelWriter {
 public:
  MemoryWriter(const OutputModel& model, MemoryDisk& disk, bool resume) : disk_(disk) {
    if (resume && disk.exists) return;
    disk.content = std::make_shared<MemoryReader>();
    for (const OutputTensor& t : model.tensors)
      disk.content->add(t.name, t.shape, t.encoding,
                        std::vector<std::byte>(t.row_bytes * static_cast<std::size_t>(rows(t.shape))));
    disk.exists = true;
  }
  ~MemoryWriter() override {
    if (!disk_.sealed && !disk_.kept) disk_.exists = false;
  }
  void write_rows(std::size_t tensor, std::int64_t first, Bytes bytes) override {
    const std::size_t at =
        static_cast<std::size_t>(first) * disk_.content->header().tensors[tensor].row_bytes;
    std::copy(bytes.begin(), bytes.end(),
              disk_.content->data(tensor).begin() + static_cast<std::ptrdiff_t>(at));
    if (disk_.flips_a_byte) disk_.content->data(tensor)[at] ^= std::byte{1};
  }
  void flush() override {}
  void keep() noexcept override { disk_.kept = true; }
  void seal() override {
    if (disk_.is_full) throw ResourceError("the disk is full");
    disk_.sealed = true;
  }
  std::unique_ptr<ModelReader> reopen() const override {
    auto copy = std::make_unique<MemoryReader>();
    copy->released_rows = disk_.released_rows;
    for (std::size_t i = 0; i < disk_.content->header().tensors.size(); ++i) {
      const TensorInfo& t = disk_.content->header().tensors[i];
      copy->add(t.name, t.shape, t.encoding, disk_.content->data(i));
    }
    return copy;
  }

 private:
  MemoryDisk& disk_;
};

class MemoryFormat final : public Format {
 public:
  explicit MemoryFormat(MemoryDisk& disk) : disk_(disk) {}
  const FormatInfo& info() const override { return info_; }
  int probe(const Probe&) const override { return 0; }
  std::unique_ptr<ModelReader> open(const std::filesystem::path&) const override { return nullptr; }
  std::optional<std::string> rejects(const Encoding&, const Shape&) const override { return std::nullopt; }
  OutputLayout layout(const std::filesystem::path&, const OutputModel& model) const override {
    return {{{"memory", 0}}, std::vector<OutputLayout::Place>(model.tensors.size())};
  }
  std::unique_ptr<ModelWriter> create(const std::filesystem::path&, const OutputModel& model,
                                      bool resume) const override {
    if (disk_.cannot_start) throw ResourceError("the disk is full");
    return std::make_unique<MemoryWriter>(model, disk_, resume);
  }

 private:
  MemoryDisk& disk_;
  FormatInfo info_{"memory", "In memory.", Dialect::huggingface, false, true};
};

/// Seeded normal weights as bf16 bytes.
inline std::vector<std::byte> random_bf16(std::int64_t count, unsigned seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal(0.0f, 0.05f);
  std::vector<std::byte> bytes(static_cast<std::size_t>(count) * 2);
  for (std::int64_t i = 0; i < count; ++i) store(bytes.data() + 2 * i, bf16_from(normal(random)));
  return bytes;
}

}  // namespace pq::test
