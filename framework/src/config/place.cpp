#include "config/place.hpp"

namespace pq {

bool is_worth_naming(const Mark& mark) {
  return mark.source != nullptr && (mark.line > 0 || mark.source->starts_with("--set"));
}

std::string place_prefix(const Mark& mark) { return is_worth_naming(mark) ? mark.to_string() + ": " : ""; }

}  // namespace pq
