#include "report/resource_report.hpp"

#include "report/json_values.hpp"

#include <fmt/format.h>

namespace pq {

nlohmann::ordered_json resources_json(const ResourceReport& report) {
  nlohmann::ordered_json json = {{"bytes", report.bytes},
                                 {"bits_per_weight", json_number(report.bits_per_weight)},
                                 {"peak_memory_bytes", report.peak_memory_bytes}};
  if (report.tokens_per_second > 0) json["tokens_per_second"] = json_number(report.tokens_per_second);
  return json;
}

std::string resources_text(const ResourceReport& report) {
  constexpr double kMiB = 1 << 20;
  std::string text = fmt::format("model {:.1f} MiB, {:.3f} bits per weight; peak memory {:.0f} MiB",
                                 static_cast<double>(report.bytes) / kMiB, report.bits_per_weight,
                                 static_cast<double>(report.peak_memory_bytes) / kMiB);
  if (report.tokens_per_second > 0) text += fmt::format("; {:.0f} tokens/s", report.tokens_per_second);
  return text + "\n";
}

}  // namespace pq
