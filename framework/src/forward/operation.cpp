#include "forward/operation.hpp"

#include "forward/binding.hpp"
#include "forward/operations.hpp"

#include <array>

namespace pq {

DeviceMatrix& Values::make(const std::string& name, std::int64_t rows, std::int64_t cols) {
  auto& value = values_[name];
  if (value == nullptr || value->rows() != rows || value->cols() != cols) {
    value.reset();  // before the new one takes memory
    value = device_.allocate(rows, cols);
  }
  return *value;
}

const RopeTables::Table& RopeTables::get(const std::string& name, const RopeSpec& spec, const Batch& batch,
                                         Device& device) {
  Table& table = tables_[name];
  if (table.cosines != nullptr) return table;
  const RopeTable values = rope_table(spec, batch);
  const std::int64_t rows = batch.rows(), half = spec.width / 2;
  table.cosines = device.allocate(rows, half);
  table.sines = device.allocate(rows, half);
  device.upload({values.cosines.data(), rows, half, half}, *table.cosines, 0);
  device.upload({values.sines.data(), rows, half, half}, *table.sines, 0);
  return table;
}

void Observer::at_site(const Site&, const Batch&, const DeviceMatrix&) {}
void Observer::after_layer(int, const Batch&, const DeviceMatrix&) {}

namespace {

struct NamedMaker {
  const char* name;
  OperationMaker make;
};

constexpr std::array kOperations = {
    NamedMaker{"embedding", make_embedding}, NamedMaker{"positions", make_positions},
    NamedMaker{"rms_norm", make_rms_norm},   NamedMaker{"layer_norm", make_layer_norm},
    NamedMaker{"linear", make_linear},       NamedMaker{"site", make_site},
    NamedMaker{"rope", make_rope},           NamedMaker{"attention", make_attention},
    NamedMaker{"join_heads", make_join},     NamedMaker{"glu", make_glu},
    NamedMaker{"activate", make_activate},   NamedMaker{"add", make_add},
    NamedMaker{"scale", make_scale},         NamedMaker{"scale_rows", make_scale_rows},
    NamedMaker{"clamp", make_clamp},         NamedMaker{"soft_cap", make_soft_cap},
    NamedMaker{"route", make_route},         NamedMaker{"experts", make_experts}};

}  // namespace

OperationMaker find_operation(const std::string& name) {
  for (const NamedMaker& known : kOperations)
    if (name == known.name) return known.make;
  return nullptr;
}

std::vector<std::string> operation_names() {
  std::vector<std::string> names;
  for (const NamedMaker& known : kOperations) names.emplace_back(known.name);
  return names;
}

}  // namespace pq
