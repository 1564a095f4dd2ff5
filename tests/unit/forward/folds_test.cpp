// Scales that move between tensors leave the model as it is.
#include "forward/folds.hpp"
#include "forward/tiny_forward.hpp"
#include "model/tiny_model.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <cmath>
#include <memory>
#include <random>
#include <set>

using namespace pq;

namespace {

/// The weights of a model with scales of all folds in them.
class ScaledWeights final : public WeightSource {
 public:
  ScaledWeights(const WeightSource& original, const FoldMap& map, std::vector<ChannelScales> scales)
      : original_(original), map_(map), scales_(std::move(scales)) {}
  const ModelView& view() const override { return original_.view(); }
  void read(std::size_t tensor, std::int64_t first, Matrix out,
            std::vector<std::byte>& scratch) const override {
    original_.read(tensor, first, out, scratch);
    map_.scale(scales_, view(), tensor, first, out);
  }

 private:
  const WeightSource& original_;
  const FoldMap& map_;
  std::vector<ChannelScales> scales_;
};

/// Between 1/4 and 4.
std::vector<ChannelScales> random_scales(const std::vector<Fold>& folds) {
  std::mt19937 random(7);
  std::vector<ChannelScales> scales;
  for (const Fold& fold : folds) {
    ChannelScales& made = scales.emplace_back();
    for (std::int64_t c = 0; c < fold.channels; ++c)
      made.channels.push_back(std::exp2(static_cast<float>(random() % 4001) / 1000.0f - 2.0f));
    made.columns = made.channels;
    if (fold.channel_of_column.empty()) continue;
    made.columns.clear();
    for (const std::int32_t c : fold.channel_of_column)
      made.columns.push_back(made.channels[static_cast<std::size_t>(c)]);
  }
  return scales;
}

std::set<std::string> folds_of_layer(const ForwardModel& model, int layer) {
  std::set<std::string> names;
  for (const Fold& fold : model.folds())
    if (fold.layer == layer) names.insert(fold.producer);
  return names;
}

}  // namespace

TEST_CASE("folds: a model with scales in all folds has the same logits", "[forward][folds]") {
  const std::string name = GENERATE(from_range(tiny::checkpoints()));
  INFO(name);
  const tiny::Expected expected = tiny::expected_logits(name);
  tiny::Runner runner(tiny::open_folder(tiny::folder(name)), tiny::folder(name));
  const ForwardModel& model = runner.model();
  runner.use(
      std::make_unique<ScaledWeights>(runner.weights(), model.fold_map(), random_scales(model.folds())));
  CHECK(tiny::difference(runner.logits({expected.tokens}), expected.logits) <= 1e-4f * expected.largest);
}

TEST_CASE("folds: scales that are taken back leave the rows as they were", "[forward][folds]") {
  tiny::Runner runner(tiny::open_folder(tiny::folder("gemma2")), tiny::folder("gemma2"));
  const ForwardModel& model = runner.model();
  const std::vector<ChannelScales> scales = random_scales(model.folds());
  std::size_t changed = 0;
  for (std::size_t t = 0; t < model.view()->tensors.size(); ++t) {
    const Shape& shape = model.view()->tensors[t].shape;
    std::vector<float> original(static_cast<std::size_t>(elements(shape)));
    std::vector<std::byte> scratch;
    const Matrix rows{original.data(), pq::rows(shape), cols(shape), cols(shape)};
    runner.weights().read(t, 0, rows, scratch);
    std::vector<float> there = original;
    const Matrix moved{there.data(), rows.rows, rows.cols, rows.cols};
    model.fold_map().scale(scales, *model.view(), t, 0, moved);
    CHECK((there != original) == !model.fold_map().of(*model.view(), t).empty());
    changed += there != original ? 1 : 0;
    model.fold_map().scale(scales, *model.view(), t, 0, moved, true);
    CHECK(tiny::difference(there, original) <= 1e-5f);
  }
  CHECK(changed > 0);
}

TEST_CASE("folds: the usual decoder has four in every layer", "[forward][folds]") {
  const std::string name = GENERATE(as<std::string>(), "llama", "qwen3", "gemma2");
  tiny::Runner runner(tiny::open_folder(tiny::folder(name)), tiny::folder(name));
  const std::string mlp = name == "gemma2" ? "pre_feedforward_layernorm" : "post_attention_layernorm";
  CHECK(folds_of_layer(runner.model(), 1) == std::set<std::string>{"model.layers.1.input_layernorm.weight",
                                                                   "model.layers.1.self_attn.v_proj.weight",
                                                                   "model.layers.1." + mlp + ".weight",
                                                                   "model.layers.1.mlp.up_proj.weight"});
}

TEST_CASE("folds: nothing is scaled that something else reads", "[forward][folds]") {
  // The norms of OLMo 2 lie behind attention and MLP: what the products read is the residual stream.
  tiny::Runner runner(tiny::open_folder(tiny::folder("olmo2")), tiny::folder("olmo2"));
  CHECK(folds_of_layer(runner.model(), 0) ==
        std::set<std::string>{"model.layers.0.self_attn.v_proj.weight", "model.layers.0.mlp.up_proj.weight"});
}

TEST_CASE("folds: routers and all experts read what a norm makes", "[forward][folds]") {
  const std::string name = GENERATE(as<std::string>(), "mixtral-8", "qwen2moe");
  INFO(name);
  tiny::Runner runner(tiny::open_folder(tiny::folder(name)), tiny::folder(name));
  std::set<std::string> readers;
  for (const Fold& fold : runner.model().folds())
    if (fold.producer == "model.layers.0.post_attention_layernorm.weight")
      for (const WeightSlice& reader : fold.readers)
        readers.insert(runner.model().view()->tensors[reader.tensor].name);
  const auto has = [&](const char* part) {
    return std::any_of(readers.begin(), readers.end(),
                       [&](const std::string& reader) { return reader.find(part) != std::string::npos; });
  };
  CHECK(has("gate.weight"));
  CHECK(has("experts"));
  CHECK(has("shared_expert_gate") == (name == "qwen2moe"));
}
