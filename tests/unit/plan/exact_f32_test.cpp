// What GGUF stores as f32 because its readers demand it gets the type of the matrices back, where that changes no weight.
#include "calibration/support.hpp"
#include "model/tiny_model.hpp"
#include "plan/choose_encoding.hpp"
#include "run/memory_model.hpp"

#include <polyquant/base/half.hpp>

#include <catch2/catch.hpp>

#include <cstring>

namespace pq {
namespace {

/// The GGUF file of a checkpoint.
tiny::MemoryModel gguf_of(const std::string& name) {
  ViewOptions options = tiny::options(name);
  const auto source = tiny::open_folder(tiny::folder(name));
  const auto view = make_view(source, tiny::folder(name), Dialect::gguf, options);
  return tiny::written(*view, source->header().tensors.at(0).encoding);
}

std::vector<PlannedTensor> planned(const ModelView& view, const OutputSpec& spec) {
  test::MemoryDisk disk;
  test::MemoryFormat format{disk};
  const EncodingChooser chooser(spec, view, format, test::registry(), nullptr);
  std::vector<PlannedTensor> tensors;
  for (std::size_t i = 0; i < view.tensors.size(); ++i) tensors.push_back(chooser.choose(i));
  return tensors;
}

}  // namespace

TEST_CASE("encoding choice: HF -> GGUF -> HF gives every tensor the type that it had", "[plan][roundtrip]") {
  const std::string name = GENERATE(from_range(tiny::checkpoints()));
  INFO(name);
  const auto view =
      make_view(tiny::open_memory(gguf_of(name)), "tiny.gguf", Dialect::huggingface, ViewOptions{});
  const auto tensors = planned(*view, {});
  const auto source = tiny::open_folder(tiny::folder(name));
  for (const TensorInfo& stored : source->header().tensors) {
    INFO(stored.name);
    std::size_t i = 0;
    while (i < view->tensors.size() && view->tensors[i].name != stored.name) ++i;
    REQUIRE(i < tensors.size());
    CHECK(tensors[i].encoding->info().spec == stored.encoding);
    CHECK(tensors[i].note.empty());
  }
}

TEST_CASE("encoding choice: a norm that the type of the matrices would round stays f32 and says so",
          "[plan]") {
  tiny::MemoryModel model = gguf_of("llama");
  for (std::size_t i = 0; i < model.header.tensors.size(); ++i)
    if (model.header.tensors[i].name == "output_norm.weight") {
      const float third = 1.0f / 3.0f;
      std::memcpy(model.data[i].data() + 8, &third, sizeof third);
    }
  const auto view =
      make_view(tiny::open_memory(std::move(model)), "tiny.gguf", Dialect::huggingface, ViewOptions{});
  OutputSpec spec;
  const auto tensors = planned(*view, spec);
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    INFO(view->tensors[i].name);
    const bool is_rounded = view->tensors[i].name == "model.norm.weight";
    CHECK(tensors[i].encoding->info().spec == (is_rounded ? "f32" : "bf16"));
    CHECK(tensors[i].note.empty() == !is_rounded);
  }
  spec.encoding = Node::scalar("bf16");
  for (const PlannedTensor& tensor : planned(*view, spec)) CHECK(tensor.encoding->info().spec == "bf16");
}

}  // namespace pq
