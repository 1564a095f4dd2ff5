// Files made by hand whose parts do not fit.
#include "bitsandbytes/support.hpp"
#include "safetensors/support.hpp"

#include <polyquant/codec/table_row.hpp>

#include <catch2/catch.hpp>

#include <map>

using namespace pq;
using namespace pq::test;
using Catch::Matchers::Contains;

namespace {

struct Part {
  std::string dtype, shape, data;
};
using Parts = std::map<std::string, Part>;

std::string f32(float value, std::size_t count = 1) {
  std::string text;
  for (std::size_t i = 0; i < count; ++i) text.append(reinterpret_cast<const char*>(&value), sizeof value);
  return text;
}

const std::string kState = "w.quant_state.bitsandbytes__nf4";

Part state(const std::string& json) { return {"U8", "[" + std::to_string(json.size()) + "]", json}; }

std::string map_text() {
  std::string text;
  for (const float value : kNf4Values) text += f32(value);
  return text;
}

/// [2, 64] in blocks of 64.
Parts plain() {
  return {{"w", {"U8", "[64,1]", std::string(64, '\x77')}},
          {"w.absmax", {"F32", "[2]", f32(1.0f, 2)}},
          {"w.quant_map", {"F32", "[16]", map_text()}},
          {kState, state(R"({"quant_type": "nf4", "blocksize": 64, "dtype": "float16", "shape": [2, 64]})")}};
}
Parts nested() {
  Parts parts = plain();
  parts["w.absmax"] = {"U8", "[2]", "ab"};
  parts["w.nested_absmax"] = {"F32", "[1]", f32(0.5f)};
  parts["w.nested_quant_map"] = {"F32", "[256]", f32(0.25f, 256)};
  parts[kState] = state(
      R"({"quant_type": "nf4", "blocksize": 64, "dtype": "float16", "shape": [2, 64], "nested_blocksize": 256, "nested_dtype": "float32", "nested_offset": 0.5})");
  return parts;
}
Parts int8() {
  return {{"w.weight", {"I8", "[2,3]", "abcdef"}},
          {"w.SCB", {"F32", "[2]", f32(1.0f, 2)}},
          {"w.weight_format", {"U8", "[]", std::string(1, '\0')}}};
}

std::unique_ptr<ModelReader> open(const Parts& parts, const TempFolder& folder) {
  std::string header = "{", data;
  for (const auto& [name, part] : parts) {
    const std::string begin = std::to_string(data.size());
    data += part.data;
    header += (header.size() > 1 ? "," : "") +
              entry(name, part.dtype, part.shape, "[" + begin + "," + std::to_string(data.size()) + "]");
  }
  write_file(folder / "x.safetensors", file_of(header + "}", data));
  return bnb::make_bitsandbytes(Node())->open(folder / "x.safetensors");
}
std::string refusal(const Parts& parts) {
  const TempFolder folder;
  return message_of<FormatError>([&] { open(parts, folder); });
}

}  // namespace

TEST_CASE("bitsandbytes: files made by hand are read", "[bitsandbytes]") {
  for (const Parts& parts : {plain(), nested(), int8()}) {
    const TempFolder folder;
    CHECK(open(parts, folder)->header().tensors.size() == 1);
  }
}

TEST_CASE("bitsandbytes: another nested_blocksize than 256 is read, and not written as if it were 256",
          "[bitsandbytes]") {
  Parts parts = nested();
  parts["w.nested_absmax"] = {"F32", "[2]", f32(0.5f) + f32(0.75f)};
  parts[kState].data.replace(parts[kState].data.find("256"), 3, "1  ");
  const TempFolder folder;
  const auto reader = open(parts, folder);
  const TensorInfo& info = reader->header().tensors.at(0);
  CHECK(info.encoding == "nf4:block=64,double_quant=true");
  const TableRow layout(64, 64, true);
  std::vector<std::byte> scratch;
  const Bytes rows = reader->rows(0, 0, 2, scratch);
  CHECK(load<float>(rows.data() + layout.ranges_at()) == 0.5f);
  CHECK(load<float>(rows.data() + layout.bytes() + layout.ranges_at()) == 0.75f);
  OutputModel model;
  model.tensors = {{"w.weight", info.shape, info.encoding, info.row_bytes, info.shared.size()}};
  model.side_files = {{"config.json", {}, "{}"}};
  const auto writer = bnb::make_bitsandbytes(Node())->create(folder / "out", model, false);
  writer->write_shared(0, info.shared);
  CHECK_THAT(message_of<FormatError>([&] { writer->write_rows(0, 0, rows); }),
             Contains("another nested_blocksize than the library's 256"));
}

TEST_CASE("bitsandbytes: parts that are missing or of another size are refused",
          "[bitsandbytes][malformed]") {
  for (const char* name : {"w", "w.absmax", "w.quant_map", "w.nested_absmax", "w.nested_quant_map"}) {
    Parts parts = nested();
    parts.erase(name);
    CHECK_THAT(refusal(parts), Contains("'" + std::string(name) + "'") && Contains("missing"));
  }
  Parts parts = nested();
  parts.erase(kState);
  CHECK_THAT(refusal(parts), Contains("is a part of a weight that is not there"));
  parts = plain();
  parts["w"] = {"U8", "[63,1]", std::string(63, 'x')};
  CHECK_THAT(refusal(parts), Contains("tensor 'w': U8 [63, 1] holds 63 bytes, the codes of [2, 64] need 64"));
  parts = plain();
  parts["w.absmax"] = {"F32", "[3]", f32(1.0f, 3)};
  CHECK_THAT(refusal(parts), Contains("128 weights in blocks of 64 need F32 [2]"));
  parts = plain();
  parts["w.quant_map"] = {"F32", "[16]", f32(0.0f, 16)};
  CHECK_THAT(refusal(parts), Contains("entry 0 is 0, in the table of nf4 it is -1"));
}

TEST_CASE("bitsandbytes: a state that means nothing is refused", "[bitsandbytes][malformed]") {
  const auto with = [](const std::string& json) {
    Parts parts = plain();
    parts[kState] = state(json);
    return refusal(parts);
  };
  CHECK_THAT(with("{"), Contains("is not valid JSON"));
  CHECK_THAT(with("[]"), Contains("must be a JSON object"));
  CHECK_THAT(with(R"({"quant_type": "int4"})"), Contains(R"(quant_type must be "nf4" or "fp4")"));
  CHECK_THAT(with(R"({"quant_type": "fp4", "blocksize": 64, "shape": [2, 64]})"),
             Contains("its name says nf4"));
  CHECK_THAT(with(R"({"quant_type": "nf4", "blocksize": 0, "shape": [2, 64]})"),
             Contains("blocksize must be"));
  CHECK_THAT(with(R"({"quant_type": "nf4", "blocksize": 64, "shape": null})"), Contains("shape must be"));
  CHECK_THAT(with(R"({"quant_type": "nf4", "blocksize": 64, "shape": [4294967296, 4294967296]})"),
             Contains("overflows"));
  CHECK_THAT(with(R"({"quant_type": "nf4", "blocksize": 64, "shape": [2000000, 64]})"),
             Contains("need 64000000"));
  CHECK_THAT(
      with(
          R"({"quant_type": "nf4", "blocksize": 64, "shape": [2, 64], "nested_blocksize": 256, "nested_offset": 1e300})"),
      Contains("in the range of f32"));
}

TEST_CASE("bitsandbytes: int8 without its scales, or for one kind of GPU, is refused",
          "[bitsandbytes][malformed]") {
  Parts parts = int8();
  parts.erase("w.SCB");
  CHECK_THAT(refusal(parts), Contains("there is no SCB"));
  parts = int8();
  parts["w.SCB"] = {"F32", "[3]", f32(1.0f, 3)};
  CHECK_THAT(refusal(parts), Contains("2 rows need F32 [2]"));
  parts = int8();
  parts["w.weight_format"] = {"U8", "[]", "\x02"};
  CHECK_THAT(refusal(parts), Contains("the layout 2 is for one kind of GPU"));
}
