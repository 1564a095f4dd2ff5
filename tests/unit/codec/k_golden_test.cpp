// gguf_k against ggml itself.
#include "k_types.hpp"

using namespace codec_test;

TEST_CASE("gguf_k: blocks of ggml's encoders decode bit for bit as in ggml", "[gguf_k][golden]") {
  check_blocks(GENERATE_REF(from_range(std::begin(kKTypes), std::end(kKTypes))),
               GENERATE(as<std::string>(), "plain", "imat"));
}

TEST_CASE("gguf_k: random blocks decode bit for bit as in ggml", "[gguf_k][golden]") {
  check_random_blocks(GENERATE_REF(from_range(std::begin(kKTypes), std::end(kKTypes))));
}

TEST_CASE("gguf_k: the error is at most ggml's", "[gguf_k][golden]") {
  check_errors(GENERATE_REF(from_range(std::begin(kKTypes), std::end(kKTypes))),
               GENERATE(pq::Effort::normal, pq::Effort::best));
}
