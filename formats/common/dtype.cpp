#include "common/dtype.hpp"

#include <algorithm>
#include <array>

namespace pq::hf {
namespace {

// In the order of the reference writer: rising alignment. The last column is the size of one element in bits; F4 and F6 are packed without gaps. C64 is two F32.
constexpr std::array kDtypes = {
    Dtype{"BOOL", "bool", 8},
    Dtype{"F4", "f4", 4},
    Dtype{"F6_E2M3", "f6_e2m3", 6},
    Dtype{"F6_E3M2", "f6_e3m2", 6},
    Dtype{"U8", "u8", 8},
    Dtype{"I8", "i8", 8},
    Dtype{"F8_E5M2", "fp8_e5m2", 8},
    Dtype{"F8_E4M3", "fp8_e4m3", 8},
    Dtype{"F8_E8M0", "f8_e8m0", 8},
    Dtype{"F8_E4M3FNUZ", "f8_e4m3fnuz", 8},
    Dtype{"F8_E5M2FNUZ", "f8_e5m2fnuz", 8},
    Dtype{"I16", "i16", 16},
    Dtype{"U16", "u16", 16},
    Dtype{"F16", "f16", 16},
    Dtype{"BF16", "bf16", 16},
    Dtype{"I32", "i32", 32},
    Dtype{"U32", "u32", 32},
    Dtype{"F32", "f32", 32},
    Dtype{"C64", "c64", 64},
    Dtype{"F64", "f64", 64},
    Dtype{"I64", "i64", 64},
    Dtype{"U64", "u64", 64},
};

}  // namespace

const Dtype* find_dtype(std::string_view name) noexcept {
  const auto found =
      std::find_if(kDtypes.begin(), kDtypes.end(), [&](const Dtype& dtype) { return dtype.name == name; });
  return found == kDtypes.end() ? nullptr : &*found;
}

const Dtype* dtype_of_encoding(std::string_view spec) noexcept {
  const auto found = std::find_if(kDtypes.begin(), kDtypes.end(),
                                  [&](const Dtype& dtype) { return dtype.encoding == spec; });
  return found == kDtypes.end() ? nullptr : &*found;
}

}  // namespace pq::hf
