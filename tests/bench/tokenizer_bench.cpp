// Speed of encode() on a text, one thread. Used by tokenizer_speed.py, which runs the Hugging Face library on the same text.
//
//   tokenizer_bench TOKENIZER.json TEXT [--runs N]
//
// Every run takes a tokenizer that has seen nothing yet, so that no word is remembered from the run before. Prints one JSON object with CPU
// seconds of each run and a checksum of the ids.
#include "tokenizer/tokenizer.hpp"

#include <polyquant/base/error.hpp>
#include <polyquant/base/file.hpp>

#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <string>

namespace {

double cpu_seconds() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

int run(int count, char** values) {
  if (count < 3) {
    std::fprintf(stderr, "usage: tokenizer_bench TOKENIZER.json TEXT [--runs N]\n");
    return 2;
  }
  constexpr std::uint64_t kLimit = std::uint64_t{1} << 30;
  const int runs = count > 4 ? std::atoi(values[4]) : 5;
  const std::string source = values[1], text = pq::read_text_file(values[2], kLimit);
  const pq::TokenizerJson file = pq::parse_tokenizer_json(pq::read_text_file(source, kLimit), source);
  pq::Tokenizer(file).encode("warm up: tables, expressions");
  std::printf("{\"bytes\": %zu, \"seconds\": [", text.size());
  std::uint64_t sum = 0;
  std::size_t tokens = 0;
  for (int i = 0; i < runs; ++i) {
    const pq::Tokenizer tokenizer(file);
    const double start = cpu_seconds();
    const auto ids = tokenizer.encode(text, {false, false});
    std::printf("%s%.6f", i > 0 ? ", " : "", cpu_seconds() - start);
    sum = 0;
    for (const std::int32_t id : ids) sum = sum * 31 + static_cast<std::uint64_t>(id);
    tokens = ids.size();
  }
  std::printf("], \"tokens\": %zu, \"checksum\": %llu}\n", tokens, static_cast<unsigned long long>(sum));
  return 0;
}

}  // namespace

int main(int count, char** values) {
  try {
    return run(count, values);
  } catch (const pq::Error& error) {
    std::fprintf(stderr, "tokenizer_bench: %s\n", error.what());
    return error.exit_code();
  }
}
