// Folders: which files are opened, and what is said about those that cannot be.
#include "safetensors/support.hpp"

#include <catch2/catch.hpp>

using namespace pq;
using namespace pq::test;
using Catch::Matchers::Contains;
using Catch::Matchers::EndsWith;

namespace {

const std::string kOne = file_of("{" + entry("a", "U8", "[2,1]", "[0,2]") + "}", "AB");
const std::string kTwo = file_of("{" + entry("b", "U8", "[1,3]", "[0,3]") + "}", "CDE");
const std::string kIndex =
    R"({"metadata":{"total_size":99,"note":[1]},"weight_map":{"b":"two.safetensors","a":"one.safetensors"}})";

std::string refusal_of(const std::filesystem::path& path) {
  return message_of<FormatError>([&] { format()->open(path); });
}

void write_sharded(const TempFolder& folder, const std::string& index = kIndex) {
  write_file(folder / "one.safetensors", kOne);
  write_file(folder / "two.safetensors", kTwo);
  write_file(folder / "model.safetensors.index.json", index);
}

}  // namespace

TEST_CASE("safetensors folder: a single file is read with its place", "[safetensors][unit]") {
  TempFolder folder;
  write_file(folder / "model.safetensors", kOne);
  write_file(folder / "config.json", "{}");
  const auto reader = format()->open(folder.path());
  REQUIRE(reader->header().tensors.size() == 1);
  const TensorInfo& tensor = reader->header().tensors[0];
  CHECK(tensor.name == "a");
  CHECK(tensor.encoding == "u8");
  CHECK(tensor.row_bytes == 1);
  CHECK(tensor.file == "model.safetensors");
  CHECK(tensor.offset == kOne.size() - 2);
  CHECK(content(*reader, 0) == "AB");
  REQUIRE(reader->header().side_files.size() == 1);
  CHECK(reader->header().side_files[0].name == "config.json");
}

TEST_CASE("safetensors folder: a bare file is a model without side files", "[safetensors][unit]") {
  TempFolder folder;
  write_file(folder / "x.safetensors", kOne);
  write_file(folder / "config.json", "{}");
  const auto reader = format()->open(folder / "x.safetensors");
  CHECK(content(*reader, 0) == "AB");
  CHECK(reader->header().side_files.empty());
}

TEST_CASE("safetensors folder: rows are views of the file, at any address", "[safetensors][unit]") {
  TempFolder folder;
  const std::string header = "{" + entry("f", "F32", "[2,1]", "[0,8]") + "}  ";
  for (std::size_t blanks = 0; blanks < 4; ++blanks) {
    INFO(blanks);
    write_file(folder / "x.safetensors",
               file_of(header + std::string(blanks, ' '), std::string("\0\0\x80\x3f\0\0\0\x40", 8)));
    const auto reader = format()->open(folder / "x.safetensors");
    std::vector<std::byte> scratch;
    const Bytes row = reader->rows(0, 1, 1, scratch);
    CHECK(load<float>(row.data()) == 2.0f);
    CHECK(scratch.empty());
    reader->release(0, 0, 2);
    CHECK(load<float>(reader->rows(0, 0, 1, scratch).data()) == 1.0f);
  }
}

TEST_CASE("safetensors folder: the index is authoritative", "[safetensors][unit]") {
  TempFolder folder;
  write_sharded(folder);
  write_file(folder / "model.safetensors", "never opened");
  write_file(folder / "consolidated.safetensors", "never opened");
  const auto reader = format()->open(folder.path());
  REQUIRE(reader->header().tensors.size() == 2);
  CHECK(reader->header().tensors[0].file == "one.safetensors");
  CHECK(content(*reader, 1) == "CDE");
}

TEST_CASE("safetensors folder: a missing shard is named", "[safetensors][malformed]") {
  TempFolder folder;
  write_sharded(folder);
  std::filesystem::remove(folder / "two.safetensors");
  CHECK_THAT(refusal_of(folder.path()),
             Contains("the shard 'two.safetensors' is not in the folder; the download is incomplete"));
}

TEST_CASE("safetensors folder: a shard without a listed tensor is refused", "[safetensors][malformed]") {
  TempFolder folder;
  write_sharded(folder,
                R"({"weight_map":{"a":"one.safetensors","b":"two.safetensors","c":"two.safetensors"}})");
  CHECK_THAT(refusal_of(folder.path()),
             Contains("tensor 'c' should be in 'two.safetensors', but is not there"));
}

TEST_CASE("safetensors folder: a tensor that the index does not list is refused",
          "[safetensors][malformed]") {
  TempFolder folder;
  write_sharded(folder);
  write_file(
      folder / "two.safetensors",
      file_of("{" + entry("b", "U8", "[1]", "[0,1]") + "," + entry("x", "U8", "[1]", "[1,2]") + "}", "ab"));
  CHECK_THAT(refusal_of(folder.path()),
             Contains("two.safetensors: tensor 'x' is not listed in model.safetensors.index.json"));
}

TEST_CASE("safetensors folder: a tensor in another shard than listed is refused",
          "[safetensors][malformed]") {
  TempFolder folder;
  write_sharded(folder, R"({"weight_map":{"a":"two.safetensors","b":"one.safetensors"}})");
  CHECK_THAT(refusal_of(folder.path()),
             Contains("one.safetensors: tensor 'a' should be in 'two.safetensors'"));
}

TEST_CASE("safetensors folder: a tensor in two shards is refused", "[safetensors][malformed]") {
  TempFolder folder;
  write_sharded(folder);
  write_file(
      folder / "two.safetensors",
      file_of("{" + entry("a", "U8", "[1]", "[0,1]") + "," + entry("b", "U8", "[1]", "[1,2]") + "}", "ab"));
  CHECK_THAT(refusal_of(folder.path()),
             Contains("tensor 'a' is both in 'one.safetensors' and in 'two.safetensors'"));
}

TEST_CASE("safetensors folder: shard names that lead elsewhere are refused", "[safetensors][malformed]") {
  const std::string name = GENERATE("../one.safetensors", "/etc/passwd", "..", ".", "", "sub/one.safetensors",
                                    "a\\\\b", "a\\u0000b");
  TempFolder folder;
  write_sharded(folder, "{\"weight_map\":{\"a\":\"" + name + "\"}}");
  CHECK_THAT(refusal_of(folder.path()), Contains("no plain file name"));
}

TEST_CASE("safetensors folder: a broken index is refused", "[safetensors][malformed]") {
  const auto [index, what] = GENERATE(table<std::string, std::string>(
      {{"{", "not valid JSON at byte 1"},
       {"[]", "has no weight_map"},
       {"{}", "has no weight_map"},
       {R"({"weight_map":{}})", "has no weight_map"},
       {R"({"weight_map":3})", "has no weight_map"},
       {R"({"weight_map":{"a":1}})", "the file of tensor 'a' must be a string"},
       {"\xff", "not UTF-8"},
       {R"({"weight_map":{"a":"one.safetensors","a":"two.safetensors"}})", "'a' is listed twice"},
       {std::string(100'000, '['), "nested more than 64 levels"}}));
  TempFolder folder;
  write_sharded(folder, index);
  CHECK_THAT(refusal_of(folder.path()), Contains("model.safetensors.index.json: ") && Contains(what));
}

TEST_CASE("safetensors folder: what is missing is said with the way out", "[safetensors][malformed]") {
  TempFolder folder;
  CHECK_THAT(refusal_of(folder / "nothing"), EndsWith("nothing does not exist"));
  CHECK_THAT(
      refusal_of(folder.path()),
      Contains("has neither model.safetensors.index.json nor model.safetensors; the download is incomplete"));
  write_file(folder / "consolidated.safetensors", kOne);
  CHECK_THAT(refusal_of(folder.path()),
             Contains("give its path, such as ") && EndsWith("consolidated.safetensors"));
  write_file(folder / "pytorch_model.bin", "PK");
  CHECK_THAT(
      refusal_of(folder.path()),
      Contains("holds only pytorch_model.bin, which polyquant does not read") && Contains("save_pretrained"));
}

TEST_CASE("safetensors folder: odd rows of four-bit elements are refused clearly",
          "[safetensors][malformed]") {
  TempFolder folder;
  write_file(folder / "x.safetensors", file_of("{" + entry("w", "F4", "[2,3]", "[0,3]") + "}", "abc"));
  CHECK_THAT(refusal_of(folder / "x.safetensors"),
             Contains("tensor 'w': rows of 3 elements of F4 are not whole bytes"));
}

TEST_CASE("safetensors folder: codes of bitsandbytes are no weights", "[safetensors][malformed]") {
  const auto refusal = [](const std::string& codes, const std::string& part) {
    TempFolder folder;
    write_file(folder / "model.safetensors", file_of("{" + entry(codes, "U8", "[4]", "[0,4]") + "," +
                                                         entry(part, "F32", "[1]", "[4,8]") + "}",
                                                     "abcdefgh"));
    return message_of<FormatError>([&] { format()->open(folder.path()); });
  };
  CHECK_THAT(
      refusal("a.weight", "a.weight.absmax"),
      Contains("tensor 'a.weight' holds codes of bitsandbytes, as 'a.weight.absmax' beside it shows") &&
          Contains("\"quant_method\": \"bitsandbytes\""));
  CHECK_THAT(refusal("a.weight", "a.weight.quant_map"), Contains("codes of bitsandbytes"));
  CHECK_THAT(refusal("a.weight", "a.SCB"), Contains("tensor 'a.weight' holds codes of bitsandbytes"));
  TempFolder folder;  // the name alone says nothing
  write_file(folder / "model.safetensors",
             file_of("{" + entry("a.absmax", "F32", "[1]", "[0,4]") + "}", "abcd"));
  CHECK(format()->open(folder.path())->header().tensors.size() == 1);
}

TEST_CASE("safetensors folder: side files are all that are no weights", "[safetensors][unit]") {
  TempFolder folder;
  write_file(folder / "model.safetensors", kOne);
  std::filesystem::create_directories(folder / "additional_chat_templates");
  std::filesystem::create_directories(folder / "onnx");
  for (const char* name :
       {"config.json", "tokenizer.json", "README.md", "LICENSE", "additional_chat_templates/tool.jinja",
        "merges.txt", "pytorch_model.bin", "model.onnx", "x.gguf", "pytorch_model.bin.index.json",
        ".gitattributes", "onnx/config.json", "other.safetensors", "additional_chat_templates/notes.txt"})
    write_file(folder / name, name);
  const auto reader = format()->open(folder.path());
  std::vector<std::string> names;
  for (const SideFile& file : reader->header().side_files) {
    names.push_back(file.name);
    CHECK(read_file(file.path) == file.name);
  }
  CHECK(names == std::vector<std::string>{"LICENSE", "README.md", "additional_chat_templates/tool.jinja",
                                          "config.json", "merges.txt", "tokenizer.json"});
}

TEST_CASE("safetensors folder: check() names what readers stumble over", "[safetensors][unit]") {
  TempFolder folder;
  write_file(folder / "model.safetensors", file_of("{" + entry("f", "F32", "[1]", "[0,4]") + "}", "abcd"));
  const auto found = format()->open(folder.path())->check();
  REQUIRE(found.size() == 3);
  CHECK_THAT(found[0], Contains("__metadata__ should have \"format\": \"pt\", it has none"));
  CHECK_THAT(found[1], Contains("tensor 'f': offset 62 is not a multiple of 4"));
  CHECK_THAT(found[2], Contains("config.json: cannot be opened"));
}

TEST_CASE("safetensors probe: names and first bytes decide", "[safetensors][unit]") {
  const auto certainty = [](const Probe& probe) { return format()->probe(probe); };
  const std::string quantized = R"({"quantization_config": {}})";
  CHECK(certainty({"m", true, {}, {"config.json", "model.safetensors"}}) == 80);
  CHECK(certainty({"m", true, {}, {"model.safetensors.index.json"}}) == 80);
  CHECK(certainty({"m", true, std::as_bytes(std::span(quantized)), {"config.json", "model.safetensors"}}) ==
        40);
  CHECK(certainty({"m", true, {}, {"config.json", "pytorch_model.bin"}}) == 10);
  CHECK(certainty({"m", true, {}, {"notes.txt"}}) == 0);
  CHECK(certainty({"m.safetensors", false, std::as_bytes(std::span(kOne)), {}}) == 95);
  CHECK(certainty({"blob", false, std::as_bytes(std::span(kOne)), {}}) == 60);
  CHECK(certainty({"m.safetensors", false, {}, {}}) == 50);
  const std::string gguf = "GGUF\3\0\0\0\0\0\0\0";
  CHECK(certainty({"m.gguf", false, std::as_bytes(std::span(gguf)), {}}) == 0);
}
