// Plugin: the encoding `affine`.
#include "affine/encoding.hpp"

#include <polyquant/plugin.hpp>

PQ_PLUGIN("affine", "1.0.0", "Integer codes with a scale and a zero for each group of columns") {
  registry.add(pq::EncodingEntry{"affine", pq::affine::kSummary, pq::affine_schema().table(),
                                 pq::affine::make_affine});
}
