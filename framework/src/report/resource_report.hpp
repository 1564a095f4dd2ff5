// What a model takes to store and to run here, for people and for scripts.
#pragma once

#include <polyquant/base/export.hpp>

#include <nlohmann/json_fwd.hpp>

#include <cstdint>
#include <string>

namespace pq {

struct ResourceReport {
  std::uint64_t bytes = 0;  // of the model's files
  double bits_per_weight = 0;
  std::uint64_t peak_memory_bytes = 0;  // of this process; a reference that ran with it is in it
  double tokens_per_second = 0;         // that ran, those of the reference, too; 0: no text was scored
};

/// {"bytes", "bits_per_weight", "peak_memory_bytes", and with a text "tokens_per_second"}.
PQ_API nlohmann::ordered_json resources_json(const ResourceReport& report);
PQ_API std::string resources_text(const ResourceReport& report);

}  // namespace pq
