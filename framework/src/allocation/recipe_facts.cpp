#include "allocation/recipe_facts.hpp"

#include <polyquant/base/metadata.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <map>
#include <numeric>
#include <string_view>
#include <tuple>
#include <utility>

namespace pq {
namespace {

/// Parts of GGUF names and what they mean, in the order in which llama-quantize asks.
constexpr std::array<std::pair<std::string_view, std::string_view>, 9> kNameParts = {{
    {"attn_qkv.weight", "attention_v"},
    {"attn_kv_b.weight", "attention_v"},
    {"attn_v.weight", "attention_v"},
    {"attn_k.weight", "attention_k"},
    {"attn_q.weight", "attention_q"},
    {"attn_output.weight", "attention_output"},
    {"ffn_up", "ffn_up"},
    {"ffn_gate", "ffn_gate"},
    {"ffn_down", "ffn_down"},
}};

/// Biases, scales and routers have names like those of the matrices beside them, but no category.
bool has_category(const ViewTensor& tensor) {
  return dimensions(tensor.shape) > 1 && tensor.name.ends_with("weight") &&
         tensor.name.find("ffn_gate_inp.") == std::string::npos &&
         tensor.name.find("_norm.weight") == std::string::npos;
}

std::string gguf_category(const std::string& name) {
  if (name == "output.weight") return "output";
  if (name == "token_embd.weight" || name == "per_layer_token_embd.weight") return "embedding";
  for (const auto& [part, category] : kNameParts)
    if (name.find(part) != std::string::npos) return std::string(category);
  return "";
}

std::string huggingface_category(const std::string& role) {
  if (role == "attention_qkv" || role == "attention_kv_b") return "attention_v";
  for (const auto& [part, category] : kNameParts)
    if (role == category) return role;
  return role == "output" || role == "embedding" ? role : "";
}

bool is_feed_forward(const std::string& category) { return category.starts_with("ffn_"); }

/// The block number at the front of "blk.7.ffn_up.weight"; -1 = none.
int block_of(const std::string& name) {
  int block = -1;
  if (!name.starts_with("blk.")) return -1;
  const char* first = name.data() + 4;
  const auto [end, error] = std::from_chars(first, name.data() + name.size(), block);
  return error == std::errc() && end != name.data() + name.size() && *end == '.' ? block : -1;
}

int layer_of(const ModelView& view, const ViewTensor& tensor) {
  return view.dialect == Dialect::gguf ? block_of(tensor.name) : tensor.layer;
}

constexpr std::int64_t kMost =
    1'000'000;  // far above every model, so that damaged files cannot make sums overflow

/// A whole number of the metadata, between 0 and kMost; of a list (one number per layer) the first.
std::int64_t integer(const Metadata& metadata, const std::string& key, std::int64_t fallback) {
  const MetaValue* value = metadata.find(key);
  if (value == nullptr) return fallback;
  const std::int64_t number = std::visit(
      [&](const auto& x) -> std::int64_t {
        using T = std::decay_t<decltype(x)>;
        if constexpr (std::is_integral_v<T>) {
          return static_cast<std::int64_t>(x);
        } else if constexpr (requires { x.front(); }) {
          if constexpr (std::is_integral_v<std::decay_t<decltype(x.front())>> &&
                        !std::is_same_v<T, std::string>)
            return x.empty() ? fallback : static_cast<std::int64_t>(x.front());
        }
        return fallback;
      },
      *value);
  return std::clamp<std::int64_t>(number, 0, kMost);
}

void add_gguf_model(RecipeFacts& facts, const ModelView& view) {
  facts.architecture = view.metadata.string("general.architecture", "");
  const std::string prefix = facts.architecture + ".";
  facts.layers = integer(view.metadata, prefix + "block_count", 0);
  facts.heads = integer(view.metadata, prefix + "attention.head_count", 0);
  facts.key_value_heads = integer(view.metadata, prefix + "attention.head_count_kv", facts.heads);
  facts.experts = integer(view.metadata, prefix + "expert_count", 0);
}

void add_huggingface_model(RecipeFacts& facts, const ModelView& view) {
  facts.architecture = view.facts.family;
  facts.layers = view.facts.layers;
  facts.heads = view.facts.attention_heads;
  facts.key_value_heads = view.facts.key_value_heads;
  facts.experts = view.facts.experts;
}

/// Tensors by block, then name: the order in which llama-quantize counts.
std::vector<std::size_t> counting_order(const ModelView& view) {
  std::vector<std::size_t> order(view.tensors.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::vector<int> layers;
  for (const ViewTensor& tensor : view.tensors) layers.push_back(layer_of(view, tensor));
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return std::tie(layers[a], view.tensors[a].name) < std::tie(layers[b], view.tensors[b].name);
  });
  return order;
}

}  // namespace

int dimensions(const Shape& shape) {
  const auto first = std::find_if(shape.begin(), shape.end(), [](std::int64_t n) { return n != 1; });
  return static_cast<int>(shape.end() - first);
}

RecipeFacts recipe_facts(const ModelView& view, bool has_importance) {
  RecipeFacts facts;
  facts.dialect = view.dialect;
  facts.has_importance = has_importance;
  if (view.dialect == Dialect::gguf)
    add_gguf_model(facts, view);
  else
    add_huggingface_model(facts, view);

  facts.places.resize(view.tensors.size());
  bool has_output = false;
  for (std::size_t i = 0; i < view.tensors.size(); ++i) {
    const ViewTensor& tensor = view.tensors[i];
    std::string& category = facts.places[i].category;
    if (view.dialect == Dialect::huggingface)
      category = dimensions(tensor.shape) > 1 ? huggingface_category(tensor.role) : "";
    else if (has_category(tensor))
      category = gguf_category(tensor.name);
    has_output = has_output || category == "output";
  }
  facts.tied_output = !has_output;

  std::map<std::string, std::int64_t> counts;
  for (const std::size_t i : counting_order(view)) {
    TensorPlace& place = facts.places[i];
    if (facts.tied_output && place.category == "embedding") place.category = "output";
    place.count = counts[place.category]++;
    const int layer = layer_of(view, view.tensors[i]);
    const bool by_block = is_feed_forward(place.category) && facts.experts > 1 && layer >= 0;
    place.place = by_block ? layer : place.count;
  }
  for (TensorPlace& place : facts.places)
    place.places =
        is_feed_forward(place.category) && facts.layers > 0 ? facts.layers : counts[place.category];
  return facts;
}

}  // namespace pq
