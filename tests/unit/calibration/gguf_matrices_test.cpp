// Which GGUF matrices the inputs of a model's products belong to.
#include "calibration/gguf_matrices.hpp"

#include "calibration/measure.hpp"
#include "forward/forward_model.hpp"
#include "model/tiny_model.hpp"

#include <catch2/catch.hpp>

#include <set>

using namespace pq;

namespace {

/// "blk.0.attn_q.weight 0/1" of all readers of all sites.
std::set<std::string> names_of(const std::shared_ptr<const ModelReader>& reader,
                               const std::filesystem::path& path) {
  const OpenedModel opened{nullptr, reader};
  const ForwardModel model(opened, path);
  const GgufMatrices matrices(opened, path);
  std::set<std::string> names;
  for (const auto& site : model.sites())
    for (const WeightSlice& slice : site->readers)
      for (const GgufMatrix& matrix : matrices.of(*model.view(), slice))
        names.insert(matrix.name + " " + std::to_string(matrix.matrix) + "/" +
                     std::to_string(matrix.matrices));
  return names;
}

std::set<std::string> names_of(const std::string& name) {
  return names_of(tiny::open_folder(tiny::folder(name)), tiny::folder(name));
}

}  // namespace

TEST_CASE("gguf matrices: a Llama layer has seven", "[calibration][names]") {
  const auto names = names_of("llama");
  for (const char* matrix : {"attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down"})
    CHECK(names.contains("blk.1." + std::string(matrix) + ".weight 0/1"));
}

TEST_CASE("gguf matrices: experts that are tensors of their own are matrices of a stack",
          "[calibration][names]") {
  const auto names = names_of("mixtral-4");
  CHECK(names.contains("blk.0.ffn_down_exps.weight 0/4"));
  CHECK(names.contains("blk.0.ffn_down_exps.weight 3/4"));
  CHECK(names.contains("blk.0.ffn_gate_inp.weight 0/1"));
}

TEST_CASE("gguf matrices: a GGUF file and its folder have the same names", "[calibration][names]") {
  const std::string name =
      GENERATE("llama", "mixtral-4", "qwen2moe", "gpt-neox", "gpt2", "phi3", "deepseek-v3");
  INFO(name);
  const auto written = tiny::open_memory(tiny::written(*tiny::gguf_view_of(name), "f32"));
  CHECK(names_of(written, tiny::folder(name) / "model.gguf") == names_of(name));
}
