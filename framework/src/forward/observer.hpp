// Who looks at activations while a model runs.
#pragma once

#include "forward/batch.hpp"
#include "forward/weights.hpp"

#include <polyquant/math_ops.hpp>

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace pq {

/// A place where activations are measured: the input of one or several matrices.
struct Site {
  int layer = -1;  // -1: outside the layers ("head_in")
  std::string name;
  int expert = -1;  // -1: of all tokens
  std::int64_t cols = 0;
  std::vector<WeightSlice> readers;  // matrices that are multiplied with it, in order
};

/// Gets activations as they are computed, batch by batch; all rows of a batch at once, of an expert those that it was chosen for.
class Observer {
 public:
  virtual ~Observer() = default;
  /// `inputs` [rows, site.cols] lives until the call ends. An expert that no token chose: no call.
  virtual void at_site(const Site& site, const Batch& batch, const DeviceMatrix& inputs);
  /// The residual stream: layer -1 behind the embedding, else behind that layer.
  virtual void after_layer(int layer, const Batch& batch, const DeviceMatrix& hidden);
};

}  // namespace pq
