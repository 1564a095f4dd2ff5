#include "model/sampling.hpp"

#include <catch2/catch.hpp>

#include <limits>

using namespace pq;
using Catch::Contains;

namespace {

struct Restored {
  Json generation = json_object({{"_from_model_config", true}, {"bos_token_id", 1}});
  std::vector<std::string> warnings;
};

Restored restored(const Metadata& metadata) {
  Restored result;
  restore_sampling(result.generation, metadata, "tiny.gguf", result.warnings);
  return result;
}

Restored restored(const std::string& key, MetaValue value) {
  Metadata metadata;
  metadata.set("general.sampling." + key, std::move(value));
  return restored(metadata);
}

const Json kUnchanged = json_object({{"_from_model_config", true}, {"bos_token_id", 1}});

}  // namespace

TEST_CASE("sampling: a file without settings leaves generation_config.json as it is", "[model][sampling]") {
  const Restored result = restored(Metadata());
  CHECK(result.generation == kUnchanged);
  CHECK(result.warnings.empty());
}

TEST_CASE("sampling: settings of a folder come back from the file", "[model][sampling]") {
  const Json original = json_object(
      {{"top_k", 64}, {"top_p", 0.95}, {"min_p", 0.1}, {"temperature", 0.7}, {"repetition_penalty", 1.1}});
  Metadata metadata;
  add_sampling(metadata, original, "generation_config.json");
  const Restored result = restored(metadata);
  for (const auto& [key, value] : original.object()) {
    INFO(key);
    REQUIRE(result.generation.find(key) != nullptr);
    CHECK(*result.generation.find(key) == value);
  }
  CHECK(result.warnings.empty());
}

TEST_CASE("sampling: do_sample says whether the settings draw tokens", "[model][sampling]") {
  CHECK(restored("top_k", std::int32_t{20}).generation ==
        json_object({{"bos_token_id", 1}, {"top_k", 20}, {"do_sample", true}}));
  // Also the way in which a number of another type becomes the one that transformers wants.
  CHECK(restored("temp", std::uint32_t{1}).generation ==
        json_object({{"bos_token_id", 1}, {"temperature", 1.0}, {"do_sample", true}}));
  CHECK(restored("temp", 0.0f).generation ==
        json_object({{"bos_token_id", 1}, {"temperature", 0.0}, {"do_sample", false}}));
  CHECK(restored("penalty_repeat", 1.5f).generation ==
        json_object({{"bos_token_id", 1}, {"repetition_penalty", 1.5}}));
}

TEST_CASE("sampling: what is no such setting is left out, and one warning names its key",
          "[model][sampling][hostile]") {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  using Setting = std::pair<std::string, MetaValue>;
  const std::vector<Setting> wrong = {{"temp", std::numeric_limits<float>::quiet_NaN()},
                                      {"temp", -1.0f},
                                      {"top_p", kInfinity},
                                      {"top_p", 1.5},
                                      {"top_p", true},
                                      {"top_k", std::string("many")},
                                      {"top_k", 2.5f},
                                      {"top_k", std::int32_t{-1}},
                                      {"top_k", std::numeric_limits<std::uint64_t>::max()},
                                      {"min_p", std::vector<float>{0.1f, 0.2f}},
                                      {"penalty_repeat", 0.0f},
                                      {"mirostat_tau", -kInfinity}};
  const Setting setting = GENERATE_REF(from_range(wrong));
  INFO(setting.first << " = " << display(setting.second));
  const Restored result = restored(setting.first, setting.second);
  CHECK(result.generation == kUnchanged);
  REQUIRE(result.warnings.size() == 1);
  CHECK_THAT(result.warnings[0], Contains("tiny.gguf: 'general.sampling." + setting.first + "'"));
}
