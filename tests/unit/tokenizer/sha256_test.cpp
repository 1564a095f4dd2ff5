#include "tokenizer/sha256.hpp"

#include <catch2/catch.hpp>

#include <string>

namespace {
std::string hash(const std::string& text) { return pq::sha256_hex(std::as_bytes(std::span(text))); }
}  // namespace

// FIPS 180-4 examples (csrc.nist.gov, "SHA256.pdf") and the empty message.
TEST_CASE("sha256: the examples of the standard", "[tokenizer][golden]") {
  CHECK(hash("") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  CHECK(hash("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  CHECK(hash("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq") ==
        "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
}

TEST_CASE("sha256: a message of exactly one block", "[tokenizer]") {
  CHECK(hash(std::string(64, 'a')) == "ffe054fe7ae0cb6dc65c3af9b61d5209f439851db43d0ba5997337df154668eb");
}
