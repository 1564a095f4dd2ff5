#include "bitsandbytes/writer.hpp"

#include "bitsandbytes/reader.hpp"
#include "common/folder_writer.hpp"
#include "common/printable.hpp"

#include <polyquant/base/error.hpp>
#include <polyquant/codec/table_row.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <bit>
#include <utility>
#include <vector>

namespace pq::bnb {
namespace {

constexpr std::uint32_t kUnknown = 0xFFFFFFFFu;  // a NaN, which no row has

class Writer final : public ModelWriter {
 public:
  Writer(const std::filesystem::path& path, const OutputModel& model, OutputPlan plan, bool resume)
      : pieces_(std::move(plan.pieces)),
        tensors_(model.tensors),
        writer_(path, std::move(plan.folder), plan.side_files, false, resume),
        ranges_(pieces_.size()) {
    for (std::size_t i = 0; i < pieces_.size(); ++i) begin(i);
    if (!resume)
      for (std::size_t i = 0; i < pieces_.size(); ++i) begin_nested(i);
    else
      begin_missing();
  }

  void write_rows(std::size_t tensor, std::int64_t first_row, Bytes rows) override {
    switch (pieces_.at(tensor).kind) {
      case Kind::plain:
        return writer_.write(pieces_[tensor].codes,
                             static_cast<std::uint64_t>(first_row) * tensors_[tensor].row_bytes, rows);
      case Kind::four_bit:
        return write_four_bit(tensor, first_row, rows);
      case Kind::int8:
        return write_int8(tensor, first_row, rows);
    }
  }

  void write_shared(std::size_t tensor, Bytes shared) override {
    const Pieces& pieces = pieces_.at(tensor);
    if (pieces.kind != Kind::four_bit || !pieces.quant.nested) return;
    PQ_ASSERT(shared.size() == NestedScales::kBytes, "the shared bytes are those of nested scales");
    write_nested(tensor, NestedScales::read(shared.data()));
  }

  void flush() override { writer_.flush(); }
  void keep() noexcept override { writer_.keep(); }
  std::unique_ptr<ModelReader> reopen() const override { return make_reader(writer_.reopen()); }
  void seal() override { writer_.seal(); }

 private:
  // What is known before the first row.
  void begin(std::size_t tensor) {
    const Pieces& pieces = pieces_[tensor];
    if (pieces.kind == Kind::int8) {
      const std::byte rows{0};
      writer_.write(pieces.layout, 0, {&rows, 1});
    }
    if (pieces.kind != Kind::four_bit) return;
    const auto& table = pieces.quant.type == "nf4" ? kNf4Values : kFp4Values;
    writer_.write(pieces.map, 0, std::as_bytes(std::span(table)));
    if (pieces.quant.nested)
      ranges_[tensor] = std::vector<std::atomic<std::uint32_t>>(groups(pieces));
    else
      write_state(pieces);
    for (auto& range : ranges_[tensor]) range = kUnknown;
  }
  static std::size_t groups(const Pieces& pieces) {
    const std::int64_t blocks = elements(pieces.quant.shape) / pieces.quant.block;
    return static_cast<std::size_t>((blocks + kNestedBlock - 1) / kNestedBlock);
  }

  // So that reopen() can read a tensor whose shared bytes have not come yet.
  void begin_nested(std::size_t tensor) {
    if (pieces_[tensor].quant.nested) write_nested(tensor, NestedScales{});
  }
  void begin_missing() {
    const hf::TensorStore store = writer_.reopen();
    for (std::size_t i = 0; i < pieces_.size(); ++i) {
      if (!pieces_[i].quant.nested) continue;
      const auto state = store.find(tensors_[i].name + std::string(kStateEnd) + pieces_[i].quant.type);
      PQ_ASSERT(state, "the plan has the state of every nested tensor");
      if (store.bytes(*state, 0, 1)[0] != std::byte{'{'}) begin_nested(i);
    }
  }

  void write_nested(std::size_t tensor, const NestedScales& scales) {
    Pieces described = pieces_[tensor];
    described.quant.offset = scales.offset;
    writer_.write(described.nested_map, 0, std::as_bytes(std::span(scales.map)));
    write_state(described);
  }
  void write_state(const Pieces& pieces) {
    const std::string text = serialize_state(pieces.quant, true);
    writer_.write(pieces.state, 0, std::as_bytes(std::span(text)));
  }

  void write_four_bit(std::size_t tensor, std::int64_t first_row, Bytes rows) {
    const Pieces& pieces = pieces_[tensor];
    const bool nested = pieces.quant.nested;
    const TableRow row(cols(pieces.quant.shape), pieces.quant.block, nested);
    const std::size_t count = rows.size() / row.bytes(), scale_bytes = row.blocks() * (nested ? 1 : 4);
    std::vector<std::byte> codes(count * row.code_bytes()), scales(count * scale_bytes);
    for (std::size_t r = 0; r < count; ++r) {
      const std::byte* from = rows.data() + r * row.bytes();
      std::copy_n(from, row.code_bytes(), codes.data() + r * row.code_bytes());
      std::copy_n(from + row.scales_at(), scale_bytes, scales.data() + r * scale_bytes);
    }
    const auto first = static_cast<std::uint64_t>(first_row);
    writer_.write(pieces.codes, first * row.code_bytes(), codes);
    writer_.write(pieces.scales, first * scale_bytes, scales);
    if (nested) write_ranges(tensor, row, first, rows);
  }

  // Every row has the range of each of its blocks; the file has one for each 256 blocks, whatever rows they belong to.
  void write_ranges(std::size_t tensor, const TableRow& row, std::uint64_t first_row, Bytes rows) {
    const std::size_t count = rows.size() / row.bytes();
    std::uint64_t written = ~std::uint64_t{0};
    for (std::size_t r = 0; r < count; ++r)
      for (std::size_t b = 0; b < row.blocks(); ++b) {
        const std::byte* range = rows.data() + r * row.bytes() + row.ranges_at() + b * 4;
        const std::uint64_t group = ((first_row + r) * row.blocks() + b) / kNestedBlock;
        agree(tensor, group, load<std::uint32_t>(range));
        if (group == written) continue;
        written = group;
        writer_.write(pieces_[tensor].ranges, group * 4, {range, 4});
      }
  }
  void agree(std::size_t tensor, std::uint64_t group, std::uint32_t range) {
    std::uint32_t known = kUnknown;
    if (ranges_[tensor][group].compare_exchange_strong(known, range) || known == range) return;
    throw FormatError(fmt::format(
        "tensor {}: its rows do not agree on the range of the scales {} to {} (one has {}, another {}), as "
        "they come in another order than in their own file, or from one with another nested_blocksize than "
        "the library's 256; quantize it again or without double_quant",
        hf::shown(tensors_[tensor].name), group * kNestedBlock, group * kNestedBlock + kNestedBlock - 1,
        std::bit_cast<float>(known), std::bit_cast<float>(range)));
  }

  void write_int8(std::size_t tensor, std::int64_t first_row, Bytes rows) {
    const Pieces& pieces = pieces_[tensor];
    const auto width = static_cast<std::size_t>(cols(tensors_[tensor].shape));
    const std::size_t size = sizeof(float) + width, count = rows.size() / size;
    std::vector<std::byte> codes(count * width), scales(count * sizeof(float));
    for (std::size_t r = 0; r < count; ++r) {
      std::copy_n(rows.data() + r * size, sizeof(float), scales.data() + r * sizeof(float));
      std::copy_n(rows.data() + r * size + sizeof(float), width, codes.data() + r * width);
    }
    const auto first = static_cast<std::uint64_t>(first_row);
    writer_.write(pieces.codes, first * width, codes);
    writer_.write(pieces.scales, first * sizeof(float), scales);
  }

  std::vector<Pieces> pieces_;
  std::vector<OutputTensor> tensors_;
  hf::FolderWriter writer_;
  std::vector<std::vector<std::atomic<std::uint32_t>>> ranges_;  // of each nested tensor's groups, as bits
};

}  // namespace

std::unique_ptr<ModelWriter> make_writer(const std::filesystem::path& path, const OutputModel& model,
                                         OutputPlan plan, bool resume) {
  return std::make_unique<Writer>(path, model, std::move(plan), resume);
}

}  // namespace pq::bnb
