// One position of a file of log-probabilities.
#include "evaluation/log_prob_file.hpp"

#include <polyquant/base/bytes.hpp>

#include <algorithm>
#include <cmath>

namespace pq {
namespace {

constexpr std::size_t kHeadBytes = 2 * sizeof(float);
constexpr float kRange = 24;  // nats below the top that are told apart
constexpr float kMaxCode = 65535;

}  // namespace

std::size_t log_prob_row_bytes(std::int64_t vocabulary) noexcept {
  return kHeadBytes + sizeof(std::uint16_t) * static_cast<std::size_t>((vocabulary + 1) / 2 * 2);
}

void encode_log_probs(std::span<const float> logits, double log_sum, MutableBytes out) noexcept {
  const auto [low, high] = std::minmax_element(logits.begin(), logits.end());
  const float least = std::max(*low, *high - kRange), scale = (*high - least) / kMaxCode;
  store(out.data(), scale);
  store(out.data() + sizeof(float), static_cast<float>(static_cast<double>(least) - log_sum));
  std::byte* to = out.data() + kHeadBytes;
  for (const float logit : logits) {
    const float code = scale > 0 && logit > least ? std::nearbyint((logit - least) / scale) : 0;
    store(to, static_cast<std::uint16_t>(std::min(code, kMaxCode)));
    to += sizeof(std::uint16_t);
  }
  std::fill(to, out.data() + out.size(), std::byte{0});
}

void decode_log_probs(Bytes row, std::span<float> out) noexcept {
  const auto scale = load<float>(row.data()), least = load<float>(row.data() + sizeof(float));
  const std::byte* from = row.data() + kHeadBytes;
  for (float& value : out) {
    value = scale * static_cast<float>(load<std::uint16_t>(from)) + least;
    from += sizeof(std::uint16_t);
  }
}

}  // namespace pq
