#include "plan/whole_source.hpp"

#include "evaluation/check_model.hpp"

#include <polyquant/base/error.hpp>

namespace pq {

std::vector<std::string> source_warnings(const OpenedModel& model, const std::filesystem::path& path) {
  const ModelHeader& header = model.reader->header();
  if (header.tensors.empty())
    throw FormatError(path.string() + ": holds no tensors, so there is nothing to quantize or convert");
  ModelCheck check;
  if (header.dialect == Dialect::gguf) check_family(model, path, check);
  for (std::string& problem : check.problems)
    problem += "; a GGUF file that is written from this model will not run either";
  return check.problems;
}

}  // namespace pq
