// Under which GGUF name an importance matrix knows the columns of a tensor.
#include "model/gguf_names.hpp"
#include "model/tiny_model.hpp"

#include <catch2/catch.hpp>

#include <algorithm>

using namespace pq;

namespace {

const ViewTensor& tensor(const ModelView& view, const std::string& name) {
  const auto found = std::find_if(view.tensors.begin(), view.tensors.end(),
                                  [&](const ViewTensor& t) { return t.name == name; });
  REQUIRE(found != view.tensors.end());
  return *found;
}

std::shared_ptr<const ModelView> identity(const std::string& name) {
  return make_view(tiny::open_folder(tiny::folder(name)), tiny::folder(name), Dialect::huggingface, {});
}

std::shared_ptr<const ModelView> from_gguf(const std::string& name) {
  return make_view(tiny::open_memory(tiny::written(*tiny::gguf_view_of(name), "bf16")), "tiny.gguf",
                   Dialect::huggingface, {});
}

void check_mixtral(const ModelView& view) {
  const ViewTensor& expert = tensor(view, "model.layers.1.block_sparse_moe.experts.3.w2.weight");
  CHECK(expert.gguf_name == "blk.1.ffn_down_exps.weight");
  CHECK(expert.gguf_matrix == 3);
  CHECK(tensor(view, "model.layers.0.self_attn.k_proj.weight").gguf_name == "blk.0.attn_k.weight");
  CHECK(tensor(view, "model.layers.0.self_attn.k_proj.weight").gguf_matrix == 0);
}

}  // namespace

TEST_CASE("gguf names: in GGUF they are the tensors' own", "[model]") {
  const auto view = tiny::gguf_view_of("llama");
  for (const ViewTensor& t : view->tensors) CHECK(t.gguf_name == t.name);
}

TEST_CASE("gguf names: Hugging Face tensors have them, with the number of their expert", "[model]") {
  check_mixtral(*identity("mixtral-8"));
  check_mixtral(*from_gguf("mixtral-8"));
}

TEST_CASE("gguf names: fused experts begin with the first matrix of a stack", "[model]") {
  const auto view = identity("qwen3moe-fused");
  const ViewTensor& fused = tensor(*view, "model.layers.0.mlp.experts.gate_up_proj");
  CHECK(fused.gguf_name.starts_with("blk.0.ffn_"));
  CHECK(fused.gguf_matrix == 0);
}

TEST_CASE("gguf names: a layer has no sign", "[model]") {
  CHECK(GgufNames::installed().describe("blk.-2147483648.attn_q.weight", {4, 4}).layer == -1);
  CHECK(GgufNames::installed().describe("blk.3.attn_q.weight", {4, 4}).layer == 3);
}
