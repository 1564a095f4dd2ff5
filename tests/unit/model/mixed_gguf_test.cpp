// GGUF files whose tensors are not what the newest converter writes: mixed encodings, single experts, uncut latent keys and values.
#include "model/tiny_model.hpp"

#include <polyquant/base/error.hpp>

#include <catch2/catch.hpp>

#include <algorithm>

using namespace pq;

namespace {

tiny::MemoryModel gguf_of(const std::string& name, const std::string& encoding = "bf16") {
  return tiny::written(*tiny::gguf_view_of(name), encoding);
}

std::shared_ptr<const ModelView> folder_view(tiny::MemoryModel model) {
  return make_view(tiny::open_memory(std::move(model)), "tiny.gguf", Dialect::huggingface, {});
}

std::vector<float> weights(const ModelView& view, std::size_t index) {
  const ViewTensor& tensor = view.tensors[index];
  std::vector<float> out(static_cast<std::size_t>(elements(tensor.shape)));
  const std::int64_t width = cols(tensor.shape);
  std::vector<std::byte> scratch;
  read_decoded_rows(view, index, 0, Matrix{out.data(), rows(tensor.shape), width, width},
                    RowDecoder::find(view, tensor, tiny::float_encoding), scratch);
  return out;
}

/// Stores the tensors whose name has `part` as f32.
void widen(tiny::MemoryModel& model, const std::string& part) {
  for (std::size_t i = 0; i < model.header.tensors.size(); ++i) {
    TensorInfo& info = model.header.tensors[i];
    if (info.name.find(part) == std::string::npos || info.encoding != "bf16") continue;
    std::vector<std::byte> wide;
    for (std::size_t at = 0; at < model.data[i].size(); at += 2) {
      wide.insert(wide.end(), 2, std::byte{0});
      wide.insert(wide.end(), {model.data[i][at], model.data[i][at + 1]});
    }
    model.data[i] = std::move(wide);
    info.encoding = "f32";
    info.row_bytes *= 2;
  }
}

void check_same_weights(const ModelView& view, const ModelView& expected) {
  REQUIRE(view.tensors.size() == expected.tensors.size());
  for (std::size_t i = 0; i < view.tensors.size(); ++i) {
    const auto same = [&](const ViewTensor& tensor) { return tensor.name == view.tensors[i].name; };
    const auto found = std::find_if(expected.tensors.begin(), expected.tensors.end(), same);
    INFO(view.tensors[i].name);
    REQUIRE(found != expected.tensors.end());
    CHECK(view.tensors[i].shape == found->shape);
    CHECK(weights(view, i) == weights(expected, static_cast<std::size_t>(found - expected.tensors.begin())));
  }
}

/// Every stack of experts as tensors of their own, the last expert first.
void split_experts(tiny::MemoryModel& model) {
  tiny::MemoryModel split;
  split.header.dialect = model.header.dialect;
  split.header.metadata = model.header.metadata;
  for (std::size_t i = 0; i < model.header.tensors.size(); ++i) {
    const TensorInfo& info = model.header.tensors[i];
    const std::size_t stack = info.name.find("_exps.weight");
    const std::int64_t experts = stack == std::string::npos ? 1 : info.shape[0];
    for (std::int64_t e = experts; e-- > 0;) {
      TensorInfo one = info;
      if (experts > 1) {
        one.name = info.name.substr(0, stack) + "." + std::to_string(e) + ".weight";
        one.shape.erase(one.shape.begin());
      }
      const auto bytes = static_cast<std::ptrdiff_t>(one.bytes());
      split.data.emplace_back(model.data[i].begin() + e * bytes, model.data[i].begin() + (e + 1) * bytes);
      split.header.tensors.push_back(std::move(one));
    }
  }
  model = std::move(split);
}

/// blk.N.attn_kv_b.weight of files from before 2025-04: the matrix of the folder; beside the cut ones, or in their place.
void join_keys_and_values(tiny::MemoryModel& model, const ModelView& folder, bool keep_cut) {
  const std::string end = "self_attn.kv_b_proj.weight";
  for (std::size_t i = 0; i < folder.tensors.size(); ++i) {
    const ViewTensor& tensor = folder.tensors[i];
    if (!tensor.name.ends_with(end)) continue;
    TensorInfo info;
    info.name = "blk." + std::to_string(tensor.layer) + ".attn_kv_b.weight";
    info.shape = tensor.shape;
    info.encoding = "bf16";
    info.row_bytes = static_cast<std::uint64_t>(cols(tensor.shape)) * 2;
    model.data.push_back(tiny::encoded(folder, i, "bf16"));
    model.header.tensors.push_back(std::move(info));
  }
  for (std::size_t i = model.header.tensors.size(); i-- > 0 && !keep_cut;) {
    const std::string& name = model.header.tensors[i].name;
    if (!name.ends_with(".attn_k_b.weight") && !name.ends_with(".attn_v_b.weight")) continue;
    model.data.erase(model.data.begin() + static_cast<std::ptrdiff_t>(i));
    model.header.tensors.erase(model.header.tensors.begin() + static_cast<std::ptrdiff_t>(i));
  }
}

}  // namespace

TEST_CASE("mixed gguf: uncut latent keys and values are taken, also beside the cut ones",
          "[model][roundtrip]") {
  const std::string name = GENERATE("deepseek-v2", "deepseek-v3");
  const bool keep_cut = GENERATE(false, true);
  INFO(name);
  const auto today = folder_view(gguf_of(name));
  tiny::MemoryModel old = gguf_of(name);
  join_keys_and_values(old, *today, keep_cut);
  check_same_weights(*folder_view(std::move(old)), *today);
}

TEST_CASE("mixed gguf: parts of one tensor have encodings of their own", "[model][roundtrip]") {
  const auto [name, part] = GENERATE(table<std::string, std::string>({{"deepseek-v2", "attn_v_b"},
                                                                      {"deepseek-v3", "attn_k_b"},
                                                                      {"gpt-oss", "ffn_up_exps.weight"},
                                                                      {"granitemoe", "ffn_gate_exps"}}));
  INFO(name);
  tiny::MemoryModel mixed = gguf_of(name);
  widen(mixed, part);
  const auto view = folder_view(std::move(mixed));
  const auto is_mixed = [](const ViewTensor& tensor) { return tensor.mixed_encodings == "bf16+f32"; };
  CHECK(std::any_of(view->tensors.begin(), view->tensors.end(), is_mixed));
  check_same_weights(*view, *folder_view(gguf_of(name)));
}

TEST_CASE("mixed gguf: single experts of old files give the folder that stacked ones give",
          "[model][roundtrip]") {
  const std::string name = GENERATE("mixtral-4", "qwen2moe", "deepseek-v2");
  INFO(name);
  tiny::MemoryModel old = gguf_of(name);
  split_experts(old);
  widen(old, ".ffn_down.1.");
  check_same_weights(*folder_view(std::move(old)), *folder_view(gguf_of(name)));
}

TEST_CASE("mixed gguf: single experts are a stack in the view of the file's own dialect", "[model]") {
  tiny::MemoryModel old = gguf_of("mixtral-4");
  split_experts(old);
  const auto view = make_view(tiny::open_memory(std::move(old)), "old.gguf", Dialect::gguf, {});
  const auto today = make_view(tiny::open_memory(gguf_of("mixtral-4")), "new.gguf", Dialect::gguf, {});
  check_same_weights(*view, *today);
  for (const ViewTensor& tensor : view->tensors)
    if (tensor.name == "blk.0.ffn_down_exps.weight") {
      CHECK(tensor.role == "ffn_down");
      CHECK(tensor.is_expert);
      CHECK(tensor.rows_are_stored());
    }
}

TEST_CASE("mixed gguf: a missing expert is named", "[model]") {
  tiny::MemoryModel old = gguf_of("mixtral-4");
  split_experts(old);
  for (std::size_t i = 0; i < old.header.tensors.size(); ++i)
    if (old.header.tensors[i].name == "blk.1.ffn_up.2.weight") {
      old.header.tensors.erase(old.header.tensors.begin() + static_cast<std::ptrdiff_t>(i));
      old.data.erase(old.data.begin() + static_cast<std::ptrdiff_t>(i));
    }
  CHECK_THROWS_WITH(folder_view(std::move(old)),
                    "tiny.gguf: tensor 'blk.1.ffn_up.3.weight' is there, but the one of expert 2 is missing");
}

TEST_CASE("mixed gguf: a number with zeros in front is no other spelling of an expert", "[model]") {
  const std::string name = GENERATE("blk.1.ffn_up.02.weight", "blk.01.ffn_up.2.weight");
  INFO(name);
  tiny::MemoryModel old = gguf_of("mixtral-4");
  split_experts(old);
  for (std::size_t i = 0; i < old.header.tensors.size(); ++i)
    if (old.header.tensors[i].name == "blk.1.ffn_up.2.weight") {
      old.header.tensors.insert(old.header.tensors.begin(), old.header.tensors[i]);
      old.header.tensors[0].name = name;
      old.data.insert(old.data.begin(), std::vector<std::byte>(old.data[i].size()));
      break;
    }
  CHECK_THROWS_WITH(folder_view(std::move(old)), Catch::Contains("'" + name + "' is not known"));
}

TEST_CASE("mixed gguf: an expert that is there twice is refused", "[model]") {
  tiny::MemoryModel old = gguf_of("mixtral-4");
  split_experts(old);
  for (std::size_t i = 0; i < old.header.tensors.size(); ++i)
    if (old.header.tensors[i].name == "blk.1.ffn_up.2.weight") {
      old.header.tensors.push_back(old.header.tensors[i]);
      old.data.push_back(old.data[i]);
      break;
    }
  CHECK_THROWS_WITH(folder_view(std::move(old)),
                    Catch::Contains("expert 2 of 'blk.1.ffn_up_exps.weight' is there twice"));
}
