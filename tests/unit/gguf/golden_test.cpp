#include "golden_dir.hpp"
#include "support.hpp"

#include <catch2/catch.hpp>

using namespace gguf_test;

namespace {

// See tests/golden/gguf_files/README.md.
std::filesystem::path golden(const std::string& name) { return pq_test::golden_dir() / "gguf_files" / name; }

// The model as a writer wants it.
pq::OutputModel copy_of(const pq::ModelReader& reader) {
  pq::OutputModel model;
  for (const pq::TensorInfo& tensor : reader.header().tensors)
    model.tensors.push_back({tensor.name, tensor.shape, tensor.encoding, tensor.row_bytes});
  model.metadata = reader.header().metadata;
  return model;
}

std::vector<std::string> data_of(const pq::ModelReader& reader) {
  std::vector<std::string> data;
  for (std::size_t t = 0; t < reader.header().tensors.size(); ++t) data.push_back(all_rows(reader, t));
  return data;
}

}  // namespace

TEST_CASE("gguf golden: metadata written by llama.cpp's package is read", "[gguf][golden]") {
  const auto reader = format().open(golden("package.gguf"));
  const std::vector<pq::Metadata::Entry> expected = {
      {"general.architecture", std::string("llama")},
      {"test.u8", std::uint8_t{255}},
      {"test.i8", std::int8_t{-128}},
      {"test.u16", std::uint16_t{65535}},
      {"test.i16", std::int16_t{-32768}},
      {"test.u32", std::uint32_t{4294967295u}},
      {"test.i32", std::int32_t{INT32_MIN}},
      {"test.f32", 0.5f},
      {"test.bool", true},
      {"test.string", std::string("\xE2\x82\xAC and more")},
      {"test.u64", std::uint64_t{UINT64_MAX}},
      {"test.i64", std::int64_t{INT64_MIN}},
      {"test.f64", -0.1},
      {"test.strings", std::vector<std::string>{"a", "", "\xC3\xA9"}},
      {"test.ints", std::vector<std::int32_t>{1, -2, 3}},
      {"test.floats", std::vector<float>{0.5f, -1.5f}},
      {"test.bools", pq::BoolArray{{1, 0}}},
      {"general.quantization_version", std::uint32_t{2}},
  };
  CHECK(reader->header().metadata.entries() == expected);
  CHECK(reader->check().empty());
}

TEST_CASE("gguf golden: tensors written by llama.cpp's package are read", "[gguf][golden]") {
  const auto reader = format().open(golden("package.gguf"));
  const auto& tensors = reader->header().tensors;
  REQUIRE(tensors.size() == 6);
  std::vector<std::byte> scratch;
  for (int i = 0; i < 32; ++i) {  // the ramp of the script: (-32 .. 31) / 8
    CHECK(pq::load<float>(reader->rows(0, 1, 1, scratch).data() + 4 * i) == static_cast<float>(i) / 8);
  }
  CHECK(tensors[1].encoding == "f16");
  CHECK(tensors[2].shape == pq::Shape{2, 3, 4});
  for (std::size_t i = 0; i < 24; ++i) CHECK(all_rows(*reader, 2)[i] == static_cast<char>(i));
  CHECK(tensors[3].encoding == "q8_0");
  CHECK(tensors[3].row_bytes == 34);
  CHECK(tensors[4].encoding == "q4_0");
  CHECK(tensors[4].shape == pq::Shape{2, 32});
  CHECK(tensors[5].shape == pq::Shape{3});
  CHECK(pq::load<double>(reader->rows(5, 0, 1, scratch).data() + 8) == -2.5);
}

TEST_CASE("gguf golden: the same model written by us is the same file", "[gguf][golden]") {
  const Folder folder;
  const auto reader = format().open(golden("package.gguf"));
  write_model(folder / "m.gguf", copy_of(*reader), data_of(*reader));
  CHECK(read_file(folder / "m.gguf") == read_file(golden("package.gguf")));
}

TEST_CASE("gguf golden: parts written by llama.cpp's package are read as one model",
          "[gguf][split][golden]") {
  const auto whole = format().open(golden("package.gguf"));
  const auto parts = format().open(golden("parts-00001-of-00003.gguf"));
  REQUIRE(parts->header().tensors.size() == 6);
  CHECK(data_of(*parts) == data_of(*whole));
  CHECK(parts->header().tensors[5].file == "parts-00003-of-00003.gguf");
  CHECK(parts->check().empty());
}

TEST_CASE("gguf golden: parts written by us are the same files but for the order of keys",
          "[gguf][split][golden]") {
  const Folder folder;
  const auto whole = format().open(golden("package.gguf"));
  pq::OutputModel model = copy_of(*whole);
  model.options = pq::Node::map();
  model.options.set("split_max_tensors", pq::Node::scalar("2"));
  write_model(folder / "parts.gguf", model, data_of(*whole));
  for (const char* name : {"parts-00002-of-00003.gguf", "parts-00003-of-00003.gguf"}) {
    INFO(name);
    CHECK(read_file(folder / name) == read_file(golden(name)));
  }
  CHECK(read_file(folder / "parts-00001-of-00003.gguf").size() ==
        read_file(golden("parts-00001-of-00003.gguf")).size());
}
