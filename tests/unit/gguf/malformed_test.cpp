#include "support.hpp"

#include <catch2/catch.hpp>

#include <functional>

using namespace gguf_test;

namespace {

constexpr std::uint64_t kTwo31 = std::uint64_t{1} << 31;
constexpr std::uint64_t kTwo32 = std::uint64_t{1} << 32;
constexpr std::uint64_t kTwo62 = std::uint64_t{1} << 62;

// A file with these tensors and 64 bytes of data.
Raw with_tensors(std::uint64_t count, const std::function<void(Raw&)>& add) {
  Raw raw = Raw::start(count, 0);
  add(raw);
  return raw.pad().fill(64);
}
Raw with_tensor(std::string_view name, const std::vector<std::uint64_t>& dims, std::uint32_t type,
                std::uint64_t offset = 0) {
  return with_tensors(1, [&](Raw& raw) { raw.tensor(name, dims, type, offset); });
}
Raw with_alignment(const Raw& value) {
  Raw raw = Raw::start(0, 1);
  raw.text("general.alignment").bytes += value.bytes;
  return raw;
}

struct Case {
  const char* what;
  Raw file;
  const char* message;
};

void check_refused(const Case& test) {
  INFO(test.what);
  const std::string error = open_error(test.file.bytes);
  CHECK_THAT(error, Catch::Contains("m.gguf: ") && Catch::Contains(test.message));
  CHECK(error.size() < 400);
}

}  // namespace

TEST_CASE("gguf reader: files that are no GGUF of a known version are refused", "[gguf][hostile]") {
  const std::vector<Case> cases = {
      {"empty file", Raw{}, "the file ends after 0"},
      {"only the magic", Raw{"GGUF"}, "the version"},
      {"other magic", Raw{"GGML"}.fill(20), "begins with 'GGML' instead of 'GGUF'"},
      {"binary magic", Raw{"\x7F"}.fill(23), "begins with '\\x7f\\x00\\x00\\x00'"},
      {"version 0", Raw::start(0, 0, 0), "version 0 is unknown"},
      {"version 1", Raw::start(0, 0, 1), "version 1 is no longer read"},
      {"version 4", Raw::start(0, 0, 4), "version 4 is unknown"},
      {"big-endian version 3", Raw::start(0, 0, 0x03000000), "big-endian"},
      {"big-endian version 2", Raw::start(0, 0, 0x02000000), "big-endian"},
  };
  for (const Case& test : cases) check_refused(test);
}

TEST_CASE("gguf reader: counts that cannot be in the file are refused", "[gguf][hostile]") {
  const std::vector<Case> cases = {
      {"-1 tensors", Raw::start(UINT64_MAX, 0), "announces 18446744073709551615 tensors"},
      {"-1 keys", Raw::start(0, UINT64_MAX), "and 18446744073709551615 keys"},
      {"counts whose sizes wrap", Raw::start(kTwo62, kTwo62).fill(100), "cannot be in the 100 bytes"},
      {"one key too many", Raw::start(0, 2).key_u32("k", 1), "announces 0 tensors and 2 keys"},
      {"one tensor too many", Raw::start(2, 0).tensor("t", {1}, 24, 0), "announces 2 tensors"},
      {"a key that is not there", Raw::start(0, 2).key_text("key", "a long enough text"), "key 2 of 2"},
  };
  for (const Case& test : cases) check_refused(test);
}

TEST_CASE("gguf reader: wrong keys are refused", "[gguf][hostile]") {
  const std::vector<Case> cases = {
      {"key of 2^64-1 bytes", Raw::start(0, 1).u64(UINT64_MAX).fill(50), "18446744073709551615 bytes long"},
      {"key beyond the file", Raw::start(0, 1).u64(1000).fill(50), "1000 bytes"},
      {"empty key", Raw::start(0, 1).key_u32("", 1), "a key is empty"},
      {"very long key", Raw::start(0, 1).key_u32(std::string(65536, 'k'), 1), "65536 bytes long"},
      {"key with NUL", Raw::start(0, 1).key_u32(std::string_view("a\0b", 3), 1),
       "key 'a\\x00b' is not valid"},
      {"key that is no UTF-8", Raw::start(0, 1).key_u32("a\xFF", 1), "key 'a\\xff' is not valid"},
      {"same key twice", Raw::start(0, 3).key_u32("k", 1).key_u32("l", 1).key_text("k", "x"),
       "key 'k' is there twice"},
  };
  for (const Case& test : cases) check_refused(test);
}

TEST_CASE("gguf reader: alignments other than a u32 power of two are refused", "[gguf][hostile]") {
  const std::vector<Case> cases = {
      {"0", with_alignment(Raw().u32(4).u32(0)), "is 0, it must be a power of two"},
      {"13", with_alignment(Raw().u32(4).u32(13)), "is 13, it must be a power of two"},
      {"24", with_alignment(Raw().u32(4).u32(24)), "power of two"},
      {"u64", with_alignment(Raw().u32(10).u64(32)), "has type u64"},
      {"i32", with_alignment(Raw().u32(5).u32(32)), "has type i32"},
      {"text", with_alignment(Raw().u32(8).text("32")), "has type string"},
  };
  for (const Case& test : cases) check_refused(test);
}

TEST_CASE("gguf reader: wrong tensor names are refused", "[gguf][hostile]") {
  const std::vector<Case> cases = {
      {"65 bytes", with_tensor(std::string(65, 'n'), {1}, 24), "65 bytes long, 64 are allowed"},
      {"2^64-1 bytes", Raw::start(1, 0).u64(UINT64_MAX).fill(60), "tensor 1 of 1"},
      {"NUL", with_tensor(std::string_view("a\0", 2), {1}, 24), "'a\\x00' is not valid"},
      {"no UTF-8", with_tensor("\xC0\x80", {1}, 24), "'\\xc0\\x80' is not valid"},
      {"twice", with_tensors(2, [](Raw& raw) { raw.tensor("t", {1}, 24, 0).tensor("t", {1}, 24, 32); }),
       "tensor 't' is there twice"},
  };
  for (const Case& test : cases) check_refused(test);
}

TEST_CASE("gguf reader: wrong shapes are refused", "[gguf][hostile]") {
  const std::vector<Case> cases = {
      {"5 dimensions", with_tensor("t", {1, 1, 1, 1, 1}, 24), "tensor 't': 5 dimensions"},
      {"2^32-1 dimensions", Raw::start(1, 0).text("t").u32(UINT32_MAX).fill(60), "4294967295 dimensions"},
      {"-1", with_tensor("t", {UINT64_MAX}, 24), "dimension 0 is 18446744073709551615"},
      {"product 2^64", with_tensor("t", {kTwo32, kTwo32}, 0), "[4294967296, 4294967296] is too large"},
      {"2^62 * 4", with_tensor("t", {kTwo62, 4}, 0), "is too large"},
      {"product 2^63", with_tensor("t", {kTwo32, kTwo31}, 24), "is too large"},
      {"test-gguf: (4 * INT32_MAX)^2", with_tensor("t", {4ull * INT32_MAX, 4ull * INT32_MAX}, 0),
       "is too large"},
      {"test-gguf: bytes of i64, sqrt(2^61) squared", with_tensor("t", {1518500250, 1518500250}, 27),
       "is too large"},
      {"zero hides an overflow of the rows", with_tensor("t", {0, kTwo62, 4}, 0), "is too large"},
      {"zero between overflowing dimensions", with_tensor("t", {32, kTwo62, 0, 4}, 2), "is too large"},
      {"part of a block", with_tensor("t", {33}, 2),
       "rows of 33 cannot be of type q4_0, whose blocks are 32"},
      {"scalar of a block type", with_tensor("t", {}, 8), "rows of 1 cannot be of type q8_0"},
      {"blocks run along the rows", with_tensor("t", {16, 2}, 2), "rows of 16"},
  };
  for (const Case& test : cases) check_refused(test);
}

TEST_CASE("gguf reader: removed tensor types are refused by name", "[gguf][hostile]") {
  const std::uint32_t id = GENERATE(4u, 5u, 31u, 32u, 33u, 36u, 37u, 38u);
  CHECK_THAT(open_error(with_tensor("t", {256}, id).bytes),
             Catch::Contains("tensor 't': tensor type " + std::to_string(id) + " (") &&
                 Catch::Contains("was removed"));
}

TEST_CASE("gguf reader: unknown tensor types are refused by number", "[gguf][hostile]") {
  const std::uint32_t id = GENERATE(43u, 137u, 0xFFFFFFFFu);
  CHECK_THAT(open_error(with_tensor("t", {256}, id).bytes),
             Catch::Contains("tensor 't': tensor type " + std::to_string(id) + " is unknown"));
}

TEST_CASE("gguf reader: wrong places are refused", "[gguf][hostile]") {
  const std::vector<Case> cases = {
      {"offset -1", with_tensor("t", {1}, 24, UINT64_MAX), "offset 18446744073709551615 is not a multiple"},
      {"offset that wraps", with_tensor("t", {64}, 24, UINT64_MAX - 31),
       "64 bytes at offset 18446744073709551584"},
      {"unaligned", with_tensor("t", {1}, 24, 8),
       "tensor 't': offset 8 is not a multiple of the alignment 32"},
      {"beyond the end", with_tensor("t", {1}, 24, 96), "1 bytes at offset 96"},
      {"one byte missing", with_tensor("t", {65}, 24),
       "65 bytes at offset 0 of the data are needed, but the file holds 64"},
      {"empty, but beyond the end", with_tensor("t", {0}, 24, 96), "0 bytes at offset 96"},
      {"same bytes", with_tensors(2, [](Raw& raw) { raw.tensor("t", {1}, 24, 32).tensor("u", {1}, 24, 32); }),
       "overlap"},
      {"overlap", with_tensors(2, [](Raw& raw) { raw.tensor("t", {1}, 24, 32).tensor("u", {33}, 24, 0); }),
       "tensor 't': its bytes at offset 32 of the data overlap those of tensor 'u' (33 bytes at offset 0)"},
      {"test-gguf: two of 2^63 - 64 bytes",
       with_tensors(2,
                    [](Raw& raw) {
                      raw.tensor("t", {INT64_MAX - 63}, 24, 0)
                          .tensor("u", {INT64_MAX - 63}, 24, static_cast<std::uint64_t>(INT64_MAX) - 63);
                    }),
       "9223372036854775744 bytes at offset 0"},
      {"header ends before the data begins", Raw::start(1, 0).tensor("t", {0}, 24, 0),
       "the data would begin at byte 64, but the file ends at 57"},
  };
  for (const Case& test : cases) check_refused(test);
}

TEST_CASE("gguf reader: offsets made for another alignment than the declared one are refused",
          "[gguf][hostile]") {
  Raw raw = Raw::start(2, 1);
  raw.key_u32("general.alignment", 64).tensor("t", {1}, 24, 0).tensor("u", {1}, 24, 32).pad(64).fill(128);
  CHECK_THAT(open_error(raw.bytes),
             Catch::Contains("tensor 'u': offset 32 is not a multiple of the alignment 64"));
}

TEST_CASE("gguf reader: a huge alignment cannot move the data out of sight", "[gguf][hostile]") {
  Raw raw = Raw::start(1, 1);
  raw.key_u32("general.alignment", 0x80000000u).tensor("t", {0}, 24, 0);
  CHECK_THAT(open_error(raw.bytes), Catch::Contains("the data would begin at byte 2147483648"));
}

TEST_CASE("gguf reader: a name with control characters cannot disturb a terminal", "[gguf][hostile]") {
  CHECK_THAT(open_error(with_tensor("\x1B[2Jt\n", {UINT64_MAX}, 24).bytes),
             Catch::Contains("tensor '\\x1b[2Jt\\x0a'"));
}

TEST_CASE("gguf reader: a file cut at any byte is refused, or lacks only padding", "[gguf][hostile]") {
  Raw raw = Raw::start(2, 3);
  raw.key_text("general.architecture", "llama").text("list").u32(9).u32(8).u64(2).text("a").text("bc");
  raw.text("flag")
      .u32(7)
      .u8(1)
      .tensor("t", {32, 2}, 2, 0)
      .tensor("u", {3}, 0, 64)
      .pad()
      .fill(36)
      .pad()
      .fill(12);
  const std::size_t data_end = raw.bytes.size();
  raw.pad();
  CHECK(open_error(raw.bytes).empty());
  for (std::size_t length = 0; length < data_end; ++length) {
    INFO("cut to " << length << " bytes");
    CHECK_FALSE(quick_open_error(raw.bytes.substr(0, length)).empty());
  }
  for (std::size_t length = data_end; length < raw.bytes.size(); ++length)
    CHECK(quick_open_error(raw.bytes.substr(0, length)).empty());
}

TEST_CASE("gguf reader: a file with one byte changed anywhere is read or refused", "[gguf][hostile]") {
  Raw raw = Raw::start(1, 2);
  raw.key_text("general.architecture", "llama")
      .text("list")
      .u32(9)
      .u32(8)
      .u64(1)
      .text("a")
      .tensor("t", {32}, 2, 0)
      .pad()
      .fill(18)
      .pad();
  for (std::size_t at = 0; at < raw.bytes.size(); ++at)
    for (const char change : {'\x01', '\x80', '\xFF'}) {
      std::string bytes = raw.bytes;
      bytes[at] = static_cast<char>(bytes[at] ^ change);
      INFO("byte " << at << " changed by " << static_cast<int>(change));
      CHECK_NOTHROW(quick_open_error(bytes));  // nothing but FormatError may come out
    }
}

TEST_CASE("gguf reader: missing files and folders are refused", "[gguf][hostile]") {
  const Folder folder;
  CHECK_THROWS_AS(format().open(folder / "none.gguf"), pq::FormatError);
  CHECK_THROWS_AS(format().open(folder / ""), pq::FormatError);
}
