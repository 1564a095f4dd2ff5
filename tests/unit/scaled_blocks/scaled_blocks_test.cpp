// Folders of numbers and scales, made by hand byte by byte.
#include "base/support.hpp"
#include "safetensors/support.hpp"
#include "scaled_blocks/format.hpp"

#include <catch2/catch.hpp>

#include <fstream>

using namespace pq;
using namespace pq::test;
using Catch::Matchers::Contains;

namespace {

class Folder {
 public:
  Folder(const std::string& config, const std::string& weights) {
    std::string name = (std::filesystem::temp_directory_path() / "pq-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("no temporary folder");
    path_ = name;
    std::ofstream(path_ / "config.json", std::ios::binary) << config;
    std::ofstream(path_ / "model.safetensors", std::ios::binary) << weights;
  }
  ~Folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

std::unique_ptr<Format> mxfp4() { return hf::make_scaled_blocks_format("mxfp4", "", hf::mxfp4_rule()); }
std::unique_ptr<Format> fp8() { return hf::make_scaled_blocks_format("fp8", "", hf::fp8_rule()); }

const std::string kMxfp4Config =
    R"({"model_type": "gpt_oss", "quantization_config": {"quant_method": "mxfp4"}})";
const std::string kFp8Config =
    R"({"model_type": "x", "quantization_config": {"quant_method" : "fp8", "weight_block_size": [2, 3]}})";

std::string f32(float value) { return {reinterpret_cast<const char*>(&value), sizeof value}; }

int certainty(const Format& format, const std::string& config, bool has_weights = true) {
  Probe probe;
  probe.is_folder = true;
  probe.head = std::as_bytes(std::span(config));
  if (has_weights) probe.names = {"config.json", "model.safetensors"};
  return format.probe(probe);
}

/// A folder with blocks of the given shapes; the bytes count from 0 on.
std::string blocks_file(const std::string& blocks, const std::string& scales, std::size_t blocks_bytes,
                        std::size_t scales_bytes) {
  std::string data;
  for (std::size_t i = 0; i < blocks_bytes; ++i) data += static_cast<char>(i);
  for (std::size_t i = 0; i < scales_bytes; ++i) data += static_cast<char>(120 + i);
  const std::string all = std::to_string(blocks_bytes + scales_bytes), middle = std::to_string(blocks_bytes);
  return file_of("{" + entry("e.w_blocks", "U8", blocks, "[0," + middle + "]") + "," +
                     entry("e.w_scales", "U8", scales, "[" + middle + "," + all + "]") + "}",
                 data);
}

/// F8 [3, 4] with scales for tiles of 2 x 3, of the given type.
std::string fp8_file(const std::string& scale_type, const std::string& shape, const std::string& scales) {
  // 1 2 3 4, 0.5 -1 0 448, 1 1 1 1
  const std::string codes("\x38\x40\x44\x48\x30\xb8\x00\x7e\x38\x38\x38\x38", 12);
  return file_of(
      "{" + entry("a.weight", "F8_E4M3", "[3,4]", "[0,12]") + "," +
          entry("a.weight_scale_inv", scale_type, shape, "[12," + std::to_string(12 + scales.size()) + "]") +
          "}",
      codes + scales);
}

}  // namespace

TEST_CASE("scaled blocks: the format is recognised by quant_method", "[formats][scaled_blocks]") {
  CHECK(certainty(*mxfp4(), kMxfp4Config) == 90);
  CHECK(certainty(*fp8(), kFp8Config) == 90);
  CHECK(certainty(*fp8(), kMxfp4Config) == 0);
  CHECK(certainty(*mxfp4(), R"({"model_type": "mxfp4"})") == 0);
  CHECK(certainty(*mxfp4(), kMxfp4Config, false) == 0);
}

TEST_CASE("scaled blocks: MXFP4 becomes GGUF's blocks, exponent first and halves of a block in one byte",
          "[formats][scaled_blocks]") {
  const Folder folder(kMxfp4Config, blocks_file("[1,1,2,16]", "[1,1,2]", 32, 2));
  const auto reader = mxfp4()->open(folder.path());
  REQUIRE(reader->header().tensors.size() == 1);
  const TensorInfo& info = reader->header().tensors[0];
  CHECK(info.name == "e.w_blocks");
  CHECK(info.shape == Shape{1, 1, 64});
  CHECK(info.encoding == "mxfp4");
  CHECK(info.row_bytes == 34);
  const std::string bytes = content(*reader, 0);
  // Weights 0 and 1 are the nibbles of byte 0, weights 16 and 17 those of byte 8.
  CHECK(bytes.substr(0, 4) == std::string("\x78\x80\x00\x91", 4));
  CHECK(bytes.substr(17, 4) == std::string("\x79\x80\x11\x91", 4));
}

TEST_CASE("scaled blocks: config.json does not speak of the storage any more", "[formats][scaled_blocks]") {
  const Folder folder(kMxfp4Config, blocks_file("[1,2,16]", "[1,2]", 32, 2));
  const auto reader = mxfp4()->open(folder.path());
  for (const SideFile& file : reader->header().side_files)
    if (file.name == "config.json") CHECK(file.content == "{\n  \"model_type\": \"gpt_oss\"\n}\n");
}

TEST_CASE("scaled blocks: FP8 rows carry the scales of their tiles", "[formats][scaled_blocks]") {
  const Folder folder(kFp8Config, fp8_file("F32", "[2,2]", f32(1) + f32(2) + f32(3) + f32(4)));
  const auto reader = fp8()->open(folder.path());
  REQUIRE(reader->header().tensors.size() == 1);
  const TensorInfo& info = reader->header().tensors[0];
  CHECK(info.name == "a.weight");
  CHECK(info.shape == Shape{3, 4});
  CHECK(info.encoding == "fp8_block:block=3");
  CHECK(info.row_bytes == 12);
  const std::string bytes = content(*reader, 0);
  CHECK(bytes.substr(0, 12) == "\x38\x40\x44\x48" + f32(1) + f32(2));
  CHECK(bytes.substr(12, 12) == std::string("\x30\xb8\x00\x7e", 4) + f32(1) + f32(2));
  CHECK(bytes.substr(24, 12) == "\x38\x38\x38\x38" + f32(3) + f32(4));
}

TEST_CASE("scaled blocks: FP8 scales may be bf16, powers of two, or one for the whole matrix",
          "[formats][scaled_blocks]") {
  const std::string half("\x00\x3f", 2), two("\x00\x40", 2);
  const Folder narrow(kFp8Config, fp8_file("BF16", "[2,2]", half + two + two + half));
  CHECK(content(*fp8()->open(narrow.path()), 0).substr(4, 8) == f32(0.5f) + f32(2));
  const Folder powers(kFp8Config, fp8_file("F8_E8M0", "[2,2]", "\x7f\x80\x7e\x81"));
  CHECK(content(*fp8()->open(powers.path()), 0).substr(4, 8) == f32(1) + f32(2));
  CHECK(content(*fp8()->open(powers.path()), 0).substr(28, 8) == f32(0.5f) + f32(4));
  const Folder one(kFp8Config, fp8_file("F32", "[]", f32(8)));
  const auto reader = fp8()->open(one.path());
  CHECK(reader->header().tensors[0].encoding == "fp8_block:block=4");
  CHECK(content(*reader, 0).substr(20, 4) == f32(8));
}

TEST_CASE("scaled blocks: types and shapes that do not belong together are refused",
          "[formats][scaled_blocks]") {
  const auto message = [](const Format& format, const Folder& folder) {
    return message_of<FormatError>([&] { format.open(folder.path()); });
  };
  const Folder blocks(kMxfp4Config, blocks_file("[1,2,16]", "[2,1]", 32, 2));
  CHECK_THAT(message(*mxfp4(), blocks), Contains("'e.w_blocks'") && Contains("one scale for each block"));
  const Folder wide(kMxfp4Config, blocks_file("[2,2,8]", "[2,2]", 32, 4));
  CHECK_THAT(message(*mxfp4(), wide), Contains("[.., rows, blocks, 16]"));
  const Folder tiles(kFp8Config, fp8_file("F32", "[1,2]", f32(1) + f32(2)));
  CHECK_THAT(message(*fp8(), tiles), Contains("scales [2, 2] for tiles of 2 x 3"));
  const Folder turned(kFp8Config, fp8_file("F32", "[4]", f32(1) + f32(2) + f32(3) + f32(4)));
  CHECK_THAT(message(*fp8(), turned), Contains("wanted: scales [2, 2]"));
  const Folder type(kFp8Config, fp8_file("F16", "[2,2]", "ABCDEFGH"));
  CHECK_THAT(message(*fp8(), type), Contains("F32, BF16 or F8_E8M0 scales"));
  const Folder sizes(R"({"quantization_config": {"quant_method": "fp8", "weight_block_size": [0, 3]}})",
                     fp8_file("F32", "[2,2]", f32(1) + f32(2) + f32(3) + f32(4)));
  CHECK_THAT(message(*fp8(), sizes), Contains("weight_block_size must be two sizes"));
}

TEST_CASE("scaled blocks: nothing is written in these formats", "[formats][scaled_blocks]") {
  CHECK_FALSE(fp8()->info().can_write);
  CHECK_THROWS_WITH(fp8()->create("x", {}, false), "format 'fp8' can only be read");
}

TEST_CASE("scaled blocks: numbers or scales that stand alone are refused", "[formats][scaled_blocks]") {
  const auto refuses = [](const Format& format, const std::string& config, const std::string& weights) {
    const Folder folder(config, weights);
    CHECK_THAT(message_of<FormatError>([&] { format.open(folder.path()); }), Contains("stands alone"));
  };
  refuses(*fp8(), kFp8Config, file_of("{" + entry("a.weight", "F8_E4M3", "[1,4]", "[0,4]") + "}", "1234"));
  refuses(*fp8(), kFp8Config, file_of("{" + entry("a.gate_up", "F8_E4M3", "[1,4]", "[0,4]") + "}", "1234"));
  refuses(*fp8(), kFp8Config,
          file_of("{" + entry("a.weight_scale_inv", "F32", "[1]", "[0,4]") + "}", f32(8)));
  refuses(*fp8(), kFp8Config,
          file_of("{" + entry("a.weight", "F8_E4M3", "[1,4]", "[0,4]") + "," +
                      entry("a.weight_scale", "F32", "[1]", "[4,8]") + "}",
                  "1234" + f32(8)));
  refuses(*mxfp4(), kMxfp4Config, file_of("{" + entry("e.w_blocks", "U8", "[1,1,4]", "[0,4]") + "}", "1234"));
  refuses(*mxfp4(), kMxfp4Config, file_of("{" + entry("e.w_scales", "U8", "[1,4]", "[0,4]") + "}", "1234"));
}

TEST_CASE("scaled blocks: a matrix without weights is refused, whatever its scales",
          "[formats][scaled_blocks]") {
  const auto shape = GENERATE(as<std::string>(), "[0,4]", "[3,0]", "[0,0]");
  const Folder folder(kFp8Config, file_of("{" + entry("a.weight", "F8_E4M3", shape, "[0,0]") + "," +
                                              entry("a.weight_scale_inv", "F32", "[1]", "[0,4]") + "}",
                                          f32(8)));
  CHECK_THROWS_AS(fp8()->open(folder.path()), FormatError);
}
