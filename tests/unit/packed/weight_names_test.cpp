#include "common/weight_names.hpp"

#include <catch2/catch.hpp>

using namespace pq;

TEST_CASE("packed folders: the weights are told from other files by their names", "[formats][packed]") {
  using Bases = std::set<std::string>;
  CHECK(hf::weight_bases({"model.safetensors", "consolidated.safetensors"}) == Bases{"model"});
  CHECK(hf::weight_bases({"model-00001-of-00002.safetensors", "model.safetensors.index.json"}) ==
        Bases{"model"});
  CHECK(hf::weight_bases({"gptq_model-4bit.safetensors", "adapter_model.safetensors"}) ==
        Bases{"gptq_model-4bit"});
  CHECK(hf::weight_bases({"x.safetensors.index.json", "x-1-of-2.safetensors", "y.safetensors"}) ==
        Bases{"x"});
  CHECK(hf::weight_bases({"model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"}) ==
        Bases{"model"});
  CHECK(hf::weight_bases({"gptq_model-4bit-00001-of-00003.safetensors"}) == Bases{"gptq_model-4bit"});
  CHECK(hf::weight_bases({"-of-1.safetensors", "a-1-of-.safetensors"}) == Bases{"-of-1", "a-1-of-"});
  CHECK(hf::weight_bases({"config.json"}).empty());
}
