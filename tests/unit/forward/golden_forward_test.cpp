// All golden checkpoints against transformers: logits of 40 tokens, and the residual stream behind every layer.
#include "forward/tiny_forward.hpp"
#include "golden_dir.hpp"
#include "model/tiny_model.hpp"

#include <polyquant/base/file.hpp>

#include <catch2/catch.hpp>

#include <cmath>
#include <cstdlib>
#include <filesystem>

using namespace pq;

namespace {

// Of the largest logit. Two f32 implementations differ by 1e-6 of it (tests/golden/README.md).
constexpr float kTolerance = 1e-5f;
// Relative; the file has nine digits of f32 values.
constexpr double kHiddenTolerance = 1e-4;

std::size_t best(const std::vector<float>& logits, std::size_t row, std::size_t vocabulary) {
  const auto begin = logits.begin() + static_cast<std::ptrdiff_t>(row * vocabulary);
  return static_cast<std::size_t>(std::max_element(begin, begin + static_cast<std::ptrdiff_t>(vocabulary)) -
                                  begin);
}

void check_logits(const std::vector<float>& logits, const tiny::Expected& expected) {
  REQUIRE(logits.size() == expected.logits.size());
  CHECK(tiny::difference(logits, expected.logits) <= kTolerance * expected.largest);
  const auto vocabulary = static_cast<std::size_t>(expected.vocabulary);
  for (std::size_t row = 0; row < expected.tokens.size(); ++row) {
    INFO("token " << row);
    CHECK(best(logits, row, vocabulary) == best(expected.logits, row, vocabulary));
  }
}

// What a GGUF file cannot say, so that it computes something else (tests/golden/README.md).
bool is_lost_in_gguf(const std::string& name) {
  return name == "llama-dynamic" || name == "mistral" || name == "gemma2-scalar";
}

class HiddenStates final : public Observer {
 public:
  explicit HiddenStates(Device& device) : device_(device) {}
  void after_layer(int layer, const Batch&, const DeviceMatrix& hidden) override {
    add(layer < 0 ? "layer 0 input" : "layer " + std::to_string(layer) + " output", hidden);
  }
  void at_site(const Site& site, const Batch&, const DeviceMatrix& inputs) override {
    if (site.name == "head_in") add("final norm output", inputs);
  }
  std::map<std::string, std::vector<float>> states;

 private:
  void add(const std::string& name, const DeviceMatrix& matrix) {
    const std::vector<float> values = tiny::downloaded(device_, matrix);
    states[name].insert(states[name].end(), values.begin(), values.end());
  }
  Device& device_;
};

double length(const float* values, std::size_t count) {
  double sum = 0;
  for (std::size_t i = 0; i < count; ++i)
    sum += static_cast<double>(values[i]) * static_cast<double>(values[i]);
  return std::sqrt(sum);
}

}  // namespace

TEST_CASE("forward: a folder's logits are those of transformers", "[forward][golden]") {
  const std::string name = GENERATE(from_range(tiny::checkpoints()));
  INFO(name);
  const tiny::Expected expected = tiny::expected_logits(name);
  tiny::Runner runner(tiny::open_folder(tiny::folder(name)), tiny::folder(name));
  check_logits(runner.logits({expected.tokens}), expected);
}

TEST_CASE("forward: the GGUF file that is made of a folder has the same logits", "[forward][golden]") {
  const std::string name = GENERATE(from_range(tiny::checkpoints()));
  INFO(name);
  const tiny::Expected expected = tiny::expected_logits(name);
  const auto view = tiny::gguf_view_of(name);
  tiny::Runner runner(tiny::open_memory(tiny::written(*view, "f32")), name + ".gguf");
  const std::vector<float> logits = runner.logits({expected.tokens});
  if (!is_lost_in_gguf(name)) return check_logits(logits, expected);
  CHECK_FALSE(view->warnings.empty());
  CHECK(tiny::difference(logits, expected.logits) > kTolerance * expected.largest);
}

TEST_CASE("forward: the residual stream behind every layer is that of transformers", "[forward][golden]") {
  const std::string name = GENERATE(from_range(tiny::checkpoints()));
  const tiny::Expected expected = tiny::expected_logits(name);
  tiny::Runner runner(tiny::open_folder(tiny::folder(name)), tiny::folder(name));
  HiddenStates hidden(runner.device());
  runner.logits({expected.tokens}, &hidden);
  const Json golden =
      parse_json(read_text_file(pq_test::golden_dir() / "tiny_hidden.json", 1 << 20), "tiny_hidden.json");
  const Json::Object& stages = golden.find(name)->object();
  CHECK(hidden.states.size() == stages.size());
  for (const auto& [stage, values] : stages) {
    INFO(name << ", " << stage);
    const std::vector<float>& state = hidden.states.at(stage);
    const std::size_t width = state.size() / expected.tokens.size();
    const float* last = state.data() + state.size() - width;
    const double last_length = values.find("last_l2")->number();
    CHECK(length(state.data(), state.size()) ==
          Approx(values.find("all_l2")->number()).epsilon(kHiddenTolerance));
    CHECK(length(last, width) == Approx(last_length).epsilon(kHiddenTolerance));
    const Json::Array& first = values.find("last_first8")->array();
    for (std::size_t i = 0; i < first.size(); ++i)
      CHECK(std::abs(static_cast<double>(last[i]) - first[i].number()) <= kHiddenTolerance * last_length);
  }
}

// tests/acceptance/test_logits.py runs it, with the folder that has the models: they are too large for the tree.
TEST_CASE("forward: the residual stream of the real models is that of transformers", "[.real]") {
  const std::string name =
      GENERATE(as<std::string>(), "SmolLM2-135M-Instruct", "SmolLM2-135M-wide", "gemma-3-270m");
  const char* folder = std::getenv("POLYQUANT_MODELS");
  REQUIRE(folder != nullptr);
  const std::filesystem::path path = std::filesystem::path(folder) / name;
  tiny::Runner runner(tiny::open_folder(path), path, 2);
  const std::string file = name + ".forward.json";
  const Json golden = parse_json(read_text_file(pq_test::golden_dir() / "models" / file, 1 << 20), file);
  const std::string last_layer =
      "layer " + std::to_string(runner.model().view()->facts.layers - 1) + " output";
  const std::map<std::string, std::string> places = {{"embedding", "layer 0 input"},
                                                     {"layer_0", "layer 0 output"},
                                                     {"layer_1", "layer 1 output"},
                                                     {"layer_last", last_layer}};
  for (const Json& prompt : golden.find("prompts")->array()) {
    std::vector<std::int32_t> tokens;
    for (const Json& id : prompt.find("ids")->array())
      tokens.push_back(static_cast<std::int32_t>(id.integer()));
    HiddenStates hidden(runner.device());
    runner.logits({tokens}, &hidden);
    for (const auto& [place, values] : prompt.find("hidden_last_position")->object()) {
      INFO(name << ", " << prompt.find("name")->string() << ", " << place);
      const std::vector<float>& state = hidden.states.at(places.at(place));
      const std::size_t width = state.size() / tokens.size();
      const float* last = state.data() + state.size() - width;
      const double wanted = prompt.find("hidden_last_position_l2")->find(place)->number();
      CHECK(length(last, width) == Approx(wanted).epsilon(kHiddenTolerance));
      const Json::Array& first = values.array();
      for (std::size_t i = 0; i < first.size(); ++i)
        CHECK(std::abs(static_cast<double>(last[i]) - first[i].number()) <= kHiddenTolerance * wanted);
    }
  }
}
