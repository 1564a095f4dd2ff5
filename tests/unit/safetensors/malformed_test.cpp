// Files that must be refused. Cases of the reference reader's tests and of its folder attacks/, and limits of our own.
#include "safetensors/support.hpp"

#include <catch2/catch.hpp>

using namespace pq;
using namespace pq::test;
using Catch::Matchers::Contains;

TEST_CASE("safetensors: an empty file is too short", "[safetensors][malformed]") {
  CHECK_THAT(refusal(""), Contains("0 bytes are too few for a safetensors file"));
  CHECK_THAT(refusal("1234567"), Contains("7 bytes are too few"));
}

TEST_CASE("safetensors: a header longer than the file is refused", "[safetensors][malformed]") {
  CHECK(refusal(length_bytes(60)) ==
        "the header of 60 bytes does not fit into the file of 8 bytes; the file is cut off, fetch it again");
}

TEST_CASE("safetensors: a header length above the limit is refused before anything else",
          "[safetensors][malformed]") {
  CHECK_THAT(refusal(length_bytes(0xFFFFFF000000003C) + "{}"),
             Contains("the header's length 18446742974197923900 is above the limit of 100000000"));
  CHECK_THAT(refusal(length_bytes(100'000'001)), Contains("above the limit"));
  CHECK_THAT(refusal(length_bytes(100'000'000)), Contains("does not fit"));
  CHECK_THAT(refusal(length_bytes(0xFFFFFFFFFFFFFFFF)), Contains("above the limit"));
}

TEST_CASE("safetensors: a header that is not UTF-8 is refused", "[safetensors][malformed]") {
  CHECK_THAT(refusal(file_of("\xff")), Contains("not valid UTF-8"));
  CHECK_THAT(refusal(file_of("{\"\xc0\x80\":1}")), Contains("not valid UTF-8"));
}

TEST_CASE("safetensors: a header that is not JSON is refused with the place", "[safetensors][malformed]") {
  CHECK_THAT(refusal(file_of("{")), Contains("not valid JSON at its byte 1"));
  CHECK_THAT(refusal(file_of("{} x")), Contains("not valid JSON at its byte 3"));
  CHECK_THAT(refusal(file_of("{\"a\":1,}")),
             Contains("tensor 'a': its entry must be an object, it is a number"));
  CHECK_THAT(refusal(file_of("{}/**/")), Contains("not valid JSON"));
}

TEST_CASE("safetensors: NUL and a byte-order mark are no JSON", "[safetensors][malformed]") {
  CHECK_THAT(refusal(file_of(std::string("{}\0\0", 4))), Contains("not valid JSON at its byte 2"));
  CHECK_THAT(refusal(file_of("\xEF\xBB\xBF{}")), Contains("must be a JSON object"));
}

TEST_CASE("safetensors: a header that is no object is refused", "[safetensors][malformed]") {
  const std::string text = GENERATE("", "   ", "[]", "1", "\"x\"", "null");
  CHECK_THAT(refusal(file_of(text)), Contains("must be a JSON object"));
}

TEST_CASE("safetensors: tensors on the same bytes are refused", "[safetensors][malformed]") {
  std::string header = "{";
  for (int i = 0; i < 10; ++i)  // the decompression bomb of the reference's attacks
    header += (i == 0 ? "" : ",") + entry("weight_" + std::to_string(i), "F32", "[2,2]", "[0,16]");
  CHECK_THAT(refusal(file_of(header + "}", std::string(16, 'x'))),
             Contains("tensor 'weight_1': data_offsets [0, 16] must begin at 16: tensors must follow each "
                      "other without overlap"));
}

TEST_CASE("safetensors: 100000 tensors on one region are refused", "[safetensors][malformed]") {
  std::string header = "{";
  for (int i = 0; i < 100'000; ++i)
    header += (i == 0 ? "" : ",") + entry(std::to_string(i), "U8", "[4]", "[0,4]");
  CHECK_THAT(refusal(file_of(header + "}", "abcd")), Contains("without overlap"));
}

TEST_CASE("safetensors: holes are refused", "[safetensors][malformed]") {
  CHECK_THAT(refusal(file_of("{" + entry("x", "U8", "[1]", "[1,2]") + "}", "ab")),
             Contains("must begin at 0: tensors must follow each other without holes"));
}

TEST_CASE("safetensors: offsets that end before they begin are refused", "[safetensors][malformed]") {
  CHECK_THAT(refusal(file_of("{" + entry("x", "U8", "[1]", "[4,2]") + "}", "abcd")),
             Contains("data_offsets [4, 2] end before they begin"));
}

TEST_CASE("safetensors: bytes after the last tensor are refused", "[safetensors][malformed]") {
  CHECK_THAT(refusal(file_of("{" + entry("x", "I32", "[2,2]", "[0,16]") + "}",
                             std::string(16, 'x') + "extra_bogus_data_for_polyglot_file")),
             Contains("34 bytes follow the last tensor"));
}

TEST_CASE("safetensors: missing bytes at the end are refused", "[safetensors][malformed]") {
  CHECK_THAT(refusal(file_of("{" + entry("x", "I32", "[2,2]", "[0,16]") + "}", std::string(14, 'x'))),
             Contains("the tensors need 16 bytes of data, the file has 14; it is cut off"));
}

TEST_CASE("safetensors: offsets that contradict the shape are refused", "[safetensors][malformed]") {
  CHECK(refusal(file_of("{" + entry("x", "I32", "[2,2]", "[0,4]") + "}", "abcd")) ==
        "tensor 'x': data_offsets [0, 4] hold 4 bytes, shape [2, 2] of I32 needs 16");
}

TEST_CASE("safetensors: sizes that overflow are refused", "[safetensors][malformed]") {
  CHECK_THAT(refusal(file_of("{" + entry("x", "I32", "[2,18446744073709551614]", "[0,16]") + "}",
                             std::string(16, 'x'))),
             Contains("overflows"));
  CHECK_THAT(refusal(file_of("{" + entry("x", "I32", "[2,9223372036854775807]", "[0,16]") + "}",
                             std::string(16, 'x'))),
             Contains("overflows"));
  CHECK_THAT(refusal(file_of("{" + entry("x", "U64", "[4611686018427387904]", "[0,16]") + "}",
                             std::string(16, 'x'))),
             Contains("overflows"));
  // No elements at all, but the product of the other dimensions must not wrap around either.
  CHECK_THAT(refusal(file_of("{" + entry("x", "U8", "[4294967296,4294967296,0]", "[0,0]") + "}")),
             Contains("overflows"));
}

TEST_CASE("safetensors: elements that are no whole bytes are refused", "[safetensors][malformed]") {
  CHECK_THAT(refusal(file_of("{" + entry("x", "F4", "[1,3]", "[0,2]") + "}", "ab")),
             Contains("shape [1, 3] of F4 is not a whole number of bytes"));
  CHECK_THAT(refusal(file_of("{" + entry("x", "F6_E2M3", "[1]", "[0,1]") + "}", "a")),
             Contains("not a whole number of bytes"));
}

TEST_CASE("safetensors: only non-negative integers are dimensions", "[safetensors][malformed]") {
  const auto [number, what] =
      GENERATE(table<std::string, std::string>({{"-1", "a negative number"},
                                                {"-0", "a negative number"},
                                                {"1.0", "no integer of 64 bits"},
                                                {"1e3", "no integer of 64 bits"},
                                                {"18446744073709551616", "no integer of 64 bits"},
                                                {"\"1\"", "a string"},
                                                {"null", "null"},
                                                {"true", "a boolean"},
                                                {"[1]", "a list"},
                                                {"{}", "an object"}}));
  INFO(number);
  CHECK(refusal(file_of("{" + entry("x", "U8", "[" + number + "]", "[0,1]") + "}", "x")) ==
        "tensor 'x': shape must hold non-negative integers, one is " + what);
}

TEST_CASE("safetensors: only two non-negative integers are offsets", "[safetensors][malformed]") {
  const std::string offsets = GENERATE("[-1,1]", "[0]", "[]", "[0,1,2]", "[0,1.0]", "0", "[0,\"1\"]", "null");
  INFO(offsets);
  CHECK_THAT(refusal(file_of("{" + entry("x", "U8", "[1]", offsets) + "}", "x")),
             Contains("tensor 'x': data_offsets must"));
}

TEST_CASE("safetensors: an unknown dtype is named", "[safetensors][malformed]") {
  CHECK(refusal(file_of("{" + entry("x", "F12", "[1]", "[0,1]") + "}", "x")) ==
        "tensor 'x': dtype 'F12' is not known");
  CHECK_THAT(refusal(file_of("{" + entry("x", "f16", "[1]", "[0,2]") + "}", "xx")),
             Contains("dtype 'f16' is not known"));
}

TEST_CASE("safetensors: a member that is missing or repeated is refused", "[safetensors][malformed]") {
  CHECK_THAT(refusal(file_of(R"({"x":{"dtype":"U8","shape":[0]}})")), Contains("must all be there"));
  CHECK_THAT(refusal(file_of(R"({"x":{}})")), Contains("must all be there"));
  CHECK_THAT(refusal(file_of(R"({"x":{"dtype":"U8","dtype":"I8","shape":[0],"data_offsets":[0,0]}})")),
             Contains("'dtype' is listed twice"));
  CHECK_THAT(refusal(file_of(R"({"x":{"dtype":1,"shape":[0],"data_offsets":[0,0]}})")),
             Contains("dtype must be a string, it is a number"));
  CHECK_THAT(refusal(file_of(R"({"x":{"dtype":"U8","shape":3,"data_offsets":[0,0]}})")),
             Contains("shape must be a list"));
}

TEST_CASE("safetensors: a name that is listed twice is refused", "[safetensors][malformed]") {
  const std::string twice =
      "{" + entry("x", "U8", "[1]", "[0,1]") + "," + entry("x", "U8", "[1]", "[1,2]") + "}";
  CHECK(refusal(file_of(twice, "ab")) == "tensor 'x' is listed twice");
  CHECK_THAT(refusal(file_of(R"({"__metadata__":{"a":"1","a":"2"}})")), Contains("'a' is listed twice"));
  CHECK_THAT(refusal(file_of(R"({"__metadata__":{},"__metadata__":{}})")),
             Contains("__metadata__ is listed twice"));
}

TEST_CASE("safetensors: the same name by another spelling is still the same", "[safetensors][malformed]") {
  const std::string twice =
      "{" + entry("x", "U8", "[1]", "[0,1]") + "," + entry("\\u0078", "U8", "[1]", "[1,2]") + "}";
  CHECK(refusal(file_of(twice, "ab")) == "tensor 'x' is listed twice");
}

TEST_CASE("safetensors: metadata holds strings only", "[safetensors][malformed]") {
  const std::string value = GENERATE("1", "null", "{}", "[]", "true", "1.5");
  CHECK_THAT(refusal(file_of("{\"__metadata__\":{\"a\":" + value + "}}")),
             Contains("__metadata__: 'a' must be a string"));
  CHECK_THAT(refusal(file_of(R"({"__metadata__":[]})")),
             Contains("__metadata__ must be an object of strings"));
}

TEST_CASE("safetensors: names with NUL, endless names, dimensions, and nesting are refused",
          "[safetensors][malformed]") {
  CHECK_THAT(refusal(file_of("{" + entry("a\\u0000b", "U8", "[0]", "[0,0]") + "}")),
             Contains("'a\\x00b': a name must not contain NUL"));
  CHECK_THAT(refusal(file_of("{" + entry(std::string(5000, 'n'), "U8", "[0]", "[0,0]") + "}")),
             Contains("names of more than 4096 bytes"));
  std::string shape = "[1";
  for (int i = 0; i < 64; ++i) shape += ",1";
  CHECK_THAT(refusal(file_of("{" + entry("x", "U8", shape + "]", "[0,1]") + "}", "x")),
             Contains("more than 64 dimensions"));
  CHECK_THAT(refusal(file_of("{\"x\":{\"y\":" + std::string(100'000, '['))), Contains("nested too deeply"));
  CHECK_THAT(refusal(file_of(std::string(100'000, '['))), Contains("must be a JSON object"));
}

TEST_CASE("safetensors: a hostile name does not reach the terminal", "[safetensors][malformed]") {
  CHECK_THAT(refusal(file_of("{" + entry("\\u001b[2J", "U8", "[1]", "[0,0]") + "}")),
             Contains("tensor '\\x1b[2J'"));
}

TEST_CASE("safetensors: a file cut off at any byte is refused", "[safetensors][malformed]") {
  const std::string whole =
      file_of("{\"__metadata__\":{\"format\":\"pt\"}," + entry("a", "F16", "[2,2]", "[0,8]") + "," +
                  entry("b", "U8", "[3]", "[8,11]") + "}    ",
              std::string(11, 'x'));
  REQUIRE(parse(whole).tensors.size() == 2);
  for (std::size_t size = 0; size < whole.size(); ++size) {
    INFO("cut to " << size << " of " << whole.size() << " bytes");
    CHECK_FALSE(refusal(whole.substr(0, size)).empty());
  }
}

TEST_CASE("safetensors: any changed byte of a header is read or refused, never worse",
          "[safetensors][malformed]") {
  const std::string whole =
      file_of("{\"__metadata__\":{\"format\":\"pt\"}," + entry("a", "F16", "[2,2]", "[0,8]") + "}",
              std::string(8, 'x'));
  for (std::size_t i = 0; i < whole.size() - 8; ++i) {
    for (const char c : {'\0', '"', '{', '9', '\x80', '\xff'}) {
      std::string changed = whole;
      changed[i] = c;
      try {
        parse(changed);
      } catch (const FormatError& error) {
        CHECK(std::string(error.what()).starts_with("f: "));
      }
    }
  }
}
