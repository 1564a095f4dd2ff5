// Moving the scales and minima of a super-block, and the f16 factors of these, with the codes as they are.
#pragma once

#include "super_block.hpp"

#include <polyquant/codec/rounding.hpp>
#include <polyquant/codec/scale_moves.hpp>

#include <algorithm>

namespace pq::gguf {

/// Scale and minimum of a group as they are stored.
struct GroupCodes {
  int scale = 0, min = 0;
};

template <class Codec>
GroupCodes clamped(GroupCodes codes) {
  return {std::clamp(codes.scale, Codec::kMinScale, Codec::kMaxScale),
          std::clamp(codes.min, 0, Codec::kMaxMin)};
}

/// The stored scale and minimum of a group, the same and the best move at the middle of what is tried: one step to each side of both. Offsets are
/// minima, subtracted. Returns the cost.
template <class Codec>
float move_group(const ScaleCost& cost, std::size_t g, SuperBlock& block) {
  const GroupCodes now{block.scales[g], block.mins[g]};
  const ScaleMove move = Codec::kHasOffset ? best_move(cost) : ScaleMove{best_scale(cost), 0.0f};
  const auto nearest = [](float scaled, float factor, int code) {
    const float most = 1024;  // beyond all codes
    return code + static_cast<int>(std::clamp(round_even(scaled * inverse_or_zero(factor)), -most, most));
  };
  const GroupCodes middles[] = {now, clamped<Codec>({nearest(move.scale, block.d, now.scale),
                                                     nearest(move.offset, block.dmin, now.min)})};
  constexpr int kMinSteps = Codec::kHasOffset ? 1 : 0;
  Cheapest<GroupCodes> best(now);
  for (const GroupCodes middle : middles)
    for (int i = -1; i <= 1; ++i)
      for (int k = -kMinSteps; k <= kMinSteps; ++k) {
        const GroupCodes codes = clamped<Codec>({middle.scale + i, middle.min + k});
        best.offer(codes, cost.of(block.d * static_cast<float>(codes.scale - now.scale),
                                  block.dmin * static_cast<float>(codes.min - now.min)));
      }
  block.scales[g] = static_cast<std::int16_t>(best.stored().scale);
  block.mins[g] = static_cast<std::int16_t>(best.stored().min);
  return best.cost();
}

/// The factors of a super-block; neither changes its sign.
template <class Codec>
float move_super(const ScaleCost& cost, SuperBlock& block) {
  float d = block.d, dmin = block.dmin;
  const float change = move_f16(cost, Codec::kHasOffset, d, dmin);
  if (d * block.d <= 0 || dmin * block.dmin < 0) return 0.0f;
  block.d = d;
  block.dmin = dmin;
  return change;
}

}  // namespace pq::gguf
