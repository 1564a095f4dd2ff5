// Folders of packed layers made by hand: recognition, what is hidden, what does not belong together.
#include "packed/support.hpp"
#include "safetensors/support.hpp"

#include <catch2/catch.hpp>

using namespace pq;
using namespace pq::test;
using Catch::Matchers::Contains;
using nlohmann::json;

namespace {

struct Part {
  std::string name, dtype, shape;
  std::size_t bytes;
  std::string content = {};  // zeros if empty
};

std::string file_with(const std::vector<Part>& parts) {
  std::string header, data;
  for (const Part& part : parts) {
    const std::string begin = std::to_string(data.size());
    data += part.content.empty() ? std::string(part.bytes, '\0') : part.content;
    header += (header.empty() ? "{" : ",") +
              entry(part.name, part.dtype, part.shape, "[" + begin + "," + std::to_string(data.size()) + "]");
  }
  return file_of(header + "}", data);
}

std::string numbers(const std::vector<std::int32_t>& values) {
  return {reinterpret_cast<const char*>(values.data()), values.size() * 4};
}

/// A layer of 8 rows and 64 columns with 4 bits and groups of 32.
std::vector<Part> gptq_parts() {
  return {
      {"a.qweight", "I32", "[8,8]", 256}, {"a.qzeros", "I32", "[2,1]", 8}, {"a.scales", "F16", "[2,8]", 32}};
}
const json kGptq = {{"quant_method", "gptq"}, {"bits", 4}, {"group_size", 32}, {"sym", false}};
const json kAwq = {{"quant_method", "awq"}, {"bits", 4}, {"group_size", 32}, {"version", "GEMM"}};

std::string refusal(const std::string& id, const json& config, const std::vector<Part>& parts) {
  const PackedFolder folder(config, file_with(parts));
  return message_of<FormatError>([&] { packed_format(id)->open(folder.path()); });
}

TensorInfo opened(const json& config, const std::vector<Part>& parts) {
  const PackedFolder folder(config, file_with(parts));
  const auto reader = packed_format("gptq")->open(folder.path());
  return reader->header().tensors.at(index_of(*reader, "a.weight"));
}

int certainty(const std::string& id, const std::string& config, std::vector<std::string> names) {
  Probe probe;
  probe.is_folder = true;
  probe.head = std::as_bytes(std::span(config));
  probe.names = std::move(names);
  return packed_format(id)->probe(probe);
}

}  // namespace

TEST_CASE("packed folders: recognised by quant_method, or by the file of old tools", "[formats][packed]") {
  const std::string weights = "model.safetensors";
  CHECK(certainty("gptq", R"({"quantization_config": {"quant_method": "gptq"}})", {weights}) == 90);
  CHECK(certainty("awq", R"({"quantization_config": {"quant_method" : "awq"}})", {weights}) == 90);
  CHECK(certainty("awq", R"({"quantization_config": {"quant_method": "gptq"}})", {weights}) == 0);
  CHECK(certainty("gptq", "{}", {weights, "quantize_config.json"}) == 85);
  CHECK(certainty("gptq", "{}", {weights}) == 0);
  CHECK(certainty("gptq", R"({"quant_method": "gptq"})", {"config.json"}) == 0);
  CHECK(certainty("gptq", "{}", {"gptq_model-4bit-128g.safetensors", "quantize_config.json"}) == 85);
  CHECK(certainty("gptq", "{}", {"a.safetensors", "b.safetensors", "quantize_config.json"}) == 85);
}

TEST_CASE("packed folders: nothing speaks of the storage any more", "[formats][packed]") {
  const TempFolder folder;
  write_file(folder / "config.json", R"({"model_type": "x", "quantization_config": {"bits": 4}})");
  write_file(folder / "quantize_config.json", R"({"bits": 4, "group_size": 32})");
  write_file(folder / "model.safetensors", file_with(gptq_parts()));
  const auto reader = packed_format("gptq")->open(folder.path());
  REQUIRE(reader->header().side_files.size() == 1);
  CHECK(reader->header().side_files[0].content == "{\n  \"model_type\": \"x\"\n}\n");
}

namespace {

/// What opening says of a folder whose two descriptions are these; "" if it opens.
std::string disagreement(const json& config, const json& own) {
  const PackedFolder folder(config, file_with(gptq_parts()));
  write_file(folder.path() / "quantize_config.json", own.dump());
  try {
    packed_format("gptq")->open(folder.path());
  } catch (const FormatError& error) {
    return error.what();
  }
  return "";
}

}  // namespace

TEST_CASE("packed folders: two descriptions that contradict each other are refused, with both",
          "[formats][packed][malformed]") {
  const auto [key, value] = GENERATE(table<std::string, json>({{"bits", 3},
                                                               {"w_bit", 8},
                                                               {"group_size", 64},
                                                               {"sym", true},
                                                               {"desc_act", true},
                                                               {"format", "gptq_v2"},
                                                               {"quant_method", "awq"}}));
  json config = kGptq;
  config["desc_act"] = false;
  config["checkpoint_format"] = "gptq";
  const std::string message = disagreement(config, {{key, value}});
  INFO(message);
  CHECK_THAT(message, Contains("config.json: quantization_config: "));
  CHECK_THAT(message, Contains("quantize_config.json: " + key + " is "));
  CHECK_THAT(message, Contains("make the two files agree"));
}

TEST_CASE("packed folders: descriptions that say the same in other words are one", "[formats][packed]") {
  CHECK(disagreement(kGptq, {{"w_bit", 4}, {"groupsize", 32}, {"method", "GPTQ"}, {"dynamic", nullptr}}) ==
        "");
}

TEST_CASE("packed folders: what config.json leaves out is taken from the other file", "[formats][packed]") {
  const PackedFolder folder({{"quant_method", "gptq"}, {"bits", 4}}, file_with(gptq_parts()));
  write_file(folder.path() / "quantize_config.json", R"({"bits": 4, "group_size": 16})");
  CHECK_THAT(message_of<FormatError>([&] { packed_format("gptq")->open(folder.path()); }),
             Contains("4 groups of 16 columns"));
}

// What is packed is told by the tensors: lists in any spelling (vLLM's fused names, names within a block, parts of names) change nothing.
TEST_CASE("packed folders: lists of modules in the words of other loaders do not hinder reading",
          "[formats][packed]") {
  const auto [key, value] = GENERATE(table<std::string, json>(
      {{"dynamic", {{"-:.*\\.mlp\\.gate_up_proj", json::object()}, {"+:.*qkv_proj", {{"bits", 8}}}}},
       {"modules_in_block_to_quantize", {{"self_attn.q_proj", "self_attn.k_proj"}, {"mlp.up_proj"}}},
       {"modules_to_not_convert", {"self_attn", "mlp.gate"}},
       {"block_name_to_quantize", "model.layers"}}));
  json config = kGptq;
  config[key] = value;
  CHECK(opened(config, gptq_parts()).encoding == "affine:bits=4,group=32");
}

TEST_CASE("gptq: AutoGPTQ's names of the weights are read, alone and in shards", "[formats][packed]") {
  const TempFolder folder;
  write_file(folder / "quantize_config.json", R"({"bits": 4, "group_size": 32})");
  write_file(folder / "gptq_model-4bit-32g.safetensors", file_with(gptq_parts()));
  const auto encoding = [&] {
    const auto reader = packed_format("gptq")->open(folder.path());
    return reader->header().tensors.at(index_of(*reader, "a.weight")).encoding;
  };
  CHECK(encoding().starts_with("affine:bits=4,group=32"));
  std::filesystem::rename(folder / "gptq_model-4bit-32g.safetensors",
                          folder / "gptq_model-4bit-32g-00001-of-00001.safetensors");
  json map;
  for (const char* part : {"a.qweight", "a.qzeros", "a.scales"})
    map[part] = "gptq_model-4bit-32g-00001-of-00001.safetensors";
  write_file(folder / "gptq_model-4bit-32g.safetensors.index.json", json({{"weight_map", map}}).dump());
  CHECK(encoding().starts_with("affine:bits=4,group=32"));
  write_file(folder / "other.safetensors.index.json", "{}");
  CHECK(encoding().starts_with("affine:bits=4,group=32"));
}

TEST_CASE("gptq: shards whose index is missing are no model", "[formats][packed]") {
  const TempFolder folder;
  write_file(folder / "quantize_config.json", R"({"bits": 4, "group_size": 32})");
  write_file(folder / "model-00001-of-00002.safetensors", file_with(gptq_parts()));
  CHECK_THAT(message_of<FormatError>([&] { packed_format("gptq")->open(folder.path()); }),
             Contains("has neither model.safetensors.index.json nor model.safetensors"));
}

TEST_CASE("gptq: where loaders would take different weights the folder is refused", "[formats][packed]") {
  const TempFolder folder;
  write_file(folder / "quantize_config.json", R"({"bits": 4, "group_size": 32})");
  const auto message = [&] {
    return message_of<FormatError>([&] { packed_format("gptq")->open(folder.path()); });
  };
  write_file(folder / "b.safetensors", file_with(gptq_parts()));
  write_file(folder / "a.safetensors", file_with(gptq_parts()));
  CHECK_THAT(message(), Contains("the weights may be a.safetensors or b.safetensors"));
  write_file(folder / "gptq_model-4bit-32g.safetensors", file_with(gptq_parts()));
  CHECK(packed_format("gptq")->open(folder.path())->header().tensors.size() == 1);
  write_file(folder / "model.safetensors", file_with(gptq_parts()));
  CHECK_THAT(message(), Contains("gptq_model-4bit-32g.safetensors or model.safetensors") &&
                            Contains("leave one of them in the folder"));
}

TEST_CASE("gptq: the old names of the settings are read", "[formats][packed]") {
  const json old = {{"w_bit", 4}, {"q_group_size", 32}, {"zero_point", true}};
  CHECK(opened(old, gptq_parts()).encoding == "affine:bits=4,group=32");
}

TEST_CASE("gptq: a layer may differ from the settings where there are rules for layers",
          "[formats][packed]") {
  json config = kGptq;
  config["bits"] = 8;
  config["group_size"] = 128;
  config["dynamic"] = {{"+:a", {{"bits", 4}, {"group_size", 32}}}};
  CHECK(opened(config, gptq_parts()).encoding == "affine:bits=4,group=32");
  config.erase("dynamic");
  CHECK_THAT(refusal("gptq", config, gptq_parts()), Contains("8 bits as the configuration says"));
}

TEST_CASE("gptq: a group that is not the usual one is what g_idx says, or refused", "[formats][packed]") {
  const auto layer = [](int cols, int groups, std::vector<std::int32_t> index = {}) {
    const std::string g = std::to_string(groups), words = std::to_string(cols / 8);
    std::vector<Part> parts = {{"a.qweight", "I32", "[" + words + ",8]", static_cast<std::size_t>(cols) * 4},
                               {"a.qzeros", "I32", "[" + g + ",1]", static_cast<std::size_t>(groups) * 4},
                               {"a.scales", "F16", "[" + g + ",8]", static_cast<std::size_t>(groups) * 16}};
    if (!index.empty())
      parts.push_back({"a.g_idx", "I32", "[" + std::to_string(cols) + "]", index.size() * 4, numbers(index)});
    return parts;
  };
  const auto runs = [](int cols, int size) {
    std::vector<std::int32_t> index;
    for (int k = 0; k < cols; ++k) index.push_back(k / size);
    return index;
  };
  json config = kGptq;
  config["group_size"] = 64;
  config["dynamic"] = {{"+:b", {{"group_size", 256}}}};
  // 3 groups of 576 columns: 256 + 256 + 64, though 3 divides them.
  CHECK(opened(config, layer(576, 3, runs(576, 256))).encoding == "affine:bits=4,group=256");
  CHECK(opened(config, layer(576, 3, runs(576, 192))).encoding == "affine:bits=4,group=192");
  const std::string doubt = "or a g_idx that tells them";
  CHECK_THAT(refusal("gptq", config, layer(576, 3)), Contains(doubt));
  CHECK_THAT(refusal("gptq", config, layer(576, 3, std::vector<std::int32_t>(576))), Contains(doubt));
  // Mixed columns: the number of the group is what counts, and the largest tells the size.
  std::vector<std::int32_t> mixed = runs(576, 256);
  std::rotate(mixed.begin(), mixed.begin() + 5, mixed.end());
  CHECK(opened(config, layer(576, 3, mixed)).encoding == "affine:bits=4,group=256,act_order=true");
  // The usual group makes as many, but g_idx says otherwise.
  config["group_size"] = 256;
  CHECK(opened(config, layer(576, 3, runs(576, 192))).encoding == "affine:bits=4,group=192");
  CHECK(opened(config, layer(576, 3)).encoding == "affine:bits=4,group=256");
  CHECK(opened(config, layer(512, 8)).encoding == "affine:bits=4,group=64");  // evenly, and GPTQ's own
  CHECK_THAT(refusal("gptq", config, layer(576, 12)), Contains(doubt));       // evenly, 48
  CHECK(opened(config, layer(128, 1)).encoding == "affine:bits=4,group=256");
  config["group_size"] = -1;
  CHECK(opened(config, layer(128, 1)).encoding == "affine:bits=4,group=-1");
}

TEST_CASE("gptq: g_idx counts only if it is not the natural order", "[formats][packed]") {
  auto parts = gptq_parts();
  std::vector<std::int32_t> groups(64);
  parts.push_back({"a.g_idx", "I32", "[64]", 256, numbers(groups)});
  CHECK(opened(kGptq, parts).encoding == "affine:bits=4,group=32");  // zeros stand for none
  for (std::size_t k = 0; k < 64; ++k) groups[k] = static_cast<std::int32_t>(k / 32);
  parts.back().content = numbers(groups);
  CHECK(opened(kGptq, parts).encoding == "affine:bits=4,group=32");
  for (std::size_t k = 0; k < 64; ++k) groups[k] = static_cast<std::int32_t>(k % 2);
  parts.back().content = numbers(groups);
  const TensorInfo info = opened(kGptq, parts);
  CHECK(info.encoding == "affine:bits=4,group=32,act_order=true");
  CHECK(std::string(reinterpret_cast<const char*>(info.shared.data()), info.shared.size()) ==
        numbers(groups));
  CHECK(info.bytes() == 256 + 8 + 32 + 256);
  groups[5] = 2;
  parts.back().content = numbers(groups);
  CHECK_THAT(refusal("gptq", kGptq, parts), Contains("groups 0 to 1 in g_idx, it has 2"));
  groups[5] = -1;
  parts.back().content = numbers(groups);
  CHECK_THAT(refusal("gptq", kGptq, parts), Contains("it has -1"));
}

TEST_CASE("packed folders: tensors that do not belong together are refused", "[formats][packed]") {
  const auto changed = [](std::size_t part, Part to) {
    auto parts = gptq_parts();
    parts[part] = std::move(to);
    return parts;
  };
  CHECK_THAT(refusal("gptq", kGptq, changed(1, {"b", "I32", "[2,1]", 8})),
             Contains("'a.qweight' stands alone, 'a.qzeros' is missing"));
  CHECK_THAT(refusal("gptq", kGptq, {{"a.g_idx", "I32", "[4]", 16}}),
             Contains("'a.g_idx' stands alone, 'a.qweight' is missing"));
  CHECK_THAT(refusal("gptq", kGptq, changed(0, {"a.qweight", "I64", "[4,8]", 256})), Contains("I32 qweight"));
  CHECK_THAT(refusal("gptq", kGptq, changed(0, {"a.qweight", "I32", "[0,8]", 0})), Contains("I32 qweight"));
  CHECK_THAT(refusal("gptq", kGptq, changed(2, {"a.scales", "F16", "[3,8]", 48})),
             Contains("as many groups"));
  CHECK_THAT(refusal("gptq", kGptq, changed(0, {"a.qweight", "I32", "[9,8]", 288})),
             Contains("groups of 32"));
  CHECK_THAT(refusal("gptq", kGptq, changed(1, {"a.qzeros", "I32", "[2,3]", 24})), Contains("2 to 8 bits"));
  json config = kGptq;
  config["checkpoint_format"] = "marlin";
  CHECK_THAT(refusal("gptq", config, gptq_parts()), Contains("'marlin' is not read"));
  config = kGptq;
  config["bits"] = "four";
  CHECK_THAT(refusal("gptq", config, gptq_parts()), Contains("bits must be an integer"));
  const std::vector<Part> awq = {{"a.qweight", "I32", "[64,1]", 256},
                                 {"a.qzeros", "I32", "[3,1]", 12},
                                 {"a.scales", "F16", "[3,8]", 48}};
  CHECK_THAT(refusal("awq", kAwq, awq), Contains("groups of 32 in 64 columns"));
  json gemv = kAwq;
  gemv["version"] = "gemv";
  CHECK_THAT(refusal("awq", gemv, awq), Contains("[out, in / 8]"));
  gemv["version"] = "marlin";
  CHECK_THAT(refusal("awq", gemv, awq), Contains("version 'marlin' is not read"));
}
