#include "support.hpp"

#include <catch2/catch.hpp>

#include <thread>

using namespace gguf_test;

namespace {

pq::Node options(const std::string& key, const std::string& value) {
  pq::Node node = pq::Node::map();
  node.set(key, pq::Node::scalar(value));
  return node;
}

// An encoding that is only asked for its sizes.
class Sized final : public pq::Encoding {
 public:
  Sized(std::string spec, std::size_t bytes) : bytes_(bytes) { info_.id = info_.spec = std::move(spec); }
  const pq::EncodingInfo& info() const override { return info_; }
  std::size_t row_bytes(std::int64_t) const override { return bytes_; }
  std::unique_ptr<pq::RowEncoder> encoder(const pq::EncodeRequest&) const override { return nullptr; }
  void decode(pq::Bytes, pq::Matrix) const override {}

 private:
  pq::EncodingInfo info_;
  std::size_t bytes_;
};

pq::OutputModel small_model() {
  pq::OutputModel model;
  model.metadata.set("llama.block_count", std::uint32_t{7});
  model.metadata.set("general.architecture", std::string("llama"));
  model.tensors = {{"a.weight", {2, 3}, "f32", 12}, {"a.bias", {2}, "f16", 4}};
  return model;
}

// Refusals to lay this model out.
std::string layout_error(const pq::OutputModel& model) {
  try {
    format().layout("m.gguf", model);
    return "";
  } catch (const pq::ConfigError& error) {
    return error.what();
  }
}
std::string tensor_error(const pq::OutputTensor& tensor) {
  pq::OutputModel model;
  model.tensors = {tensor};
  return layout_error(model);
}

}  // namespace

TEST_CASE("gguf writer: version 3, architecture first, alignment 32, zero padding", "[gguf][layout]") {
  const Folder folder;
  const std::string matrix(24, 'm'), vector(4, 'v');
  write_model(folder / "m.gguf", small_model(), {matrix, vector});

  Raw expected = Raw::start(2, 2);
  expected.key_text("general.architecture", "llama").key_u32("llama.block_count", 7);
  expected.tensor("a.weight", {3, 2}, 0, 0).tensor("a.bias", {2}, 1, 32).pad();
  expected.bytes += matrix;
  expected.pad().bytes += vector;
  expected.pad();
  CHECK(read_file(folder / "m.gguf") == expected.bytes);
  CHECK(folder.names() == std::vector<std::string>{"m.gguf"});
}

TEST_CASE("gguf writer: the layout says exactly what is written", "[gguf]") {
  const Folder folder;
  const pq::OutputLayout layout = format().layout(folder / "m.gguf", small_model());
  CHECK(folder.names().empty());
  REQUIRE(layout.files.size() == 1);
  CHECK(layout.files[0].name == "m.gguf");
  write_model(folder / "m.gguf", small_model(), {std::string(24, 'm'), std::string(4, 'v')});
  CHECK(layout.files[0].bytes == std::filesystem::file_size(folder / "m.gguf"));
  const auto reader = format().open(folder / "m.gguf");
  for (std::size_t t = 0; t < 2; ++t) {
    CHECK(layout.tensors[t].file == 0);
    CHECK(layout.tensors[t].offset == reader->header().tensors[t].offset);
  }
}

TEST_CASE("gguf writer: metadata of every type comes back", "[gguf]") {
  const Folder folder;
  pq::OutputModel model;
  const std::vector<pq::MetaValue> values = {std::string("arch"),
                                             std::uint8_t{255},
                                             std::int8_t{-128},
                                             std::uint16_t{65535},
                                             std::int16_t{-32768},
                                             UINT32_MAX,
                                             INT32_MIN,
                                             0.1f,
                                             true,
                                             false,
                                             std::string("\xE2\x82\xAC"),
                                             std::string(),
                                             UINT64_MAX,
                                             INT64_MIN,
                                             0.1,
                                             std::vector<std::uint8_t>{0, 255},
                                             std::vector<std::int8_t>{-1},
                                             std::vector<std::uint16_t>{1, 2},
                                             std::vector<std::int16_t>{-1},
                                             std::vector<std::uint32_t>{1},
                                             std::vector<std::int32_t>{-1},
                                             std::vector<float>{1.5f},
                                             pq::BoolArray{{1, 0}},
                                             std::vector<std::string>{"", "x"},
                                             std::vector<std::uint64_t>{UINT64_MAX},
                                             std::vector<std::int64_t>{-1},
                                             std::vector<double>{0.1},
                                             std::vector<std::string>(),
                                             std::vector<float>(),
                                             pq::BoolArray{}};
  for (std::size_t i = 0; i < values.size(); ++i)
    model.metadata.set(i == 0 ? "general.architecture" : "key." + std::to_string(i), values[i]);
  write_model(folder / "m.gguf", model, {});
  const auto reader = format().open(folder / "m.gguf");
  CHECK(reader->header().metadata.entries() == model.metadata.entries());
  CHECK(reader->check().empty());
}

TEST_CASE("gguf writer: shapes and rows of many types come back", "[gguf]") {
  const Folder folder;
  pq::OutputModel model;
  model.metadata.set("general.architecture", std::string("x"));
  model.tensors = {{"scalar", {}, "f32", 4},        {"empty", {3, 0, 4}, "f32", 16},
                   {"q", {5, 64}, "q4_0", 36},      {"experts", {2, 3, 256}, "q6_k", 210},
                   {"four", {2, 2, 2, 3}, "i8", 3}, {"iq", {1, 512}, "iq1_m", 112},
                   {"f64", {7}, "f64", 56}};
  std::vector<std::string> data;
  for (const auto& tensor : model.tensors)
    data.emplace_back(tensor.row_bytes * static_cast<std::uint64_t>(pq::rows(tensor.shape)),
                      static_cast<char>('a' + data.size()));
  write_model(folder / "m.gguf", model, data);
  const auto reader = format().open(folder / "m.gguf");
  REQUIRE(reader->header().tensors.size() == model.tensors.size());
  for (std::size_t t = 0; t < data.size(); ++t) {
    INFO(model.tensors[t].name);
    CHECK(reader->header().tensors[t].name == model.tensors[t].name);
    CHECK(reader->header().tensors[t].shape == model.tensors[t].shape);
    CHECK(reader->header().tensors[t].encoding == model.tensors[t].encoding);
    CHECK(reader->header().tensors[t].row_bytes == model.tensors[t].row_bytes);
    CHECK(all_rows(*reader, t) == data[t]);
  }
  CHECK(reader->check().empty());
}

TEST_CASE("gguf writer: the quantization version is added where it is needed", "[gguf]") {
  const Folder folder;
  pq::OutputModel model;
  model.tensors = {{"q", {32}, "q8_0", 34}};
  write_model(folder / "m.gguf", model, {std::string(34, 0)});
  const auto version = [&] { return format().open(folder / "m.gguf")->header().metadata.entries(); };
  CHECK(version() == std::vector<pq::Metadata::Entry>{{"general.quantization_version", std::uint32_t{2}}});
  model.tensors = {{"f", {32}, "f16", 64}};
  write_model(folder / "m.gguf", model, {std::string(64, 0)});
  CHECK(version().empty());
}

TEST_CASE("gguf writer: keys about the source file are not copied", "[gguf]") {
  const Folder folder;
  pq::OutputModel model = small_model();
  model.metadata.set("general.alignment", std::uint32_t{64});
  model.metadata.set("split.no", std::uint16_t{0});
  model.metadata.set("split.count", std::uint16_t{3});
  model.metadata.set("split.tensors.count", std::int32_t{9});
  write_model(folder / "m.gguf", model, {std::string(24, 'm'), std::string(4, 'v')});
  const auto reader = format().open(folder / "m.gguf");
  CHECK(reader->header().metadata.entries().size() == 2);
  CHECK(reader->check().empty());
}

TEST_CASE("gguf writer: rows may come in any order from any thread", "[gguf]") {
  const Folder folder;
  pq::OutputModel model;
  model.tensors = {{"a", {64, 100}, "i8", 100}, {"b", {64, 100}, "i8", 100}};
  const auto writer = format().create(folder / "m.gguf", model, false);
  const auto work = [&](std::int64_t first) {
    for (std::int64_t row = 63 - first; row >= 0; row -= 4)
      for (std::size_t t = 0; t < 2; ++t)
        writer->write_rows(t, row,
                           as_bytes(std::string(100, static_cast<char>(row + 100 * static_cast<int>(t)))));
  };
  std::vector<std::thread> threads;
  for (std::int64_t i = 0; i < 4; ++i) threads.emplace_back(work, i);
  for (std::thread& thread : threads) thread.join();
  writer->flush();
  writer->seal();
  const auto reader = format().open(folder / "m.gguf");
  for (std::size_t t = 0; t < 2; ++t)
    for (std::size_t row = 0; row < 64; ++row)
      REQUIRE(all_rows(*reader, t).substr(row * 100, 100) ==
              std::string(100, static_cast<char>(row + 100 * t)));
}

TEST_CASE("gguf writer: without seal nothing remains, with keep the partial file", "[gguf]") {
  const Folder folder;
  { const auto writer = format().create(folder / "m.gguf", small_model(), false); }
  CHECK(folder.names().empty());
  {
    const auto writer = format().create(folder / "m.gguf", small_model(), false);
    writer->write_rows(0, 0, as_bytes(std::string(24, 'm')));
    writer->keep();
  }
  CHECK(folder.names() == std::vector<std::string>{"m.gguf.partial"});
  const auto writer = format().create(folder / "m.gguf", small_model(), true);
  writer->write_rows(1, 0, as_bytes("vvvv"));
  writer->seal();
  CHECK(all_rows(*format().open(folder / "m.gguf"), 0) == std::string(24, 'm'));
}

TEST_CASE("gguf writer: rows outside a tensor or cut rows are defects of the caller", "[gguf]") {
  const Folder folder;
  const auto writer = format().create(folder / "m.gguf", small_model(), false);
  const std::string row(12, 'x');
  CHECK_THROWS_AS(writer->write_rows(0, 2, as_bytes(row)), pq::InternalError);
  CHECK_THROWS_AS(writer->write_rows(0, -1, as_bytes(row)), pq::InternalError);
  CHECK_THROWS_AS(writer->write_rows(0, 0, as_bytes(row.substr(1))), pq::InternalError);
  CHECK_THROWS_AS(writer->write_rows(2, 0, as_bytes(row)), pq::InternalError);
}

TEST_CASE("gguf writer: what llama.cpp cannot read is refused before anything is written", "[gguf]") {
  CHECK(tensor_error({std::string(63, 'n'), {1}, "f32", 4}).empty());
  CHECK_THAT(tensor_error({std::string(64, 'n'), {1}, "f32", 4}),
             Catch::Contains("64 bytes long, llama.cpp reads at most 63"));
  CHECK_THAT(tensor_error({"", {1}, "f32", 4}), Catch::Contains("a tensor name is empty"));
  CHECK_THAT(tensor_error({"\xFF", {1}, "f32", 4}), Catch::Contains("'\\xff' is not valid UTF-8"));
  CHECK_THAT(tensor_error({"t", {1, 1, 1, 1, 1}, "f32", 4}),
             Catch::Contains("tensor 't': shape [1, 1, 1, 1, 1] has more than 4"));
  CHECK_THAT(tensor_error({"t", {1, -1}, "f32", 4}), Catch::Contains("negative or too large"));
  CHECK_THAT(tensor_error({"t", {INT64_MAX, 2, 1}, "f32", 4}), Catch::Contains("negative or too large"));
  CHECK_THAT(tensor_error({"t", {2, 64}, "nf4", 4}),
             Catch::Contains("encoding 'nf4' is not one of ggml's types"));
  CHECK_THAT(tensor_error({"t", {2, 64}, "q4_0_4_4", 4}), Catch::Contains("not one of ggml's types"));
  CHECK_THAT(tensor_error({"t", {2, 65}, "q4_0", 36}),
             Catch::Contains("rows of 65 are not a multiple of the 32 weights"));
  CHECK_THAT(tensor_error({"t", {2, 64}, "q4_0", 35}),
             Catch::Contains("rows of 64 q4_0 take 36 bytes in ggml, but the encoding makes 35"));
}

TEST_CASE("gguf format: encodings and shapes that the planner must avoid are named", "[gguf]") {
  CHECK_FALSE(format().rejects(Sized("q4_0", 36), {2, 64}));
  CHECK_FALSE(format().rejects(Sized("f32", 4), {}));
  CHECK_THAT(format().rejects(Sized("nf4", 36), {2, 64}).value(),
             Catch::Contains("encoding 'nf4' is not one of ggml's types"));
  CHECK_THAT(format().rejects(Sized("q4_k", 0), {2, 576}).value(),
             Catch::Contains("rows of 576 are not a multiple of the 256 weights"));
  CHECK_THAT(format().rejects(Sized("f32", 4), {1, 1, 1, 1, 1}).value(),
             Catch::Contains("more than 4 dimensions"));
  // A stranger's encoding of the same name with another packing would make a file that llama.cpp reads wrongly.
  CHECK_THAT(format().rejects(Sized("q4_0", 40), {2, 64}).value(),
             Catch::Contains("take 36 bytes in ggml, but the encoding makes 40"));
}

TEST_CASE("gguf writer: names and keys must be unique and not empty", "[gguf]") {
  pq::OutputModel model;
  model.tensors = {{"t", {1}, "f32", 4}, {"u", {1}, "f32", 4}, {"t", {1}, "f32", 4}};
  CHECK_THAT(layout_error(model), Catch::Contains("tensor name 't' is there twice"));
  model = {};
  model.metadata.append("k", true);
  model.metadata.append("k", true);
  CHECK_THAT(layout_error(model), Catch::Contains("key 'k' is there twice"));
  model = {};
  model.metadata.append("", true);
  CHECK_THAT(layout_error(model), Catch::Contains("a key is empty"));
}

TEST_CASE("gguf writer: unknown and wrong options are refused", "[gguf]") {
  pq::OutputModel model = small_model();
  model.options = options("split_max_bytes", "3G");
  CHECK_THAT(layout_error(model), Catch::Contains("split_max_size"));
  for (const char* text : {"0", "3X", "-1M", "1.5G", "M", "99999999999G", "3gb"}) {
    INFO(text);
    model.options = options("split_max_size", text);
    CHECK_THAT(layout_error(model), Catch::Contains("'split_max_size' must be a size above zero") &&
                                        Catch::Contains("got '" + std::string(text) + "'"));
  }
  model.options = options("split_max_tensors", "-1");
  CHECK_FALSE(layout_error(model).empty());
}
