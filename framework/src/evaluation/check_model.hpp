// Everything that the readers of a model's file rely on.
#pragma once

#include "model/view.hpp"

#include <polyquant/base/executor.hpp>

#include <string>
#include <vector>

namespace pq {

struct ModelCheck {
  std::vector<std::string> problems;   // one sentence each
  std::vector<std::string> unchecked;  // tensors whose rows no plugin can judge, and why
};

/// The format's own rules, then the rows of every tensor by its encoding (non-finite scales, reserved codes, NaN weights).
PQ_API ModelCheck check_model(const ModelReader& reader, const EncodingLookup& find_encoding,
                              Executor& executor);

}  // namespace pq
