#include "model/tensor_shapes.hpp"

#include <polyquant/base/error.hpp>

namespace pq {

std::string defaults_note(const ConfigScope& scope) {
  if (scope.defaults_used().empty()) return "";
  std::string note = " (config.json lacks ";
  for (const std::string& key : scope.defaults_used()) note += (note.back() == ' ' ? "" : ", ") + key;
  return note + "; the class defaults were taken)";
}

void check_shape(const TensorLink& link, const std::string& name, const Shape& shape,
                 const std::string& place, const std::string& file, const ConfigScope& scope) {
  if (shape == link.shape) return;
  throw FormatError(place + (file.empty() ? "" : "/" + file) + ": tensor '" + name + "' has the shape " +
                    to_string(shape) + ", but config.json gives " + to_string(link.shape) + " (" +
                    scope.keys_of(link.rule->shape) + ")" + defaults_note(scope));
}

}  // namespace pq
