#include "plan/output_notes.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace pq {

void warn_of_kept_f32(const PlannedOutput& output, std::vector<std::string>& warnings) {
  const PlannedTensor* first = nullptr;
  std::size_t count = 0;
  for (const PlannedTensor& tensor : output.tensors) {
    if (tensor.note.empty() || output.view->tensors[tensor.view_index].matrix_encoding.empty()) continue;
    if (count++ == 0) first = &tensor;
  }
  if (first == nullptr) return;
  const ViewTensor& tensor = output.view->tensors[first->view_index];
  warnings.push_back(fmt::format("{} stored as f32, as GGUF has {} ('{}'{}): {} would round the weights",
                                 count == 1 ? "1 tensor is" : fmt::format("{} tensors are", count),
                                 count == 1 ? "it" : "them", tensor.name, count == 1 ? "" : ", ...",
                                 tensor.matrix_encoding));
}

void warn_of_lost_files(const PlannedOutput& output, std::vector<std::string>& warnings) {
  std::vector<std::string> lost;
  for (const SideFile& file : output.model.side_files)
    if (std::none_of(output.layout.files.begin(), output.layout.files.end(),
                     [&](const OutputLayout::File& written) { return written.name == file.name; }))
      lost.push_back(file.name);
  if (!lost.empty())
    warnings.push_back(
        fmt::format("{}: {} not written: a single file holds the weights alone; give a folder "
                    "as the output to keep {}",
                    output.to.string(),
                    lost.size() == 1 ? lost[0] + " is"
                                     : fmt::format("{} and {} more files are", lost[0], lost.size() - 1),
                    lost.size() == 1 ? "it" : "them"));
}

}  // namespace pq
