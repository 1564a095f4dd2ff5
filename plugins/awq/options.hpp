// The options of awq.
#pragma once

#include <polyquant/options.hpp>

#include <string>

namespace pq::awq {

struct Options {
  int grid = 20;
  std::string duo = "both";
  std::string loss = "gram";
  int rows = 128;
  bool clip = true;
};

inline const Schema<Options>& schema() {
  static const auto result =
      Schema<Options>()
          .field("grid", &Options::grid,
                 "How many ratios between the magnitudes of activations and those of weights are tried, from "
                 "0 to "
                 "below 1.",
                 range(1, 100))
          .field(
              "duo", &Options::duo,
              "Whether scales also follow the weights: the activations to the power of the ratio, divided by "
              "the weights to the power of the rest.",
              one_of({"both", "on", "off"}))
          .field("loss", &Options::loss,
                 "How the error of a trial is judged: by that of the outputs, which takes X^T X of every "
                 "input, or "
                 "by that of the weights times the importance of their columns.",
                 one_of({"gram", "diagonal"}))
          .field("rows", &Options::rows,
                 "Rows of every matrix that are quantized for a trial, spread evenly; 0 = all.",
                 range(0, 1 << 20))
          .field("clip", &Options::clip,
                 "Whether smaller ranges than those of the weights are tried and chosen by the error of the "
                 "outputs, where awq chooses the codes; takes X^T X.");
  return result;
}

}  // namespace pq::awq
