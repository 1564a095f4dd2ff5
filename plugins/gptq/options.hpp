// The options of gptq.
#pragma once

#include <polyquant/base/node.hpp>
#include <polyquant/column_codec.hpp>
#include <polyquant/options.hpp>

#include <algorithm>
#include <optional>
#include <string>

namespace pq::gptq {

/// Most passes of the refinement.
inline constexpr std::size_t kMostPasses = 16;

struct Options {
  std::string order = "natural";
  std::string scales = "dynamic";
  double damping = 0.01;
  std::string refine = "auto";

  /// Scales come before all codes: another order meets the columns of a group too late to fit their scale.
  bool has_static_scales() const { return scales == "static" || order != "natural"; }

  /// The passes of the refinement, a letter each.
  std::string passes(const ColumnCodec& codec) const;
  /// The setting that the codec cannot follow and why, or nothing. What is not set is left out where it cannot be done.
  std::optional<std::string> problem(const ColumnCodec& codec) const;
};

/// The letter of a pass, and whether a codec can do it.
inline bool can_pass(const ColumnCodec& codec, char pass) {
  if (pass == 'c' || !codec.can_revise()) return codec.can_revise();
  return codec.scale_of(pass == 's' ? ScaleLevel::group : ScaleLevel::super, 0) >= 0;
}
/// What a value of `refine` stands for, or nothing if it is none: a number is so many passes over the codes.
inline std::optional<std::string> spelled_out(const std::string& refine) {
  const bool is_number =
      !refine.empty() && refine.size() < 4 &&
      std::all_of(refine.begin(), refine.end(), [](char c) { return c >= '0' && c <= '9'; });
  const std::size_t count = is_number ? static_cast<std::size_t>(std::stoi(refine)) : refine.size();
  if (refine.empty() || count > kMostPasses) return std::nullopt;
  if (is_number) return std::string(count, 'c');
  if (refine.find_first_not_of("csd") != std::string::npos) return std::nullopt;
  return refine;
}

/// By KLD on held-out text (docs/explain/error-feedback.md): scales are moved wherever that can be done.
inline std::string default_passes(const ColumnCodec& codec) {
  if (can_pass(codec, 'd')) return "cscdc";
  if (!can_pass(codec, 's')) return "c";
  return codec.fit_cols() <= 32 ? "cscscsc" : "cscsc";
}

inline std::string Options::passes(const ColumnCodec& codec) const {
  if (!codec.can_revise()) return "";
  return refine == "auto" ? default_passes(codec) : spelled_out(refine).value_or("");
}

inline std::optional<std::string> Options::problem(const ColumnCodec& codec) const {
  const std::string wanted = refine == "auto" ? "" : spelled_out(refine).value_or("");
  const std::string once = "its column codec chooses every code once, from left to right";
  if (!codec.can_revise()) {
    if (order != "natural") return "order: " + order + ": " + once;
    if (scales != "dynamic") return "scales: " + scales + ": " + once;
    if (!wanted.empty()) return "refine: " + refine + ": " + once;
  }
  for (const char pass : wanted)
    if (!can_pass(codec, pass))
      return "refine: " + refine + ": " +
             (pass == 's' ? "its column codec cannot move the scales of groups"
                          : "it has no super-blocks whose factors could be moved");
  return std::nullopt;
}

inline const Schema<Options>& schema() {
  static const auto result =
      Schema<Options>()
          .field("order", &Options::order,
                 "The order in which columns are rounded: as they are stored, those with the largest "
                 "activations "
                 "first, or so by groups that share a scale; the last two have static scales.",
                 one_of({"natural", "activation", "groups"}))
          .field("scales", &Options::scales,
                 "When scales are chosen: for the weights as the columns before have changed them, or all in "
                 "advance for the weights of the model.",
                 one_of({"dynamic", "static"}))
          .field(
              "damping", &Options::damping,
              "Share of its mean that is added to the diagonal of X^T X; ten times as much as often as the "
              "matrix is not positive definite.",
              range(1e-6, 1.0))
          .field(
              "refine", &Options::refine,
              "The passes at the end, a letter each, as in cscdc: c chooses all codes again, each for what "
              "the others have become, s moves the scales of groups, d the factors of super-blocks; a number "
              "is so many c, auto is cscdc with super-blocks, cscscsc with other groups of up to 32 columns, "
              "cscsc with larger ones, and c where no scale can be moved.");
  return result;
}

/// Throws ConfigError at the place of what is wrong.
inline Options parse_options(const Node& values) {
  Options options = schema().parse(values, "gptq");
  if (options.refine != "auto" && !spelled_out(options.refine))
    throw_at(values.find("refine")->mark(),
             "'refine' must be auto, a number of passes from 0 to 16 or up to 16 letters out of c, s "
             "and d, as in cscdc, got '" +
                 options.refine + "'");
  return options;
}

}  // namespace pq::gptq
