#include "grids.hpp"

namespace pq::gguf_iq {
namespace {

constexpr std::uint16_t kIq2Xxs[] = {
#include "grids/iq2xxs.inc"
};
constexpr std::uint16_t kIq2Xs[] = {
#include "grids/iq2xs.inc"
};
constexpr std::uint16_t kIq2S[] = {
#include "grids/iq2s.inc"
};
constexpr std::uint16_t kIq3Xxs[] = {
#include "grids/iq3xxs.inc"
};
constexpr std::uint16_t kIq3S[] = {
#include "grids/iq3s.inc"
};
constexpr std::uint16_t kIq1S[] = {
#include "grids/iq1s.inc"
};
static_assert(std::size(kIq2Xxs) == 256 && std::size(kIq2Xs) == 512 && std::size(kIq2S) == 1024);
static_assert(std::size(kIq3Xxs) == 256 && std::size(kIq3S) == 512 && std::size(kIq1S) == 2048);

}  // namespace

std::span<const std::uint16_t> grid_points(GridId id) noexcept {
  switch (id) {
    case GridId::iq2xxs:
      return kIq2Xxs;
    case GridId::iq2xs:
      return kIq2Xs;
    case GridId::iq2s:
      return kIq2S;
    case GridId::iq3xxs:
      return kIq3Xxs;
    case GridId::iq3s:
      return kIq3S;
    case GridId::iq1s:
      return kIq1S;
  }
  return {};
}

}  // namespace pq::gguf_iq
