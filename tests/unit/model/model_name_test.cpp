#include "model/model_name.hpp"

#include <catch2/catch.hpp>

#include <tuple>

using namespace pq;

// Parts as llama.cpp's gguf-py (tests/test_metadata.py and metadata.py) splits these names.
TEST_CASE("model name: parts", "[model][golden]") {
  const auto [name, parameters, basename, size, finetune, version] =
      GENERATE(table<std::string, std::int64_t, std::string, std::string, std::string, std::string>(
          {{"SmolLM2-135M-Instruct", 134515008, "SmolLM2", "135M", "Instruct", ""},
           {"Mixtral-8x7B-Instruct-v0.1", 46702792704, "Mixtral", "8x7B", "Instruct", "v0.1"},
           {"gemma-3-270m", 268098176, "gemma-3", "270M", "", ""},
           {"llama-256", 449000, "llama", "", "", "256"},
           {"deepseek-v2", 600000, "deepseek", "", "", "v2"},
           {"falcon-40b", 105000, "falcon", "", "40b", ""},
           {"Meta-Llama-3-8B", 8030261248, "Meta-Llama-3", "8B", "", ""},
           {"Phi-3-mini-4k-instruct", 3821079552, "Phi-3", "mini", "4k-instruct", ""},
           {"llama", 98000, "", "", "", ""},
           {"bloom-7b1", 7069016064, "bloom", "7.1B", "", ""}}));
  INFO(name);
  const ModelNameParts parts = parse_model_name(name, parameters);
  CHECK(parts.basename == basename);
  CHECK(parts.size_label == size);
  CHECK(parts.finetune == finetune);
  CHECK(parts.version == version);
}

TEST_CASE("model name: the organization stands before the slash", "[model]") {
  CHECK(parse_model_name("mistralai/Mistral-7B", 7241732096).organization == "mistralai");
  CHECK(parse_model_name("./Mistral-7B", 7241732096).organization.empty());
}

TEST_CASE("model name: titles", "[model]") {
  CHECK(title_of("SmolLM2-135M-Instruct") == "SmolLM2 135M Instruct");
  CHECK(title_of("gemma-3-270m") == "Gemma 3 270m");
  CHECK(title_of("deepseek-v2-lite") == "Deepseek v2 Lite");
  CHECK(title_of("gpt2") == "Gpt2");
}

// gguf.json of the tiny checkpoints and convert_hf_to_gguf.py, Metadata.get_model_id_components.
TEST_CASE("model name: size labels", "[model][golden]") {
  CHECK(size_label(8030000000, 0) == "8.0B");
  CHECK(size_label(134515008, 0) == "135M");
  CHECK(size_label(97600, 0) == "98K");
  CHECK(size_label(81900, 8) == "8x82K");
  CHECK(size_label(1000, 0) == "1.0K");
}
