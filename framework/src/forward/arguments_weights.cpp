// Arguments that name weights: which rows of which tensor an operation reads.
#include "forward/binding.hpp"

namespace pq {

WeightSlice Arguments::matrix(std::int64_t in) {
  WeightSlice slice;
  slice.tensor = binding_.tensor(text("weight"));
  slice.in = in;
  slice.transposed = flag("transposed");
  slice.matrix = integer("matrix", 0);
  const Shape& shape = binding_.view().tensors[slice.tensor].shape;
  if (shape.size() < 2 || shape.size() > 3) misfit(slice.tensor, "a matrix");
  const std::int64_t height = shape[shape.size() - 2], width = shape.back();
  if ((slice.transposed ? height : width) != in)
    misfit(slice.tensor, std::to_string(in) + (slice.transposed ? " rows" : " columns"));
  if (slice.matrix < 0 || slice.matrix >= (shape.size() == 3 ? shape[0] : 1))
    misfit(slice.tensor, "a matrix number " + std::to_string(slice.matrix));
  choose_rows(slice, slice.transposed ? width : height);
  return slice;
}

void Arguments::choose_rows(WeightSlice& slice, std::int64_t stored) {
  slice.groups = has("groups") ? positive("groups") : 1;
  if (stored % slice.groups != 0)
    misfit(slice.tensor, "a multiple of " + std::to_string(slice.groups) + " rows");
  const std::int64_t group = stored / slice.groups;
  slice.first = integer("first", 0);
  slice.step = integer("step", 1);
  slice.count = has("count") ? positive("count") : group;
  if (slice.first < 0 || slice.first >= group || slice.step < 1 || slice.count > group ||
      (slice.count - 1) * slice.step >= group - slice.first)
    misfit(slice.tensor, std::to_string(slice.count) + " rows from row " + std::to_string(slice.first) +
                             " on of each of " + std::to_string(slice.groups) + " groups");
  slice.out = slice.groups * slice.count;
}

WeightSlice Arguments::vector(const std::string& tensor, std::int64_t size, const WeightSlice* like) {
  WeightSlice slice;
  if (like != nullptr) slice = *like;
  slice.tensor = binding_.tensor(tensor);
  slice.transposed = false;
  slice.in = 1;
  const Shape& shape = binding_.view().tensors[slice.tensor].shape;
  const bool is_stack = like != nullptr && shape.size() == 2;  // a vector for each matrix of a stack
  if (!is_stack) slice.matrix = -1;
  const std::int64_t stored = is_stack ? shape.back() : elements(shape);
  if (like == nullptr) {
    if (stored != size) misfit(slice.tensor, std::to_string(size) + " numbers");
    slice.count = slice.out = size;
  } else if (stored % slice.groups != 0 ||
             slice.first + (slice.count - 1) * slice.step >= stored / slice.groups ||
             (is_stack && slice.matrix >= shape[0])) {
    misfit(slice.tensor, "a number for each of the " + std::to_string(size) + " rows");
  }
  return slice;
}

std::optional<WeightSlice> Arguments::bias(const WeightSlice& weight) {
  std::string name = text("bias", "");
  if (name.empty()) {
    name = text("weight");
    if (!name.ends_with(".weight")) return std::nullopt;
    name.replace(name.size() - 6, 6, "bias");
    if (!binding_.find(name)) return std::nullopt;
  }
  return vector(name, weight.out, &weight);
}

}  // namespace pq
