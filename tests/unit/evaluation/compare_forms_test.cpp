// Models whose experts have two forms.
#include "evaluation/compare_forms.hpp"

#include "base/thread_pool.hpp"
#include "model/tiny_model.hpp"

#include <catch2/catch.hpp>

#include <algorithm>

using namespace pq;

namespace {

constexpr const char* kFused = "qwen3moe-fused";

/// A checkpoint with more tensors than it needs.
std::shared_ptr<const ModelReader> with_buffers(const std::string& name,
                                                const std::vector<std::string>& buffers) {
  const auto view =
      make_view(tiny::open_folder(tiny::folder(name)), tiny::folder(name), Dialect::huggingface, {});
  tiny::MemoryModel model = tiny::written(*view, "f32");
  for (const std::string& buffer : buffers) {
    TensorInfo info;
    info.name = buffer;
    info.shape = {4};
    info.encoding = "f32";
    info.row_bytes = 16;
    model.header.tensors.push_back(std::move(info));
    model.data.emplace_back(16);
  }
  return tiny::open_memory(std::move(model));
}

}  // namespace

TEST_CASE("compare: tensors that GGUF has no place for stay listed beside fused experts",
          "[evaluation][unit]") {
  const std::vector<std::string> buffers = {"model.layers.0.self_attn.rotary_emb.inv_freq", "rope.freqs"};
  const ComparedModel fused{with_buffers(kFused, buffers), tiny::folder(kFused)},
      single{tiny::open_folder(tiny::folder("qwen3moe")), tiny::folder("qwen3moe")};
  const bool swapped = GENERATE(false, true);
  const auto pool = make_thread_pool(1);
  const Comparison result =
      compare_forms(swapped ? single : fused, swapped ? fused : single, tiny::float_encoding, *pool);
  CHECK(std::any_of(result.tensors.begin(), result.tensors.end(), [](const TensorDifference& tensor) {
    return tensor.name == "blk.0.ffn_down_exps.weight";
  }));
  std::vector<std::string> names;
  for (const NotCompared& tensor : result.not_compared) {
    names.push_back(tensor.name);
    CHECK(tensor.reason == (swapped ? kOnlyInB : kOnlyInA));
  }
  std::sort(names.begin(), names.end());
  CHECK(names == buffers);
}
