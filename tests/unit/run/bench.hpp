// A small plan in memory, and how it is executed.
#pragma once

#include "base/thread_pool.hpp"
#include "built_plugins.hpp"
#include "run/memory_model.hpp"
#include "run/run.hpp"

#include <filesystem>
#include <memory>
#include <random>
#include <string>
#include <vector>

namespace pq::test {

inline constexpr std::int64_t kRows = 40, kCols = 64;

/// A model of two matrices and one output per disk, cut into chunks of four rows.
struct Bench {
  std::shared_ptr<MemoryReader> reader = std::make_shared<MemoryReader>();
  std::filesystem::path folder;
  Plan plan;

  explicit Bench(std::vector<MemoryDisk>& disks, const std::vector<std::string>& encodings) {
    folder =
        std::filesystem::temp_directory_path() / ("polyquant-run-" + std::to_string(std::random_device{}()));
    std::filesystem::create_directories(folder);
    reader->add("a", {kRows, kCols}, "bf16", random_bf16(kRows * kCols, 1));
    reader->add("b", {kRows, kCols}, "bf16", random_bf16(kRows * kCols, 2));
    const auto view = make_view(reader, "memory", Dialect::huggingface, {});
    plan.reader = reader;
    plan.model = folder / "model";
    plan.backend = registry().backend(Node::scalar("cpu"));
    plan.chunk_weights = 4 * kCols;
    for (std::size_t i = 0; i < disks.size(); ++i)
      plan.outputs.push_back(output(disks[i], view, encodings[i], i));
  }
  ~Bench() { std::filesystem::remove_all(folder); }

  /// One more tensor, which no writer has to write.
  void add_empty(std::int64_t rows) {
    PlannedOutput& output = plan.outputs.front();
    auto view = std::make_shared<ModelView>(*output.view);
    view->tensors.push_back(view->tensors.back());
    view->tensors.back().name = "c";
    view->tensors.back().shape = {rows, 0};
    output.view = view;
    output.model.tensors.push_back({"c", {rows, 0}, "bf16", 0});
    output.tensors.push_back(output.tensors.back());
    output.tensors.back().view_index = 2;
    output.layout = output.format->layout(output.to, output.model);
  }

  PlannedOutput output(MemoryDisk& disk, const std::shared_ptr<const ModelView>& view,
                       const std::string& spec, std::size_t index) {
    PlannedOutput result;
    result.to = folder / ("out" + std::to_string(index));
    result.format = std::make_shared<MemoryFormat>(disk);
    result.view = view;
    result.quantizer = registry().quantizer(Node::scalar("rtn"));
    const auto encoding = registry().encoding(Node::scalar(spec));
    for (std::size_t i = 0; i < view->tensors.size(); ++i) {
      const ViewTensor& tensor = view->tensors[i];
      result.model.tensors.push_back(
          {tensor.name, tensor.shape, spec, encoding->row_bytes(cols(tensor.shape))});
      result.tensors.push_back({i,
                                encoding,
                                registry().find_encoding("bf16"),
                                spec == "bf16" ? Route::copy : Route::quantize,
                                {}});
    }
    result.layout = result.format->layout(result.to, result.model);
    return result;
  }
};

inline RunResult run(const Plan& plan, int threads, const Progress& progress = {}, bool force = false) {
  const auto pool = make_thread_pool(threads);
  return execute(plan, *pool, RunOptions{force, {}}, progress);
}

}  // namespace pq::test
