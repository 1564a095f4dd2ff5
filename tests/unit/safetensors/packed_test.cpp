// Encodings without a dtype, kept as bytes ("packed"): what is stored where, and what a reader refuses.
#include "safetensors/packed.hpp"
#include "safetensors/support.hpp"

#include <catch2/catch.hpp>

#include <algorithm>

using namespace pq;
using namespace pq::test;
using Catch::Matchers::Contains;

namespace {

std::unique_ptr<Format> packed_format() {
  Node options = Node::map();
  options.set("packed", Node::scalar("true"));
  return hf::make_safetensors_format(options);
}

Bytes bytes_of(const std::string& text) { return std::as_bytes(std::span(text)); }

// Two rows of one byte, which share three.
OutputModel small_model() {
  OutputModel model;
  model.tensors = {{"a", {2, 4}, "tiny", 1, 3}, {"b", {1}, "u8", 1}};
  return model;
}

void write_small(const std::filesystem::path& path) {
  const auto writer = packed_format()->create(path, small_model(), false);
  writer->write_shared(0, bytes_of("XYZ"));
  writer->write_rows(0, 0, bytes_of("AB"));
  writer->write_rows(1, 0, bytes_of("C"));
  writer->seal();
}

// A file with tensors "w" (U8 [2, 1]) and `others`, whose metadata says `packed`.
std::string file_with(std::string packed, const std::string& others, const std::string& data) {
  for (std::size_t at = 0; (at = packed.find('"', at)) != std::string::npos; at += 2) packed.insert(at, "\\");
  return file_of(R"({"__metadata__":{"format":"pt","polyquant.packed":")" + packed + "\"}," +
                     entry("w", "U8", "[2,1]", "[0,2]") + others + "}",
                 data);
}

std::string refusal_of(const std::string& file) {
  TempFolder folder;
  write_file(folder / "x.safetensors", file);
  return message_of<FormatError>([&] { format()->open(folder / "x.safetensors"); });
}

}  // namespace

TEST_CASE("safetensors packed: what rows share stands in a tensor of its own beside them",
          "[safetensors][layout]") {
  TempFolder folder;
  write_small(folder / "x.safetensors");
  std::string header =
      R"({"__metadata__":{"polyquant.packed":"{\"a\":{\"encoding\":\"tiny\",\"shape\":[2,4],\"shared\":\"a.polyquant_shared\"}}","format":"pt"},)" +
      entry("a", "U8", "[2,1]", "[0,2]") + "," + entry("a.polyquant_shared", "U8", "[3]", "[2,5]") + "," +
      entry("b", "U8", "[1]", "[5,6]") + "}";
  header.resize((header.size() + 7) / 8 * 8, ' ');
  CHECK(read_file(folder / "x.safetensors") == file_of(header, "ABXYZC"));
}

TEST_CASE("safetensors packed: what rows share is read back and is no tensor of the model",
          "[safetensors][unit]") {
  TempFolder folder;
  write_small(folder / "x.safetensors");
  const auto reader = format()->open(folder / "x.safetensors");
  REQUIRE(reader->header().tensors.size() == 2);
  const TensorInfo& tensor = reader->header().tensors[0];
  CHECK(tensor.encoding == "tiny");
  CHECK(tensor.shape == Shape{2, 4});
  CHECK(std::ranges::equal(tensor.shared, bytes_of("XYZ")));
  CHECK(tensor.bytes() == 5);
  CHECK(content(*reader, 0) == "AB");
  CHECK(content(*reader, 1) == "C");
}

TEST_CASE("safetensors packed: a model that has a tensor of that name is refused at plan time",
          "[safetensors][unit]") {
  OutputModel model = small_model();
  model.tensors[1].name = "a.polyquant_shared";
  CHECK_THAT(message_of<ConfigError>([&] { packed_format()->layout("out", model); }),
             Contains("two tensors have the name 'a.polyquant_shared'"));
}

TEST_CASE("safetensors packed: shared bytes that are not as they should be are refused",
          "[safetensors][unit]") {
  const std::string w = R"({"w":{"encoding":"tiny","shape":[2,4],"shared":"s"}})";
  CHECK_THAT(refusal_of(file_with(w, "", "AB")), Contains("'s', which its rows share, is not in the file"));
  CHECK_THAT(refusal_of(file_with(w, "," + entry("s", "F32", "[1]", "[2,6]"), "ABCDEF")),
             Contains("'s', which its rows share, is F32 [1] instead of one row of at most 67108864 bytes"));
  CHECK_THAT(refusal_of(file_with(w, "," + entry("s", "U8", "[2,1]", "[2,4]"), "ABCD")),
             Contains("is U8 [2, 1] instead of one row"));
  CHECK_THAT(refusal_of(file_with(R"({"w":{"encoding":"tiny","shape":[2,4],"shared":7}})", "", "AB")),
             Contains("tensor 'w': 'shared' must be the name of a tensor"));
  CHECK_THAT(refusal_of(file_with(R"({"w":{"encoding":"tiny","shape":[2,4],"shared":"w"}})", "", "AB")),
             Contains("tensor 'w': 'w' belongs to another tensor"));
  const std::string twice = R"({"v":{"encoding":"tiny","shape":[2,4],"shared":"s"},)" + w.substr(1);
  CHECK_THAT(
      refusal_of(file_with(
          twice, "," + entry("v", "U8", "[2,1]", "[2,4]") + "," + entry("s", "U8", "[1]", "[4,5]"), "ABCDE")),
      Contains("tensor 'w': 's' belongs to another tensor"));
}

TEST_CASE("safetensors packed: more shared bytes than a reader copies are refused before they are",
          "[safetensors][unit]") {
  TempFolder folder;
  const std::uint64_t size = hf::kMaxSharedBytes + 1;
  const std::string file = file_with(
      R"({"w":{"encoding":"tiny","shape":[2,4],"shared":"s"}})",
      "," + entry("s", "U8", "[" + std::to_string(size) + "]", "[2," + std::to_string(size + 2) + "]"), "AB");
  write_file(folder / "x.safetensors", file);
  std::filesystem::resize_file(folder / "x.safetensors", file.size() + size);  // a hole: no space on the disk
  CHECK_THAT(message_of<FormatError>([&] { format()->open(folder / "x.safetensors"); }),
             Contains("instead of one row of at most 67108864 bytes"));
}
