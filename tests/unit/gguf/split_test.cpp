#include "support.hpp"

#include <catch2/catch.hpp>

using namespace gguf_test;

namespace {

// Five tensors of 100 bytes (128 with padding), split as the option says.
pq::OutputModel model_with(const std::string& option, const std::string& value) {
  pq::OutputModel model;
  model.metadata.set("general.architecture", std::string("x"));
  for (int i = 0; i < 5; ++i)
    model.tensors.push_back({{'t', static_cast<char>('0' + i)}, {10, 10}, "i8", 10});
  model.options = pq::Node::map();
  model.options.set(option, pq::Node::scalar(value));
  return model;
}

std::vector<std::string> five_tensors() {
  std::vector<std::string> data;
  for (char c = 'a'; c < 'f'; ++c) data.emplace_back(100, c);
  return data;
}

std::vector<std::size_t> tensors_per_file(const pq::OutputLayout& layout) {
  std::vector<std::size_t> counts(layout.files.size());
  for (const auto& place : layout.tensors) ++counts[place.file];
  return counts;
}

// Part `number` (0-based) of `count`, with one i8 tensor of 4 bytes.
Raw part(std::uint16_t number, std::uint16_t count, std::int32_t total, std::string_view name) {
  Raw raw = Raw::start(1, number == 0 ? 4 : 3);
  if (number == 0) raw.key_text("general.architecture", "x");
  raw.text("split.no")
      .u32(2)
      .u16(number)
      .text("split.count")
      .u32(2)
      .u16(count)
      .text("split.tensors.count")
      .u32(5)
      .number(total);
  return raw.tensor(name, {4}, 24, 0).pad().fill(4, static_cast<char>('A' + number)).pad();
}

std::string open_error_at(const std::filesystem::path& path) {
  try {
    format().open(path);
    return "";
  } catch (const pq::FormatError& error) {
    return error.what();
  }
}

}  // namespace

TEST_CASE("gguf split: parts of a hand-made model are read as one", "[gguf][split][layout]") {
  const Folder folder;
  write_file(folder / "m-00001-of-00003.gguf", part(0, 3, 3, "a").bytes);
  write_file(folder / "m-00002-of-00003.gguf", part(1, 3, 3, "b").bytes);
  write_file(folder / "m-00003-of-00003.gguf", part(2, 3, 3, "c").bytes);
  const auto reader = format().open(folder / "m-00001-of-00003.gguf");
  const auto& tensors = reader->header().tensors;
  REQUIRE(tensors.size() == 3);
  CHECK(tensors[1].name == "b");
  CHECK(tensors[1].file == "m-00002-of-00003.gguf");
  CHECK(all_rows(*reader, 0) == "AAAA");
  CHECK(all_rows(*reader, 2) == "CCCC");
  CHECK(reader->header().metadata.string("general.architecture", "") == "x");
  CHECK(reader->check().empty());
  reader->release(2, 0, 1);
}

TEST_CASE("gguf split: a later part names the first one", "[gguf][split]") {
  const Folder folder;
  write_file(folder / "m-00002-of-00003.gguf", part(1, 3, 3, "b").bytes);
  CHECK_THAT(open_error_at(folder / "m-00002-of-00003.gguf"), Catch::Contains("part 2 of 3") &&
                                                                  Catch::Contains("open the first part") &&
                                                                  Catch::Contains("m-00001-of-00003.gguf'"));
}

TEST_CASE("gguf split: a missing part is named", "[gguf][split][hostile]") {
  const Folder folder;
  write_file(folder / "m-00001-of-00002.gguf", part(0, 2, 2, "a").bytes);
  CHECK_THAT(open_error_at(folder / "m-00001-of-00002.gguf"),
             Catch::Contains("m-00002-of-00002.gguf: part 2 of 2 of the split model is missing"));
}

TEST_CASE("gguf split: a renamed first part cannot be followed", "[gguf][split][hostile]") {
  CHECK_THAT(open_error(part(0, 2, 2, "a").bytes), Catch::Contains("does not end in '-00001-of-00002.gguf'"));
}

TEST_CASE("gguf split: parts that do not belong together are refused", "[gguf][split][hostile]") {
  const Folder folder;
  const auto path = folder / "m-00001-of-00002.gguf";
  const auto second = folder / "m-00002-of-00002.gguf";
  write_file(path, part(0, 2, 2, "a").bytes);
  SECTION("wrong number") {
    write_file(second, part(0, 2, 2, "b").bytes);
    CHECK_THAT(open_error_at(path), Catch::Contains("m-00002-of-00002.gguf: the keys say part 1 of 2"));
  }
  SECTION("wrong count") {
    write_file(second, part(1, 3, 2, "b").bytes);
    CHECK_THAT(open_error_at(path), Catch::Contains("the keys say part 2 of 3"));
  }
  SECTION("no part at all") {
    write_file(second, Raw::start(0, 0).bytes);
    CHECK_THAT(open_error_at(path), Catch::Contains("m-00002-of-00002.gguf: the keys say part 1 of 0"));
  }
  SECTION("same tensor twice") {
    write_file(second, part(1, 2, 2, "a").bytes);
    CHECK_THAT(open_error_at(path), Catch::Contains("tensor 'a' is in two parts"));
  }
  SECTION("damaged") {
    write_file(second, part(1, 2, 2, "b").bytes.substr(0, 60));
    CHECK_THAT(open_error_at(path), Catch::Contains("m-00002-of-00002.gguf: "));
  }
}

TEST_CASE("gguf split: wrong totals and numbers are refused", "[gguf][split][hostile]") {
  const Folder folder;
  const auto path = folder / "m-00001-of-00002.gguf";
  write_file(folder / "m-00002-of-00002.gguf", part(1, 2, 3, "b").bytes);
  write_file(path, part(0, 2, 3, "a").bytes);
  CHECK_THAT(open_error_at(path),
             Catch::Contains("'split.tensors.count' is 3, but the 2 parts hold 2 tensors"));
  write_file(path, part(2, 2, 2, "a").bytes);
  CHECK_THAT(open_error_at(path), Catch::Contains("'split.no' is 2, it must be 0 to 1"));
  write_file(path, Raw::start(0, 1).key_u32("split.count", 70000).bytes);
  CHECK_THAT(open_error_at(path), Catch::Contains("'split.count' is 70000"));
  write_file(path, Raw::start(0, 1).key_u32("split.count", 2).bytes);
  CHECK_THAT(open_error_at(path), Catch::Contains("'split.no' or 'split.tensors.count' is missing"));
  write_file(path, Raw::start(0, 1).key_text("split.count", "2").bytes);
  CHECK_THAT(open_error_at(path), Catch::Contains("split.count") && Catch::Contains("00001-of-00002.gguf: "));
}

TEST_CASE("gguf split: counts of 0 and 1 are single files", "[gguf][split]") {
  CHECK(open_error(part(0, 0, 1, "a").bytes).empty());
  CHECK(open_error(part(0, 1, 1, "a").bytes).empty());
}

TEST_CASE("gguf split: keys of later parts other than the split keys are reported", "[gguf][split]") {
  const Folder folder;
  write_file(folder / "m-00001-of-00002.gguf", part(0, 2, 2, "a").bytes);
  Raw second = Raw::start(1, 4);
  second.text("split.no")
      .u32(2)
      .u16(1)
      .text("split.count")
      .u32(2)
      .u16(2)
      .text("split.tensors.count")
      .u32(5)
      .u32(2);
  second.key_u32("extra", 1).tensor("b", {4}, 24, 0).pad().fill(32);
  write_file(folder / "m-00002-of-00002.gguf", second.bytes);
  const auto problems = format().open(folder / "m-00001-of-00002.gguf")->check();
  REQUIRE(problems.size() == 1);
  CHECK_THAT(problems[0], Catch::Contains("m-00002-of-00002.gguf: key 'extra' is ignored"));
}

TEST_CASE("gguf split: a limit on tensors cuts after so many", "[gguf][split]") {
  CHECK(tensors_per_file(format().layout("m.gguf", model_with("split_max_tensors", "2"))) ==
        std::vector<std::size_t>{2, 2, 1});
  CHECK(tensors_per_file(format().layout("m.gguf", model_with("split_max_tensors", "5"))) ==
        std::vector<std::size_t>{5});
}

TEST_CASE("gguf split: a limit on bytes counts padded tensors, and a larger tensor stands alone",
          "[gguf][split]") {
  CHECK(tensors_per_file(format().layout("m.gguf", model_with("split_max_size", "256"))) ==
        std::vector<std::size_t>{2, 2, 1});
  CHECK(tensors_per_file(format().layout("m.gguf", model_with("split_max_size", "255"))) ==
        std::vector<std::size_t>{1, 1, 1, 1, 1});
  CHECK(tensors_per_file(format().layout("m.gguf", model_with("split_max_size", "10"))) ==
        std::vector<std::size_t>{1, 1, 1, 1, 1});
  CHECK(tensors_per_file(format().layout("m.gguf", model_with("split_max_size", "1M"))) ==
        std::vector<std::size_t>{5});
}

TEST_CASE("gguf split: what is written as parts reads back as one model", "[gguf][split]") {
  const Folder folder;
  const pq::OutputModel model = model_with("split_max_tensors", "2");
  write_model(folder / "m.gguf", model, five_tensors());
  const std::vector<std::string> names = {"m-00001-of-00003.gguf", "m-00002-of-00003.gguf",
                                          "m-00003-of-00003.gguf"};
  CHECK(folder.names() == names);
  const pq::OutputLayout layout = format().layout(folder / "m.gguf", model);
  for (std::size_t i = 0; i < 3; ++i) {
    CHECK(layout.files[i].name == names[i]);
    CHECK(layout.files[i].bytes == std::filesystem::file_size(folder / names[i]));
  }
  const auto reader = format().open(folder / names[0]);
  REQUIRE(reader->header().tensors.size() == 5);
  for (std::size_t t = 0; t < 5; ++t) {
    CHECK(all_rows(*reader, t) == five_tensors()[t]);
    CHECK(reader->header().tensors[t].offset == layout.tensors[t].offset);
  }
  CHECK(reader->check().empty());
  CHECK(*reader->header().metadata.find("split.no") == pq::MetaValue(std::uint16_t{0}));
  CHECK(*reader->header().metadata.find("split.count") == pq::MetaValue(std::uint16_t{3}));
  CHECK(*reader->header().metadata.find("split.tensors.count") == pq::MetaValue(std::int32_t{5}));
}

TEST_CASE("gguf split: what has been written can be read before it has its names", "[gguf][split]") {
  const Folder folder;
  const std::string limit = GENERATE("2", "0");  // in parts, and as one file
  const auto writer = format().create(folder / "m.gguf", model_with("split_max_tensors", limit), false);
  for (std::size_t t = 0; t < 5; ++t) writer->write_rows(t, 0, as_bytes(five_tensors()[t]));
  const auto reader = writer->reopen();
  REQUIRE(reader != nullptr);
  REQUIRE(reader->header().tensors.size() == 5);
  for (std::size_t t = 0; t < 5; ++t) CHECK(all_rows(*reader, t) == five_tensors()[t]);
  CHECK(reader->check().empty());
  writer->seal();
  CHECK(all_rows(*reader, 4) == five_tensors()[4]);
}

TEST_CASE("gguf split: the second part holds its bytes and the three keys only", "[gguf][split][layout]") {
  const Folder folder;
  write_model(folder / "m.gguf", model_with("split_max_tensors", "4"), five_tensors());
  Raw expected = Raw::start(1, 3);
  expected.text("split.no")
      .u32(2)
      .u16(1)
      .text("split.count")
      .u32(2)
      .u16(2)
      .text("split.tensors.count")
      .u32(5)
      .u32(5);
  expected.tensor("t4", {10, 10}, 24, 0).pad().fill(100, 'e').pad();
  CHECK(read_file(folder / "m-00002-of-00002.gguf") == expected.bytes);
}

TEST_CASE("gguf split: the name of a part can be given for the whole", "[gguf][split]") {
  const auto layout = format().layout("out/m-00001-of-00007.gguf", model_with("split_max_tensors", "4"));
  CHECK(layout.files[1].name == "m-00002-of-00002.gguf");
}
