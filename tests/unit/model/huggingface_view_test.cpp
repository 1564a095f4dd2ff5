// GGUF -> Hugging Face: what comes back is what went in.
#include "model/tiny_model.hpp"

#include <polyquant/base/error.hpp>
#include <polyquant/base/file.hpp>

#include <catch2/catch.hpp>

#include <algorithm>
#include <fstream>
#include <set>

using namespace pq;

namespace {

ViewOptions options_of(const std::string& name) {
  ViewOptions options = tiny::options(name);
  options.name = "Tiny";
  return options;
}

struct RoundTrip {
  std::shared_ptr<const ModelReader> source;
  std::shared_ptr<const ModelView> gguf, back, again;
  std::string encoding;  // of the source's matrices
};

RoundTrip round_trip(const std::string& name) {
  RoundTrip trip;
  trip.source = tiny::open_folder(tiny::folder(name));
  trip.encoding = trip.source->header().tensors.at(0).encoding;
  trip.gguf = make_view(trip.source, tiny::folder(name), Dialect::gguf, options_of(name));
  trip.back = make_view(tiny::open_memory(tiny::written(*trip.gguf, trip.encoding)), "tiny.gguf",
                        Dialect::huggingface, {});
  trip.again = make_view(tiny::open_memory(tiny::written(*trip.back, trip.encoding)), "tiny", Dialect::gguf,
                         options_of(name));
  return trip;
}

}  // namespace

TEST_CASE("hugging face view: HF -> GGUF -> HF gives the same names, shapes and bytes",
          "[model][roundtrip]") {
  const std::string name = GENERATE(from_range(tiny::checkpoints()));
  INFO(name);
  const RoundTrip trip = round_trip(name);
  const auto reader = tiny::open_folder(tiny::folder(name));
  const ModelHeader& source = reader->header();
  REQUIRE(trip.back->tensors.size() == source.tensors.size());
  std::vector<std::byte> scratch;
  for (std::size_t i = 0; i < source.tensors.size(); ++i) {
    const TensorInfo& expected = source.tensors[i];
    INFO(expected.name);
    std::size_t index = 0;
    while (index < trip.back->tensors.size() && trip.back->tensors[index].name != expected.name) ++index;
    REQUIRE(index < trip.back->tensors.size());
    CHECK(trip.back->tensors[index].shape == expected.shape);
    const Bytes bytes = reader->rows(i, 0, rows(expected.shape), scratch);
    CHECK(tiny::encoded(*trip.back, index, expected.encoding) ==
          std::vector<std::byte>(bytes.begin(), bytes.end()));
  }
}

TEST_CASE("hugging face view: HF -> GGUF -> HF -> GGUF gives the same GGUF", "[model][roundtrip]") {
  const std::string name = GENERATE(from_range(tiny::checkpoints()));
  INFO(name);
  const RoundTrip trip = round_trip(name);
  REQUIRE(trip.again->tensors.size() == trip.gguf->tensors.size());
  for (std::size_t i = 0; i < trip.gguf->tensors.size(); ++i) {
    const ViewTensor& tensor = trip.gguf->tensors[i];
    INFO(tensor.name);
    CHECK(trip.again->tensors[i].name == tensor.name);
    const std::string encoding = tensor.keep_f32 ? "f32" : trip.encoding;
    CHECK(tiny::encoded(*trip.again, i, encoding) == tiny::encoded(*trip.gguf, i, encoding));
  }
  for (const auto& [key, value] : trip.gguf->metadata.entries()) {
    INFO(key);
    if (key.starts_with("general.")) continue;
    const MetaValue* other = trip.again->metadata.find(key);
    REQUIRE(other != nullptr);
    CHECK((*other == value ? "equal" : display(*other, 300)) == "equal");
  }
}

TEST_CASE("hugging face view: llama3 rope scaling is recovered from the factors", "[model][roundtrip]") {
  const Json config = tiny::side_file(*round_trip("llama-llama3").back, "config.json");
  CHECK(*config.find_path("rope_scaling.rope_type") == Json("llama3"));
  CHECK(*config.find_path("rope_scaling.factor") == Json(8.0));
  CHECK(*config.find_path("rope_scaling.original_max_position_embeddings") == Json(64));
}

TEST_CASE("hugging face view: a GGUF file with a tensor that the family does not know is refused",
          "[model]") {
  auto model = tiny::written(*tiny::gguf_view_of("llama"), "bf16");
  model.header.tensors[0].name = "blk.0.surprise.weight";
  CHECK_THROWS_WITH(make_view(tiny::open_memory(std::move(model)), "tiny.gguf", Dialect::huggingface, {}),
                    Catch::Matchers::Contains("blk.0.surprise.weight"));
}

TEST_CASE("hugging face view: token arrays of different lengths are refused", "[model]") {
  auto model = tiny::written(*tiny::gguf_view_of("llama"), "bf16");
  model.header.metadata.set("tokenizer.ggml.token_type", std::vector<std::int32_t>{1, 2});
  CHECK_THROWS_WITH(make_view(tiny::open_memory(std::move(model)), "tiny.gguf", Dialect::huggingface, {}),
                    Catch::Matchers::Contains("they must agree"));
}

TEST_CASE("hugging face view: experts come back in the form that is asked for", "[model][roundtrip]") {
  const auto [from, form, like] = GENERATE(table<std::string, std::string, std::string>(
      {{"qwen3moe", "fused", "qwen3moe-fused"}, {"qwen3moe-fused", "single", "qwen3moe"}}));
  INFO(from << " " << form);
  ViewOptions options;
  options.experts = form;
  const auto view = make_view(tiny::open_memory(tiny::written(*tiny::gguf_view_of(from), "bf16")),
                              "tiny.gguf", Dialect::huggingface, options);
  const auto expected = tiny::open_folder(tiny::folder(like));
  REQUIRE(view->tensors.size() == expected->header().tensors.size());
  std::vector<std::byte> scratch;
  for (std::size_t i = 0; i < view->tensors.size(); ++i) {
    INFO(view->tensors[i].name);
    const auto& stored = expected->header().tensors;
    std::size_t other = 0;
    while (other < stored.size() && stored[other].name != view->tensors[i].name) ++other;
    REQUIRE(other < stored.size());
    const Bytes bytes = expected->rows(other, 0, rows(stored[other].shape), scratch);
    CHECK(tiny::encoded(*view, i, "bf16") == std::vector<std::byte>(bytes.begin(), bytes.end()));
  }
}

TEST_CASE(
    "hugging face view: Mixtral's router and experts have the names of transformers 5 where they are fused",
    "[model][roundtrip]") {
  auto file = tiny::written(*tiny::gguf_view_of("mixtral-4"), "bf16");
  file.header.metadata.set("general.source.experts", std::string("fused"));
  const auto view = make_view(tiny::open_memory(std::move(file)), "tiny.gguf", Dialect::huggingface, {});
  std::set<std::string> names;
  for (const ViewTensor& tensor : view->tensors) names.insert(tensor.name);
  for (const char* name : {"mlp.gate.weight", "mlp.experts.gate_up_proj", "mlp.experts.down_proj"}) {
    INFO(name);
    CHECK(names.contains(std::string("model.layers.0.") + name));
  }
  CHECK(std::none_of(names.begin(), names.end(),
                     [](const auto& name) { return name.find("block_sparse_moe") != std::string::npos; }));
}

TEST_CASE("hugging face view: settings of sampling come back, and a warning names what does not",
          "[model][roundtrip]") {
  const tiny::Copy copy("llama");
  std::ofstream(copy.path() / "generation_config.json")
      << R"({"do_sample": true, "top_k": 64, "top_p": 0.95, "temperature": 0.7, "repetition_penalty": 1.1})";
  const auto gguf =
      make_view(tiny::open_folder(copy.path()), copy.path(), Dialect::gguf, options_of("llama"));
  const auto back =
      make_view(tiny::open_memory(tiny::written(*gguf, "f32")), "tiny.gguf", Dialect::huggingface, {});
  const Json generation = tiny::side_file(*back, "generation_config.json");
  const auto number = [&](const char* key) {
    const Json* value = generation.find(key);
    return value == nullptr ? -1 : value->number();
  };
  CHECK(number("top_k") == 64);
  CHECK(number("top_p") == 0.95);
  CHECK(number("temperature") == 0.7);
  CHECK(number("repetition_penalty") == 1.1);
  REQUIRE(generation.find("do_sample") != nullptr);
  CHECK(*generation.find("do_sample") == Json(true));
  CHECK(generation.find("_from_model_config") == nullptr);
  REQUIRE(back->warnings.size() == 1);
  CHECK_THAT(back->warnings[0], Catch::Contains("max_new_tokens"));
}

TEST_CASE("hugging face view: a form of experts is refused where there is none to choose", "[model]") {
  ViewOptions options;
  options.experts = "fused";
  CHECK_THROWS_WITH(make_view(tiny::open_memory(tiny::written(*tiny::gguf_view_of("llama"), "bf16")),
                              "tiny.gguf", Dialect::huggingface, options),
                    Catch::Matchers::Contains("has no meaning for the family 'llama'"));
  CHECK_THROWS_WITH(make_view(tiny::open_folder(tiny::folder("qwen3moe")), tiny::folder("qwen3moe"),
                              Dialect::huggingface, options),
                    Catch::Matchers::Contains("remove it"));
}
