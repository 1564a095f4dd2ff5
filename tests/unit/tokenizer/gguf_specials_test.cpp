// Special tokens inside texts: the longest first, wherever they are (llama.cpp src/llama-vocab.cpp, tokenizer_st_partition).
#include "tokenizer/gguf_specials.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <random>
#include <string>

using namespace pq;

namespace {

GgufVocabulary vocabulary_of(const std::vector<std::string>& tokens, const std::vector<bool>& control) {
  GgufVocabulary vocabulary;
  vocabulary.tokens = tokens;
  for (std::size_t i = 0; i < tokens.size(); ++i)
    vocabulary.attributes.push_back(control[i] ? GgufVocabulary::control : GgufVocabulary::user_defined);
  return vocabulary;
}

struct Part {
  std::string text;
  std::int32_t token = -1;
  bool operator==(const Part&) const = default;
};

std::vector<Part> parts_of(const GgufVocabulary& vocabulary, const std::string& text, bool parse_special) {
  std::vector<Part> parts;
  for (const TextPart& part : GgufSpecials(vocabulary).split(text, parse_special))
    parts.push_back({std::string(part.text), part.token});
  return parts;
}

/// As llama.cpp: token after token, the longest first, each cuts all texts that are left.
std::vector<Part> cut_one_by_one(const GgufVocabulary& vocabulary, const std::string& text,
                                 bool parse_special) {
  std::vector<std::int32_t> order;
  for (std::size_t i = 0; i < vocabulary.tokens.size(); ++i)
    if (parse_special || !vocabulary.has(static_cast<std::int32_t>(i), GgufVocabulary::control))
      order.push_back(static_cast<std::int32_t>(i));
  const auto size = [&](std::int32_t id) { return vocabulary.tokens[static_cast<std::size_t>(id)].size(); };
  std::stable_sort(order.begin(), order.end(), [&](auto a, auto b) { return size(a) > size(b); });
  std::vector<Part> parts = {{text, -1}};
  for (const std::int32_t id : order) {
    const std::string& token = vocabulary.tokens[static_cast<std::size_t>(id)];
    std::vector<Part> cut;
    for (const Part& part : parts) {
      std::string rest = part.text;
      for (std::size_t at = 0; part.token < 0 && (at = rest.find(token)) != std::string::npos;) {
        if (at > 0) cut.push_back({rest.substr(0, at), -1});
        cut.push_back({"", id});
        rest.erase(0, at + token.size());
      }
      if (part.token >= 0 || !rest.empty()) cut.push_back({rest, part.token});
    }
    parts = std::move(cut);
  }
  return parts;
}

}  // namespace

TEST_CASE("gguf specials: random texts are cut as by one token after the other", "[tokenizer]") {
  std::mt19937 random(7);
  const auto text = [&](std::size_t longest) {
    std::string result(1 + random() % longest, 'a');
    for (char& c : result) c = static_cast<char>('a' + random() % 2);
    return result;
  };
  for (int round = 0; round < 300; ++round) {
    std::vector<std::string> tokens;
    std::vector<bool> control;
    for (std::size_t i = 0, count = 1 + random() % 6; i < count; ++i) {
      std::string token = text(5);
      if (std::find(tokens.begin(), tokens.end(), token) != tokens.end()) continue;
      tokens.push_back(std::move(token));
      control.push_back(random() % 3 == 0);
    }
    const GgufVocabulary vocabulary = vocabulary_of(tokens, control);
    const std::string sample = text(24);
    for (const bool parse_special : {false, true}) {
      INFO(sample << " " << parse_special);
      CHECK(parts_of(vocabulary, sample, parse_special) == cut_one_by_one(vocabulary, sample, parse_special));
    }
  }
}

// 1,000 tokens of up to 1,000 bytes: going through all of them at each byte takes 100 million steps.
TEST_CASE("gguf specials: long tokens that begin everywhere take linear time", "[tokenizer]") {
  std::vector<std::string> tokens;
  for (std::size_t i = 1; i <= 1000; ++i) tokens.emplace_back(i, 'a');
  const GgufVocabulary vocabulary = vocabulary_of(tokens, std::vector<bool>(tokens.size(), false));
  const GgufSpecials specials(vocabulary);
  const auto parts = specials.split(std::string(100'500, 'a'), true);
  REQUIRE(parts.size() == 101);
  CHECK(parts[0].token == 999);
  CHECK(parts[100].token == 499);
}
