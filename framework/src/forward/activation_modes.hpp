// The names of activation modes, as people and files have them.
#pragma once

#include "forward/activation_rounding.hpp"

#include <polyquant/base/error.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <string_view>

namespace pq {

inline constexpr std::array<std::string_view, 2> kActivationModes = {"f32", "engine"};  // by mode

inline std::string_view name_of(ActivationMode mode) {
  return kActivationModes.at(static_cast<std::size_t>(mode));
}

/// `name`: one of them, which the caller has checked; InternalError if it is none.
inline ActivationMode activation_mode(std::string_view name) {
  const auto found = std::ranges::find(kActivationModes, name);
  PQ_ASSERT(found != kActivationModes.end(), "an activation mode must be known");
  return static_cast<ActivationMode>(found - kActivationModes.begin());
}

}  // namespace pq
