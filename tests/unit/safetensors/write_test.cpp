// Writing: exact bytes, shards, index, side files, and the names that appear at the end only.
#include "safetensors/support.hpp"

#include "common/size.hpp"

#include <catch2/catch.hpp>

using namespace pq;
using namespace pq::test;
using Catch::Matchers::Contains;

namespace {

Bytes bytes_of(const std::string& text) { return std::as_bytes(std::span(text)); }

Node shard_size(const std::string& size) {
  Node options = Node::map();
  options.set("max_shard_size", Node::scalar(size));
  return options;
}

// Three tensors of 8, 4 and 3 bytes.
OutputModel small_model() {
  OutputModel model;
  model.tensors = {{"b", {2, 2}, "bf16", 4}, {"a", {1, 1}, "f32", 4}, {"c", {3}, "u8", 3}};
  return model;
}

void write_all(const std::filesystem::path& path, const OutputModel& model) {
  const auto writer = format()->create(path, model, false);
  writer->write_rows(0, 1, bytes_of("EFGH"));
  writer->write_rows(0, 0, bytes_of("ABCD"));
  writer->write_rows(1, 0, bytes_of("IJKL"));
  writer->write_rows(2, 0, bytes_of("MNO"));
  writer->flush();
  writer->seal();
}

}  // namespace

TEST_CASE("safetensors writer: a single file has the bytes of the reference writer",
          "[safetensors][layout]") {
  TempFolder folder;
  write_all(folder / "x.safetensors", small_model());
  // Order: dtype by falling alignment, then name; the metadata first; blanks up to a multiple of 8.
  std::string header = R"({"__metadata__":{"format":"pt"},)" + entry("a", "F32", "[1,1]", "[0,4]") + "," +
                       entry("b", "BF16", "[2,2]", "[4,12]") + "," + entry("c", "U8", "[3]", "[12,15]") + "}";
  header.resize((header.size() + 7) / 8 * 8, ' ');
  CHECK(read_file(folder / "x.safetensors") == file_of(header, "IJKLABCDEFGHMNO"));
  CHECK_FALSE(std::filesystem::exists(folder / "x.safetensors.partial"));
}

TEST_CASE("safetensors writer: the layout is exact", "[safetensors][layout]") {
  TempFolder folder;
  OutputModel model = small_model();
  model.side_files = {{"config.json", {}, "{}"}, {"additional_chat_templates/t.jinja", {}, "T"}};
  model.options = shard_size("11");
  const OutputLayout layout = format()->layout(folder / "out", model);
  CHECK_FALSE(std::filesystem::exists(folder / "out.partial"));
  write_all(folder / "out", model);
  REQUIRE(layout.files.size() == 5);
  for (const OutputLayout::File& file : layout.files) {
    INFO(file.name);
    CHECK(std::filesystem::file_size(folder / "out" / file.name) == file.bytes);
  }
  const auto& place = layout.tensors[2];
  CHECK(read_file(folder / "out" / layout.files[place.file].name).substr(place.offset, 3) == "MNO");
}

TEST_CASE("safetensors writer: shards are filled in the given order and listed in the index",
          "[safetensors][layout]") {
  TempFolder folder;
  OutputModel model = small_model();
  model.options = shard_size("11");
  write_all(folder / "out", model);
  CHECK(read_file(folder / "out" / "model.safetensors.index.json") ==
        "{\n  \"metadata\": {\n    \"total_size\": 15\n  },\n  \"weight_map\": {\n"
        "    \"a\": \"model-00002-of-00002.safetensors\",\n    \"b\": \"model-00001-of-00002.safetensors\",\n"
        "    \"c\": \"model-00002-of-00002.safetensors\"\n  }\n}\n");
  const auto reader = format()->open(folder / "out");
  CHECK(reader->header().tensors.size() == 3);
  CHECK(reader->header().metadata.string("format", "") == "pt");
}

TEST_CASE("safetensors writer: a tensor above the shard size stands alone, the open shard stays open",
          "[safetensors][layout]") {
  OutputModel model;
  model.tensors = {{"a", {2}, "u8", 2}, {"big", {9}, "u8", 9}, {"b", {2}, "u8", 2}, {"c", {2}, "u8", 2}};
  model.options = shard_size("5");
  const OutputLayout layout = format()->layout("out", model);
  REQUIRE(layout.files.size() == 4);
  CHECK(layout.tensors[1].file == 0);
  CHECK(layout.tensors[0].file == layout.tensors[2].file);
  CHECK(layout.tensors[3].file == 2);
}

TEST_CASE("safetensors writer: a written folder reads back", "[safetensors][unit]") {
  TempFolder folder;
  OutputModel model = small_model();
  model.metadata.set("format", std::string("pt"));
  model.metadata.set("note", std::string("\"quoted\"\n\xC3\xA9"));
  write_file(folder / "source.txt", "copied");
  write_file(folder / "empty.txt", "");
  model.side_files = {{"config.json", {}, "{\"a\":1}"},
                      {"copy.txt", folder / "source.txt", {}},
                      {"empty.txt", folder / "empty.txt", {}}};
  write_all(folder / "out", model);
  const auto reader = format()->open(folder / "out");
  REQUIRE(reader->header().tensors.size() == 3);
  CHECK(content(*reader, 0) == "IJKL");
  CHECK(content(*reader, 1) == "ABCDEFGH");
  CHECK(reader->header().tensors[1].shape == Shape{2, 2});
  CHECK(reader->header().metadata.string("note", "") == "\"quoted\"\n\xC3\xA9");
  CHECK(read_file(folder / "out" / "config.json") == "{\"a\":1}");
  CHECK(read_file(folder / "out" / "copy.txt") == "copied");
  CHECK(read_file(folder / "out" / "empty.txt").empty());
  CHECK_FALSE(std::filesystem::exists(folder / "out" / "model.safetensors.index.json"));
}

TEST_CASE("safetensors writer: nothing has a final name before the seal, and nothing stays without it",
          "[safetensors][unit]") {
  TempFolder folder;
  {
    const auto writer = format()->create(folder / "out", small_model(), false);
    writer->write_rows(1, 0, bytes_of("IJKL"));
    CHECK_FALSE(std::filesystem::exists(folder / "out"));
    CHECK(std::filesystem::exists(folder / "out.partial"));
  }
  CHECK(std::filesystem::is_empty(folder.path()));
}

TEST_CASE("safetensors writer: what has been written is read back before the seal", "[safetensors][unit]") {
  const std::string name = GENERATE("out", "out.safetensors");
  TempFolder folder;
  const auto writer = format()->create(folder / name, small_model(), false);
  writer->write_rows(1, 0, bytes_of("IJKL"));
  const auto reader = writer->reopen();
  REQUIRE(reader->header().tensors.size() == 3);
  CHECK(content(*reader, 0) == "IJKL");
  writer->write_rows(2, 0, bytes_of("MNO"));
  CHECK(content(*reader, 2) == "MNO");
  writer->seal();
}

TEST_CASE("safetensors writer: what was kept is continued", "[safetensors][unit]") {
  TempFolder folder;
  {
    const auto writer = format()->create(folder / "out", small_model(), false);
    writer->write_rows(0, 0, bytes_of("ABCDEFGH"));
    writer->write_rows(1, 0, bytes_of("IJKL"));
    writer->flush();
    writer->keep();
  }
  SECTION("killed while writing") {}
  SECTION("killed while sealing") {
    std::filesystem::rename(folder / "out.partial" / "model.safetensors.partial",
                            folder / "out.partial" / "model.safetensors");
  }
  const auto writer = format()->create(folder / "out", small_model(), true);
  writer->write_rows(2, 0, bytes_of("MNO"));
  writer->seal();
  const auto reader = format()->open(folder / "out");
  CHECK(content(*reader, 0) == "IJKL");
  CHECK(content(*reader, 1) == "ABCDEFGH");
  CHECK(content(*reader, 2) == "MNO");
}

TEST_CASE("safetensors writer: a model without tensors is a file of the header only",
          "[safetensors][layout]") {
  TempFolder folder;
  OutputModel model;
  format()->create(folder / "x.safetensors", model, false)->seal();
  CHECK(read_file(folder / "x.safetensors") ==
        file_of(R"({"__metadata__":{"format":"pt"}})"));  // 32 bytes: no blanks
}

TEST_CASE("safetensors writer: what cannot be expressed is refused at plan time", "[safetensors][unit]") {
  const auto refusal_of = [](const OutputModel& model, const std::string& path = "out") {
    return message_of<ConfigError>([&] { format()->layout(path, model); });
  };
  OutputModel model = small_model();
  SECTION("encoding") {
    model.tensors[0].encoding = "q4_0";
    CHECK_THAT(refusal_of(model), Contains("tensor 'b': safetensors has no dtype for q4_0"));
  }
  SECTION("same name twice") {
    model.tensors[1].name = "b";
    CHECK_THAT(refusal_of(model), Contains("two tensors have the name 'b'"));
  }
  SECTION("reserved name") {
    model.tensors[1].name = "__metadata__";
    CHECK_THAT(refusal_of(model), Contains("cannot have the name '__metadata__'"));
  }
  SECTION("metadata that is no string") {
    model.metadata.set("n", std::uint32_t{1});
    CHECK_THAT(refusal_of(model),
               Contains("metadata 'n' is of type u32; safetensors files hold strings only"));
  }
  SECTION("metadata that is no text") {
    model.metadata.set("n", std::string("\xff"));
    CHECK_THAT(refusal_of(model), Contains("metadata 'n' is not UTF-8"));
  }
  SECTION("metadata beyond the header's limit") {
    model.metadata.set("n", std::string(100'000'000, 'x'));
    CHECK_THAT(refusal_of(model), Contains("readers of safetensors accept 100000000"));
  }
  SECTION("side files that lead elsewhere") {
    const std::string name = GENERATE("../x", "/x", "a/b", "", "..", "additional_chat_templates/../x",
                                      "additional_chat_templates/");
    model.side_files = {{name, {}, "x"}};
    CHECK_THAT(refusal_of(model), Contains("cannot be the name of a file"));
  }
  SECTION("side files over the weights") {
    model.side_files = {{"model.safetensors", {}, "x"}};
    CHECK_THAT(refusal_of(model), Contains("two files of the output have the name 'model.safetensors'"));
  }
  SECTION("shards of a single file") {
    model.options = shard_size("1GB");
    CHECK_THAT(refusal_of(model, "out.safetensors"),
               Contains("max_shard_size cannot be used with the single file"));
  }
  SECTION("a size that is none") {
    model.options = shard_size("big");
    CHECK_THAT(refusal_of(model), Contains("'max_shard_size' must be a size above zero such as 500MB"));
  }
}

TEST_CASE("safetensors writer: sizes have decimal and binary units", "[safetensors][unit]") {
  CHECK(hf::parse_size("5GB", "x") == 5'000'000'000);
  CHECK(hf::parse_size("500MB", "x") == 500'000'000);
  CHECK(hf::parse_size("2GiB", "x") == 2'147'483'648);
  CHECK(hf::parse_size("10 KB", "x") == 10'000);
  CHECK(hf::parse_size("2G", "x") == hf::parse_size("2GB", "x"));
  CHECK(hf::parse_size("77", "x") == 77);
  const std::string wrong =
      GENERATE("", "0", "-1", "GB", "1.5GB", "5gb", "99999999999999999999", "99999999999TB", "1 GB ");
  CHECK_THROWS_AS(hf::parse_size(wrong, "x"), ConfigError);
}
