// GGUF -> Hugging Face: what comes back is what went in.
#include "model/tiny_model.hpp"

#include <polyquant/base/error.hpp>
#include <polyquant/base/file.hpp>

#include <catch2/catch.hpp>

#include <cstring>

using namespace pq;

namespace {

constexpr const char* kNames[] = {"llama",        "llama-256",    "llama-bias", "llama-dynamic",
                                  "llama-linear", "llama-llama3", "llama-yarn", "gemma3"};

ViewOptions options_of(const std::string& name) {
  ViewOptions options;
  options.name = "Tiny";
  options.pre_tokenizer =
      name == "llama-256" || name == "llama-linear" || name == "gemma3" ? "" : "llama-bpe";
  return options;
}

struct RoundTrip {
  std::shared_ptr<const ModelReader> source;
  std::shared_ptr<const ModelView> gguf, back, again;
};

RoundTrip round_trip(const std::string& name) {
  RoundTrip trip;
  trip.source = tiny::open_folder(tiny::folder(name));
  trip.gguf = make_view(trip.source, tiny::folder(name), Dialect::gguf, options_of(name));
  trip.back =
      make_view(tiny::open_memory(tiny::written(*trip.gguf, "bf16")), "tiny.gguf", Dialect::huggingface, {});
  trip.again = make_view(tiny::open_memory(tiny::written(*trip.back, "bf16")), "tiny", Dialect::gguf,
                         options_of(name));
  return trip;
}

Json side_file(const ModelView& view, const std::string& name) {
  for (const SideFile& file : view.side_files)
    if (file.name == name) return parse_json(file.content, name);
  return Json();
}

}  // namespace

TEST_CASE("hugging face view: HF -> GGUF -> HF gives the same names, shapes and bytes",
          "[model][roundtrip]") {
  const std::string name = GENERATE(from_range(std::begin(kNames), std::end(kNames)));
  INFO(name);
  const RoundTrip trip = round_trip(name);
  const ModelHeader& source = trip.source->header();
  REQUIRE(trip.back->tensors.size() == source.tensors.size());
  std::vector<std::byte> scratch;
  for (std::size_t i = 0; i < source.tensors.size(); ++i) {
    const TensorInfo& expected = source.tensors[i];
    INFO(expected.name);
    std::size_t index = 0;
    while (index < trip.back->tensors.size() && trip.back->tensors[index].name != expected.name) ++index;
    REQUIRE(index < trip.back->tensors.size());
    CHECK(trip.back->tensors[index].shape == expected.shape);
    const Bytes bytes = trip.source->rows(i, 0, rows(expected.shape), scratch);
    CHECK(tiny::encoded(*trip.back, index, expected.encoding) ==
          std::vector<std::byte>(bytes.begin(), bytes.end()));
  }
}

TEST_CASE("hugging face view: HF -> GGUF -> HF -> GGUF gives the same GGUF", "[model][roundtrip]") {
  const std::string name = GENERATE(from_range(std::begin(kNames), std::end(kNames)));
  INFO(name);
  const RoundTrip trip = round_trip(name);
  REQUIRE(trip.again->tensors.size() == trip.gguf->tensors.size());
  for (std::size_t i = 0; i < trip.gguf->tensors.size(); ++i) {
    const ViewTensor& tensor = trip.gguf->tensors[i];
    INFO(tensor.name);
    CHECK(trip.again->tensors[i].name == tensor.name);
    const std::string encoding = tensor.keep_f32 ? "f32" : "bf16";
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
  const Json config = side_file(*round_trip("llama-llama3").back, "config.json");
  CHECK(*config.find_path("rope_scaling.rope_type") == Json("llama3"));
  CHECK(*config.find_path("rope_scaling.factor") == Json(8.0));
  CHECK(*config.find_path("rope_scaling.original_max_position_embeddings") == Json(64));
}

TEST_CASE("hugging face view: config.json has the keys of the source", "[model][roundtrip]") {
  const std::string name = GENERATE(from_range(std::begin(kNames), std::end(kNames)));
  INFO(name);
  const Json source = parse_json(read_text_file(tiny::folder(name) / "config.json", 1 << 20), name);
  const Json config = side_file(*round_trip(name).back, "config.json");
  for (const char* key : {"architectures", "model_type", "hidden_size", "intermediate_size",
                          "num_hidden_layers", "num_attention_heads", "num_key_value_heads", "head_dim",
                          "rms_norm_eps", "vocab_size", "max_position_embeddings", "tie_word_embeddings",
                          "bos_token_id", "eos_token_id", "attention_bias", "rope_theta", "sliding_window"}) {
    const Json* expected = source.find(key);
    if (expected == nullptr) continue;
    INFO(key);
    REQUIRE(config.find(key) != nullptr);
    CHECK((*config.find(key) == *expected ||
           (expected->is_number() && config.find(key)->number() == expected->number())));
  }
}

TEST_CASE("hugging face view: a GGUF file with a tensor that the family does not know is refused",
          "[model]") {
  const auto gguf = make_view(tiny::open_folder(tiny::folder("llama")), tiny::folder("llama"), Dialect::gguf,
                              options_of("llama"));
  auto model = tiny::written(*gguf, "bf16");
  model.header.tensors[0].name = "blk.0.surprise.weight";
  CHECK_THROWS_WITH(make_view(tiny::open_memory(std::move(model)), "tiny.gguf", Dialect::huggingface, {}),
                    Catch::Matchers::Contains("blk.0.surprise.weight"));
}

TEST_CASE("hugging face view: token arrays of different lengths are refused", "[model]") {
  const auto gguf = make_view(tiny::open_folder(tiny::folder("llama")), tiny::folder("llama"), Dialect::gguf,
                              options_of("llama"));
  auto model = tiny::written(*gguf, "bf16");
  model.header.metadata.set("tokenizer.ggml.token_type", std::vector<std::int32_t>{1, 2});
  CHECK_THROWS_WITH(make_view(tiny::open_memory(std::move(model)), "tiny.gguf", Dialect::huggingface, {}),
                    Catch::Matchers::Contains("they must agree"));
}
