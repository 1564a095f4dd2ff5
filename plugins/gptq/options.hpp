// The options of gptq.
#pragma once

#include <polyquant/options.hpp>

#include <string>

namespace pq::gptq {

struct Options {
  std::string order = "natural";
  std::string scales = "dynamic";
  double damping = 0.01;
  int refine = 1;

  /// Scales come before all codes: another order meets the columns of a group too late to fit their scale.
  bool has_static_scales() const { return scales == "static" || order != "natural"; }
  /// The setting that a codec which chooses every code once cannot follow, or nothing. One refinement is the default: it is left out.
  std::string needing_revision() const {
    if (order != "natural") return "order: " + order;
    if (scales != "dynamic") return "scales: " + scales;
    return refine > 1 ? "refine: " + std::to_string(refine) : "";
  }
};

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
          .field("refine", &Options::refine,
                 "How often all codes are chosen again at the end, each for what the others have become. A "
                 "column "
                 "codec that chooses every code once takes 1, without effect, and neither more nor another "
                 "order nor static scales.",
                 range(0, 16));
  return result;
}

}  // namespace pq::gptq
