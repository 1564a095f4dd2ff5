// Valid headers of one file. The cases follow the reference reader's own tests (safetensors/src/tensor.rs).
#include "safetensors/support.hpp"

#include <catch2/catch.hpp>

using namespace pq;
using namespace pq::test;

TEST_CASE("safetensors header: the example of the specification is read", "[safetensors][unit]") {
  std::string header = "{" + entry("attn.0", "F32", "[1,2,3]", "[0,24]") + "}";
  header.resize(64, ' ');
  const hf::Header read = parse(file_of(header, std::string(24, 'x')));
  REQUIRE(read.tensors.size() == 1);
  CHECK(read.tensors[0].name == "attn.0");
  CHECK(read.tensors[0].dtype->name == "F32");
  CHECK(read.tensors[0].shape == Shape{1, 2, 3});
  CHECK(read.tensors[0].begin == 0);
  CHECK(read.tensors[0].end == 24);
  CHECK(read.data_begin == 72);
}

TEST_CASE("safetensors header: the smallest file is two braces", "[safetensors][unit]") {
  CHECK(parse(file_of("{}")).tensors.empty());
}

TEST_CASE("safetensors header: blanks around the object are accepted", "[safetensors][unit]") {
  const std::string text = GENERATE("{}\r \t\n", "\t\n{}", "{}      ");
  CHECK(parse(file_of(text)).tensors.empty());
}

TEST_CASE("safetensors header: a scalar has one element", "[safetensors][unit]") {
  const hf::Header read = parse(file_of("{" + entry("x", "I32", "[]", "[0,4]") + "}", "abcd"));
  CHECK(read.tensors.at(0).shape.empty());
  CHECK(read.tensors.at(0).end == 4);
}

TEST_CASE("safetensors header: a tensor without elements needs no bytes", "[safetensors][unit]") {
  CHECK(parse(file_of("{" + entry("x", "I32", "[2,0]", "[0,0]") + "}")).tensors.size() == 1);
}

TEST_CASE("safetensors header: several empty tensors may share an offset", "[safetensors][unit]") {
  const std::string header = "{" + entry("b", "U8", "[0]", "[1,1]") + "," + entry("a", "U8", "[0]", "[1,1]") +
                             "," + entry("c", "U8", "[1]", "[0,1]") + "}";
  const hf::Header read = parse(file_of(header, "x"));
  REQUIRE(read.tensors.size() == 3);
  CHECK(read.tensors[0].name == "c");
  CHECK(read.tensors[1].name == "a");
  CHECK(read.tensors[2].name == "b");
}

TEST_CASE("safetensors header: tensors are listed by offset, whatever the order of the text",
          "[safetensors][unit]") {
  const std::string header =
      "{" + entry("late", "U8", "[2]", "[1,3]") + "," + entry("early", "U8", "[1]", "[0,1]") + "}";
  CHECK(parse(file_of(header, "abc")).tensors.at(0).name == "early");
}

TEST_CASE("safetensors header: every dtype of the reference reader is known with its size",
          "[safetensors][unit]") {
  const auto [name, bytes] = GENERATE(table<std::string, int>(
      {{"BOOL", 2},    {"F4", 1},      {"U8", 2},          {"I8", 2},          {"F8_E5M2", 2},
       {"F8_E4M3", 2}, {"F8_E8M0", 2}, {"F8_E4M3FNUZ", 2}, {"F8_E5M2FNUZ", 2}, {"I16", 4},
       {"U16", 4},     {"F16", 4},     {"BF16", 4},        {"I32", 8},         {"U32", 8},
       {"F32", 8},     {"C64", 16},    {"F64", 16},        {"I64", 16},        {"U64", 16}}));
  INFO(name);
  const std::string offsets = "[0," + std::to_string(bytes) + "]";
  const hf::Header read = parse(file_of("{" + entry("x", name, "[2]", offsets) + "}",
                                        std::string(static_cast<std::size_t>(bytes), 'x')));
  CHECK(read.tensors.at(0).dtype->name == name);
}

TEST_CASE("safetensors header: four elements of six bits take three bytes", "[safetensors][unit]") {
  const std::string dtype = GENERATE("F6_E2M3", "F6_E3M2");
  CHECK(parse(file_of("{" + entry("x", dtype, "[4]", "[0,3]") + "}", "abc")).tensors.size() == 1);
}

TEST_CASE("safetensors header: metadata is kept in file order, null means none", "[safetensors][unit]") {
  CHECK(parse(file_of(R"({"__metadata__":null})")).metadata.empty());
  const hf::Header read = parse(file_of(R"({"__metadata__":{"z":"1","a":"é\n"}})"));
  CHECK(read.metadata == hf::StringPairs{{"z", "1"}, {"a", "é\n"}});
}

TEST_CASE("safetensors header: unknown members of a tensor are skipped", "[safetensors][unit]") {
  const std::string header =
      R"({"x":{"note":{"a":[1,{"b":null}],"c":-1.5},"dtype":"U8","shape":[1],"more":[[true]],"data_offsets":[0,1]}})";
  CHECK(parse(file_of(header, "x")).tensors.at(0).end == 1);
}
