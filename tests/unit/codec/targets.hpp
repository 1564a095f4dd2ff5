// Runs a test once per instruction set that both this machine and the build offer.
#pragma once

#include <catch2/catch.hpp>

#include <hwy/targets.h>

#include <cstdint>

namespace codec_test {

/// Calls `body()` with Highway's dispatch forced to each usable target in turn.
template <class F>
void for_each_target(const F& body) {
  const std::int64_t all = hwy::SupportedTargets();
  for (std::int64_t rest = all; rest != 0; rest &= rest - 1) {
    const std::int64_t target = rest & -rest;
    INFO("instruction set " << hwy::TargetName(target));
    hwy::SetSupportedTargetsForTest(target);
    hwy::GetChosenTarget().Update(hwy::SupportedTargets());
    body();
  }
  hwy::SetSupportedTargetsForTest(0);
  hwy::GetChosenTarget().Update(hwy::SupportedTargets());
}

}  // namespace codec_test
