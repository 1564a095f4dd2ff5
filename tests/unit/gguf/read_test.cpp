#include "support.hpp"

#include <catch2/catch.hpp>

using namespace gguf_test;

namespace {

// The smallest interesting file, as the specification describes it: two keys, a matrix of 2 x 3 f32 and a vector of 2 f16.
Raw small_file() {
  Raw raw = Raw::start(2, 2);
  raw.key_text("general.architecture", "llama").key_u32("llama.block_count", 7);
  raw.tensor("a.weight", {3, 2}, 0, 0).tensor("a.bias", {2}, 1, 32).pad();
  for (int i = 0; i < 6; ++i) raw.number(static_cast<float>(i));
  raw.pad().u16(0x3C00).u16(0xBC00).pad();
  return raw;
}

}  // namespace

TEST_CASE("gguf reader: a hand-made file gives its names, shapes, types and bytes", "[gguf][layout]") {
  const Raw raw = small_file();
  const auto reader = open_bytes(raw.bytes);
  const pq::ModelHeader& header = reader->header();
  CHECK(header.dialect == pq::Dialect::gguf);
  CHECK(header.side_files.empty());
  REQUIRE(header.tensors.size() == 2);
  CHECK(header.tensors[0].name == "a.weight");
  CHECK(header.tensors[0].shape == pq::Shape{2, 3});  // on disk 3 comes first
  CHECK(header.tensors[0].encoding == "f32");
  CHECK(header.tensors[0].row_bytes == 12);
  CHECK(header.tensors[0].file == "m.gguf");
  // 24 bytes of counts; keys: 8+20+4+8+5 and 8+17+4+4; tensors: 8+8+4+16+4+8 and 8+6+4+8+4+8; together 188, padded to 192.
  CHECK(header.tensors[0].offset == 192);
  CHECK(header.tensors[1].name == "a.bias");
  CHECK(header.tensors[1].shape == pq::Shape{2});
  CHECK(header.tensors[1].encoding == "f16");
  CHECK(header.tensors[1].offset == 224);
  CHECK(all_rows(*reader, 0) == raw.bytes.substr(192, 24));
  CHECK(all_rows(*reader, 1) == std::string("\x00\x3C\x00\xBC", 4));
  CHECK(reader->check().empty());
}

TEST_CASE("gguf reader: metadata keeps types and file order", "[gguf]") {
  const auto reader = open_bytes(small_file().bytes);
  const auto& entries = reader->header().metadata.entries();
  REQUIRE(entries.size() == 2);
  CHECK(entries[0] == pq::Metadata::Entry{"general.architecture", std::string("llama")});
  CHECK(entries[1] == pq::Metadata::Entry{"llama.block_count", std::uint32_t{7}});
}

TEST_CASE("gguf reader: a range of rows is that part of the tensor", "[gguf]") {
  const Raw raw = small_file();
  const auto reader = open_bytes(raw.bytes);
  std::vector<std::byte> scratch;
  const pq::Bytes row = reader->rows(0, 1, 1, scratch);
  CHECK(std::string(reinterpret_cast<const char*>(row.data()), row.size()) == raw.bytes.substr(192 + 12, 12));
  CHECK(scratch.empty());
  CHECK(reader->rows(0, 2, 0, scratch).empty());
  reader->release(0, 0, 2);
  CHECK(all_rows(*reader, 0) == raw.bytes.substr(192, 24));
  CHECK_THROWS_AS(reader->rows(0, 1, 2, scratch), pq::InternalError);
  CHECK_THROWS_AS(reader->rows(2, 0, 1, scratch), pq::InternalError);
}

TEST_CASE("gguf reader: version 2 is the same layout", "[gguf][layout]") {
  Raw raw = small_file();
  raw.bytes[4] = 2;
  const auto reader = open_bytes(raw.bytes);
  CHECK(reader->header().tensors.size() == 2);
  CHECK(reader->check().empty());
}

TEST_CASE("gguf reader: a file of 24 bytes without keys and tensors is legal", "[gguf][layout]") {
  const auto reader = open_bytes(Raw::start(0, 0).bytes);
  CHECK(reader->header().tensors.empty());
  CHECK(reader->header().metadata.empty());
}

TEST_CASE("gguf reader: the alignment key moves data and offsets, wherever it stands", "[gguf][layout]") {
  const std::uint32_t alignment = GENERATE(1u, 8u, 64u, 4096u);
  Raw raw = Raw::start(2, 2);
  raw.key_u32("general.alignment", alignment).key_text("general.architecture", "x");
  raw.tensor("a", {5}, 24, 0)
      .tensor("b", {3}, 24, alignment * ((5 + alignment - 1) / alignment))
      .pad(alignment);
  const std::size_t start = raw.bytes.size();
  raw.fill(5, 'a').pad(alignment);
  const std::size_t second = raw.bytes.size();
  raw.fill(3, 'b').pad(alignment);
  const auto reader = open_bytes(raw.bytes);
  CHECK(reader->header().tensors[0].offset == start);
  CHECK(reader->header().tensors[1].offset == second);
  CHECK(all_rows(*reader, 0) == "aaaaa");
  CHECK(all_rows(*reader, 1) == "bbb");
  CHECK(reader->check().size() == (alignment == 1 ? 1 : 0));  // the specification demands a multiple of 8
}

TEST_CASE("gguf reader: scalars, empty tensors and four dimensions are read", "[gguf]") {
  Raw raw = Raw::start(4, 0);
  raw.tensor("scalar", {}, 0, 0)
      .tensor("empty", {4, 0, 3}, 0, 32)
      .tensor("four", {2, 1, 3, 2}, 24, 32)
      .tensor("", {1}, 24, 64);
  raw.pad().fill(4, 's').pad().fill(12, 'f').pad().fill(1).pad();
  const auto reader = open_bytes(raw.bytes);
  const auto& tensors = reader->header().tensors;
  CHECK(tensors[0].shape == pq::Shape{});
  CHECK(all_rows(*reader, 0) == "ssss");
  CHECK(tensors[1].shape == pq::Shape{3, 0, 4});
  CHECK(all_rows(*reader, 1).empty());
  CHECK(tensors[2].shape == pq::Shape{2, 3, 1, 2});
  CHECK(all_rows(*reader, 2) == std::string(12, 'f'));
}

TEST_CASE("gguf reader: bytes after the last tensor are ignored, its padding may be missing", "[gguf]") {
  Raw raw = small_file();
  CHECK(open_bytes(raw.bytes + "more")->check().empty());
  const auto reader = open_bytes(raw.bytes.substr(0, 228));  // the last tensor ends here
  CHECK(all_rows(*reader, 1).size() == 4);
  REQUIRE(reader->check().size() == 1);
  CHECK_THAT(reader->check()[0], Catch::Contains("padding after the last tensor is missing"));
}

TEST_CASE("gguf reader: tensors in another order than their bytes, and gaps, are read but reported",
          "[gguf]") {
  Raw raw = Raw::start(2, 1);
  raw.key_text("general.architecture", "x").tensor("second", {2}, 24, 64).tensor("first", {2}, 24, 0).pad();
  raw.fill(2, '1').pad().fill(32).fill(2, '2').pad();
  const auto reader = open_bytes(raw.bytes);
  CHECK(all_rows(*reader, 0) == "22");
  CHECK(all_rows(*reader, 1) == "11");
  REQUIRE(reader->check().size() == 1);
  CHECK_THAT(reader->check()[0], Catch::Contains("tensor 'second': offset 64 should be 0"));
}

TEST_CASE("gguf reader: every type of ggml is carried with its block size", "[gguf][golden]") {
  // ggml's type table: id, name, elements and bytes of a block.
  struct Type {
    std::uint32_t id;
    const char* name;
    std::uint64_t elements, bytes;
  };
  const Type type =
      GENERATE(Type{0, "f32", 1, 4}, Type{1, "f16", 1, 2}, Type{2, "q4_0", 32, 18}, Type{3, "q4_1", 32, 20},
               Type{6, "q5_0", 32, 22}, Type{7, "q5_1", 32, 24}, Type{8, "q8_0", 32, 34},
               Type{9, "q8_1", 32, 36}, Type{10, "q2_k", 256, 84}, Type{11, "q3_k", 256, 110},
               Type{12, "q4_k", 256, 144}, Type{13, "q5_k", 256, 176}, Type{14, "q6_k", 256, 210},
               Type{15, "q8_k", 256, 292}, Type{16, "iq2_xxs", 256, 66}, Type{17, "iq2_xs", 256, 74},
               Type{18, "iq3_xxs", 256, 98}, Type{19, "iq1_s", 256, 50}, Type{20, "iq4_nl", 32, 18},
               Type{21, "iq3_s", 256, 110}, Type{22, "iq2_s", 256, 82}, Type{23, "iq4_xs", 256, 136},
               Type{24, "i8", 1, 1}, Type{25, "i16", 1, 2}, Type{26, "i32", 1, 4}, Type{27, "i64", 1, 8},
               Type{28, "f64", 1, 8}, Type{29, "iq1_m", 256, 56}, Type{30, "bf16", 1, 2},
               Type{34, "tq1_0", 256, 54}, Type{35, "tq2_0", 256, 66}, Type{39, "mxfp4", 32, 17},
               Type{40, "nvfp4", 64, 36}, Type{41, "q1_0", 128, 18}, Type{42, "q2_0", 64, 18});
  INFO(type.name);
  Raw raw = Raw::start(1, 0);
  raw.tensor("t", {2 * type.elements, 3}, type.id, 0).pad().fill(6 * type.bytes, 'x').pad();
  const auto reader = open_bytes(raw.bytes);
  CHECK(reader->header().tensors[0].encoding == type.name);
  CHECK(reader->header().tensors[0].row_bytes == 2 * type.bytes);
  CHECK(all_rows(*reader, 0).size() == 6 * type.bytes);
}

TEST_CASE("gguf format: a file is recognised by its first bytes, or at least by its name", "[gguf]") {
  pq::Probe probe;
  probe.path = "some/file";
  probe.head = as_bytes("GGUF....");
  CHECK(format().probe(probe) == 100);
  probe.head = as_bytes("GGU");
  CHECK(format().probe(probe) == 0);
  probe.path = "some/file.gguf";
  CHECK(format().probe(probe) > 0);
  CHECK(format().probe(probe) < 100);
  probe.is_folder = true;
  CHECK(format().probe(probe) == 0);
}
