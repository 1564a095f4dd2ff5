// Speed and error of one encoding on given rows.
#pragma once

#include <polyquant/base/executor.hpp>
#include <polyquant/encoding.hpp>

#include <vector>

namespace pq::cli {

struct BenchResult {
  double encode_weights_per_second = 0;
  double decode_weights_per_second = 0;
  double relative_error = 0;  // sum of importance * (a - b)^2 over sum of importance * a^2
};

/// Best of several passes over all rows, after one that warms up; the encoder's preparation counts.
BenchResult bench_codec(const Encoding& encoding, const EncodeRequest& request, ConstMatrix rows,
                        Executor& executor);

}  // namespace pq::cli
