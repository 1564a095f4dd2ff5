#include "support.hpp"

#include <catch2/catch.hpp>

using namespace gguf_test;

namespace {

pq::MetaValue read_one(const Raw& value) {
  Raw raw = Raw::start(0, 1);
  raw.text("k").bytes += value.bytes;
  return open_bytes(raw.bytes)->header().metadata.entries().at(0).second;
}

std::string refusal_of(const Raw& value) {
  Raw raw = Raw::start(0, 1);
  raw.text("k").bytes += value.bytes;
  return open_error(raw.bytes);
}

template <class T>
Raw scalar(std::uint32_t type, T value) {
  return Raw().u32(type).number(value);
}

template <class T>
Raw array(std::uint32_t type, const std::vector<T>& values) {
  Raw raw = Raw().u32(9).u32(type).u64(values.size());
  for (const T value : values) raw.number(value);
  return raw;
}

}  // namespace

TEST_CASE("gguf metadata: each scalar type id gives its own type", "[gguf][layout]") {
  CHECK(read_one(scalar<std::uint8_t>(0, 200)) == pq::MetaValue(std::uint8_t{200}));
  CHECK(read_one(scalar<std::int8_t>(1, -100)) == pq::MetaValue(std::int8_t{-100}));
  CHECK(read_one(scalar<std::uint16_t>(2, 60000)) == pq::MetaValue(std::uint16_t{60000}));
  CHECK(read_one(scalar<std::int16_t>(3, -30000)) == pq::MetaValue(std::int16_t{-30000}));
  CHECK(read_one(scalar<std::uint32_t>(4, 4000000000u)) == pq::MetaValue(std::uint32_t{4000000000u}));
  CHECK(read_one(scalar<std::int32_t>(5, -5)) == pq::MetaValue(std::int32_t{-5}));
  CHECK(read_one(scalar<float>(6, 1.5f)) == pq::MetaValue(1.5f));
  CHECK(read_one(scalar<std::uint8_t>(7, 1)) == pq::MetaValue(true));
  CHECK(read_one(scalar<std::uint8_t>(7, 0)) == pq::MetaValue(false));
  CHECK(read_one(Raw().u32(8).text("h\xC3\xA9")) == pq::MetaValue(std::string("h\xC3\xA9")));
  CHECK(read_one(scalar<std::uint64_t>(10, UINT64_MAX)) == pq::MetaValue(UINT64_MAX));
  CHECK(read_one(scalar<std::int64_t>(11, INT64_MIN)) == pq::MetaValue(INT64_MIN));
  CHECK(read_one(scalar<double>(12, -0.1)) == pq::MetaValue(-0.1));
}

TEST_CASE("gguf metadata: each array type id gives its own type", "[gguf][layout]") {
  CHECK(read_one(array<std::uint8_t>(0, {1, 2})) == pq::MetaValue(std::vector<std::uint8_t>{1, 2}));
  CHECK(read_one(array<std::int8_t>(1, {-1})) == pq::MetaValue(std::vector<std::int8_t>{-1}));
  CHECK(read_one(array<std::uint16_t>(2, {500})) == pq::MetaValue(std::vector<std::uint16_t>{500}));
  CHECK(read_one(array<std::int16_t>(3, {-500})) == pq::MetaValue(std::vector<std::int16_t>{-500}));
  CHECK(read_one(array<std::uint32_t>(4, {1, 2, 3})) == pq::MetaValue(std::vector<std::uint32_t>{1, 2, 3}));
  CHECK(read_one(array<std::int32_t>(5, {-1, 0})) == pq::MetaValue(std::vector<std::int32_t>{-1, 0}));
  CHECK(read_one(array<float>(6, {0.5f, -2})) == pq::MetaValue(std::vector<float>{0.5f, -2}));
  CHECK(read_one(array<std::uint8_t>(7, {1, 0, 1})) == pq::MetaValue(pq::BoolArray{{1, 0, 1}}));
  CHECK(read_one(Raw().u32(9).u32(8).u64(2).text("a").text("")) ==
        pq::MetaValue(std::vector<std::string>{"a", ""}));
  CHECK(read_one(array<std::uint64_t>(10, {7})) == pq::MetaValue(std::vector<std::uint64_t>{7}));
  CHECK(read_one(array<std::int64_t>(11, {-7})) == pq::MetaValue(std::vector<std::int64_t>{-7}));
  CHECK(read_one(array<double>(12, {0.1})) == pq::MetaValue(std::vector<double>{0.1}));
}

TEST_CASE("gguf metadata: empty strings and empty arrays are values", "[gguf]") {
  CHECK(read_one(Raw().u32(8).text("")) == pq::MetaValue(std::string()));
  CHECK(read_one(array<float>(6, {})) == pq::MetaValue(std::vector<float>()));
  CHECK(read_one(Raw().u32(9).u32(8).u64(0)) == pq::MetaValue(std::vector<std::string>()));
}

TEST_CASE("gguf metadata: a boolean stored as 2 is true, and reported", "[gguf]") {
  const Raw raw = Raw::start(0, 2).key_text("general.architecture", "x").text("k").u32(7).u8(2);
  const auto reader = open_bytes(raw.bytes);
  CHECK(reader->header().metadata.boolean("k", false));
  REQUIRE(reader->check().size() == 1);
  CHECK_THAT(reader->check()[0], Catch::Contains("key 'k'") && Catch::Contains("stored as 2"));
}

TEST_CASE("gguf metadata: arrays of arrays are refused", "[gguf][hostile]") {
  CHECK_THAT(refusal_of(Raw().u32(9).u32(9).u64(1).u32(4).u64(1).u32(5)),
             Catch::Contains("key 'k'") && Catch::Contains("array of arrays"));
}

TEST_CASE("gguf metadata: unknown value types are refused", "[gguf][hostile]") {
  CHECK_THAT(refusal_of(Raw().u32(13).u64(0)),
             Catch::Contains("key 'k'") && Catch::Contains("value type 13"));
  CHECK_THAT(refusal_of(Raw().u32(9).u32(13).u64(0)), Catch::Contains("value type 13"));
  CHECK_THAT(refusal_of(Raw().u32(0xFFFFFFFF).u64(0)), Catch::Contains("value type 4294967295"));
}

TEST_CASE("gguf metadata: lengths beyond the file are refused", "[gguf][hostile]") {
  CHECK_THAT(refusal_of(Raw().u32(8).u64(100).fill(99)), Catch::Contains("100 bytes"));
  CHECK_THAT(refusal_of(Raw().u32(8).u64(UINT64_MAX)), Catch::Contains("18446744073709551615 bytes"));
  CHECK_THAT(refusal_of(Raw().u32(9).u32(4).u64(3).fill(11)), Catch::Contains("array of 3 elements"));
  CHECK_THAT(refusal_of(Raw().u32(9).u32(10).u64(std::uint64_t{1} << 61).fill(64)),
             Catch::Contains("array of"));  // * 8 wraps to 0
  CHECK_THAT(refusal_of(Raw().u32(9).u32(0).u64(UINT64_MAX).fill(64)), Catch::Contains("array of"));
  CHECK_THAT(refusal_of(Raw().u32(9).u32(8).u64(1000).fill(64)), Catch::Contains("array of 1000 elements"));
  CHECK_THAT(refusal_of(Raw().u32(9).u32(8).u64(2).text("ok").u64(9).fill(3)), Catch::Contains("9 bytes"));
}
