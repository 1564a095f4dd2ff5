// The options of the encoding `affine`, and its spec: for the encoding itself and for formats that only get the spec.
#pragma once

#include <polyquant/options.hpp>

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>

namespace pq {

/// The options of `affine` as people write them.
struct AffineOptions {
  int bits = 4;
  std::int64_t group = 128;  // -1: the whole row
  bool symmetric = false;
  std::string zero = "integer";
  std::string scale = "f16";
  bool act_order = false;
  bool operator==(const AffineOptions&) const = default;
};

inline const Schema<AffineOptions>& affine_schema() {
  static const auto result =
      Schema<AffineOptions>()
          .field("bits", &AffineOptions::bits, "Bits of a code.", one_of({2, 3, 4, 5, 6, 7, 8}))
          .field("group", &AffineOptions::group, "Columns that share a scale; -1 for the whole row.",
                 range(-1, 1 << 30))
          .field("symmetric", &AffineOptions::symmetric,
                 "Fix the zero at the middle code, so that only scales are stored.")
          .field(
              "zero", &AffineOptions::zero,
              "What is stored beside a scale: the integer code of zero (GPTQ, AWQ), a real one (HQQ), or the "
              "value of code 0 (MLX).",
              one_of({"integer", "float", "offset"}))
          .field("scale", &AffineOptions::scale, "Type of the stored scales.", one_of({"f16", "bf16", "f32"}))
          .field("act_order", &AffineOptions::act_order,
                 "Let a tensor say which group each of its columns belongs to (GPTQ's g_idx).");
  return result;
}

/// Options from a map. Throws ConfigError at the place of what is wrong.
inline AffineOptions parse_affine_options(const Node& values) {
  AffineOptions options = affine_schema().parse(values, "affine");
  if (options.group == 0)
    throw_at(values.find("group")->mark(), "'group' of affine must be -1 or at least 1, got 0");
  if (options.symmetric && options.zero != "integer")
    throw_at(values.find("zero")->mark(),
             "'zero' of affine is '" + options.zero +
                 "', but a symmetric grid stores no zeros; leave out one of both");
  return options;
}

/// The canonical spec: bits and group always, others where they are not the default.
inline std::string affine_spec(const AffineOptions& options) {
  const AffineOptions defaults;
  std::string spec =
      "affine:bits=" + std::to_string(options.bits) + ",group=" + std::to_string(options.group);
  if (options.symmetric) spec += ",symmetric=true";
  if (options.zero != defaults.zero) spec += ",zero=" + options.zero;
  if (options.scale != defaults.scale) spec += ",scale=" + options.scale;
  if (options.act_order) spec += ",act_order=true";
  return spec;
}

/// Whether a spec names the encoding `affine`: "affine", or "affine:" with options.
inline bool is_affine_spec(std::string_view spec) noexcept {
  return spec == "affine" || spec.starts_with("affine:");
}

/// The options of a spec for which is_affine_spec() holds. Throws ConfigError for options that are wrong.
inline AffineOptions parse_affine_spec(std::string_view spec) {
  Node values = Node::map();
  for (std::size_t begin = std::min(spec.find(':'), spec.size() - 1) + 1; begin < spec.size();) {
    const std::size_t end = std::min(spec.find(',', begin), spec.size());
    const std::string_view option = spec.substr(begin, end - begin);
    const std::size_t equals = std::min(option.find('='), option.size());
    values.set(std::string(option.substr(0, equals)),
               Node::scalar(std::string(option.substr(std::min(equals + 1, option.size())))));
    begin = end + 1;
  }
  return parse_affine_options(values);
}

}  // namespace pq
