#include "model/view.hpp"

#include <algorithm>
#include <cstring>

namespace pq {
namespace {
constexpr std::int64_t kBandWeights = 1 << 16;  // decoded at a time
}

bool holds_exactly(const ModelView& view, std::size_t tensor, const Encoding& encoding,
                   const RowDecoder& decoder) {
  const Shape& shape = view.tensors[tensor].shape;
  if (encoding.shared_bytes(cols(shape)) != 0) return false;  // its rows have scales that are searched for
  const std::int64_t width = cols(shape), height = rows(shape);
  const std::int64_t band = std::clamp<std::int64_t>(kBandWeights / width, 1, height);
  std::vector<float> weights(static_cast<std::size_t>(band * width)), again(weights.size());
  std::vector<std::byte> encoded(encoding.row_bytes(width) * static_cast<std::size_t>(band)), scratch;
  const auto encoder = encoding.encoder({width, {}, Effort::normal});
  bool same = true;
  for (std::int64_t row = 0; same && row < height; row += band) {
    const std::int64_t count = std::min(band, height - row);
    const Matrix from{weights.data(), count, width, width}, to{again.data(), count, width, width};
    read_decoded_rows(view, tensor, row, from, decoder, scratch);
    const MutableBytes bytes(encoded.data(), encoding.row_bytes(width) * static_cast<std::size_t>(count));
    encoder->encode(from, bytes);
    encoding.decode(bytes, to);
    same = std::memcmp(weights.data(), again.data(), static_cast<std::size_t>(count * width) * 4) == 0;
  }
  release_rows(view, tensor, 0, height);
  return same;
}

}  // namespace pq
