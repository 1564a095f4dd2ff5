#include "calibration/samples.hpp"

#include "calibration/support.hpp"

#include <polyquant/base/error.hpp>

#include <catch2/catch.hpp>

#include <numeric>

using namespace pq::test;
using Catch::Contains;
using Tokens = std::vector<std::int32_t>;

namespace {

/// One token per byte.
pq::DocumentEncoder bytes_encoder(std::int32_t bos = -1) {
  pq::DocumentEncoder encoder;
  encoder.text = [](const std::string& text) { return Tokens(text.begin(), text.end()); };
  encoder.chat = [](const pq::Conversation& chat) {
    return Tokens(1, static_cast<std::int32_t>(chat.messages.array().size()));
  };
  encoder.vocabulary = 128;
  encoder.bos = [bos](std::vector<std::string>&) { return bos; };
  return encoder;
}

std::filesystem::path write(const TemporaryFolder& folder, const std::string& name, const std::string& text) {
  const auto path = folder / name;
  std::filesystem::create_directories(path.parent_path());
  std::ofstream(path, std::ios::binary) << text;
  return path;
}

pq::SampleOptions options_of(std::vector<pq::SampleSource> sources, std::int64_t samples,
                             std::int64_t length) {
  pq::SampleOptions options;
  options.sources = std::move(sources);
  options.samples = samples;
  options.length = length;
  options.shuffle = false;
  return options;
}

std::string text_of(const pq::Sample& sample) { return {sample.tokens.begin(), sample.tokens.end()}; }

}  // namespace

TEST_CASE("samples: a text is cut into pieces without overlap, the rest is dropped",
          "[calibration][samples]") {
  const TemporaryFolder folder;
  const auto set =
      pq::cut_samples(options_of({{write(folder, "a.txt", "abcdefghij")}}, 3, 3), bytes_encoder());
  REQUIRE(set.samples.size() == 3);
  CHECK(text_of(set.samples[0]) == "abc");
  CHECK(text_of(set.samples[2]) == "ghi");
  CHECK(set.tokens() == 9);
  CHECK(set.sources.at(0).tokens_read == 10);
  CHECK(set.warnings.empty());
}

TEST_CASE("samples: BOS replaces the first token of every packed sample", "[calibration][samples]") {
  const TemporaryFolder folder;
  const auto set = pq::cut_samples(options_of({{write(folder, "a.txt", "abcdef")}}, 2, 3), bytes_encoder(1));
  CHECK(set.samples.at(0).tokens == Tokens{1, 'b', 'c'});
  CHECK(set.samples.at(1).tokens == Tokens{1, 'e', 'f'});
}

TEST_CASE("samples: lines hold text, messages or tokens, and only as many are read as needed",
          "[calibration][samples]") {
  const TemporaryFolder folder;
  const auto path =
      write(folder, "a.jsonl",
            "{\"text\": \"ab\", \"id\": 7}\n\n{\"messages\": [{\"role\": \"user\", \"content\": \"x\"}]}\n"
            "{\"tokens\": [5, 6, 7]}\nnot read\n");
  const auto set = pq::cut_samples(options_of({{path}}, 2, 3), bytes_encoder());
  CHECK(set.samples.at(0).tokens == Tokens{'a', 'b', 1});
  CHECK(set.samples.at(1).tokens == Tokens{5, 6, 7});
  CHECK(set.sources.at(0).documents == 4);
  CHECK(set.sources.at(0).documents_read == 3);
}

TEST_CASE("samples: without packing every sample is the begin of a document", "[calibration][samples]") {
  const TemporaryFolder folder;
  auto options = options_of(
      {{write(folder, "a.jsonl", "{\"text\": \"abcd\"}\n{\"text\": \"\"}\n{\"text\": \"ef\"}\n")}}, 2, 3);
  options.pack = false;
  const auto set = pq::cut_samples(options, bytes_encoder());
  REQUIRE(set.samples.size() == 2);
  CHECK(text_of(set.samples[0]) == "abc");
  CHECK(text_of(set.samples[1]) == "ef");
}

TEST_CASE("samples: a folder is read in the order of its names", "[calibration][samples]") {
  const TemporaryFolder folder;
  write(folder, "texts/b.txt", "cd");
  write(folder, "texts/a/z.txt", "ab");
  write(folder, "texts/notes.md", "no");
  const auto set = pq::cut_samples(options_of({{folder / "texts"}}, 1, 4), bytes_encoder());
  CHECK(text_of(set.samples.at(0)) == "abcd");
  REQUIRE(set.warnings.size() == 1);
  CHECK_THAT(set.warnings[0], Contains("1 files that are neither .txt nor .jsonl"));
}

TEST_CASE("samples: sources give by weight, and what one lacks the others give", "[calibration][samples]") {
  const TemporaryFolder folder;
  const auto a = write(folder, "a.txt", std::string(100, 'a')),
             b = write(folder, "b.txt", std::string(100, 'b')), c = write(folder, "c.txt", "ccc");
  const auto set = pq::cut_samples(options_of({{a, 3}, {b, 1}, {c, 4}}, 8, 2), bytes_encoder());
  CHECK(set.sources.at(2).samples == 1);
  CHECK(set.sources.at(0).samples == 5);
  CHECK(set.sources.at(1).samples == 2);
  CHECK(pq::shares(10, std::vector<double>{1, 1, 1}) == std::vector<std::int64_t>{4, 3, 3});
}

TEST_CASE("samples: the seed chooses documents and parts, the same everywhere", "[calibration][samples]") {
  const TemporaryFolder folder;
  std::string text(127, '\0'), lines;
  std::iota(text.begin(), text.end(), '\1');
  for (int i = 0; i < 20; ++i) lines += "{\"tokens\": [" + std::to_string(i) + "]}\n";
  auto options = options_of({{write(folder, "a.jsonl", lines)}}, 4, 1);
  options.shuffle = true;
  const auto tokens = [&](std::uint64_t seed) {
    options.seed = seed;
    Tokens all;
    for (const auto& sample : pq::cut_samples(options, bytes_encoder()).samples)
      all.push_back(sample.tokens.at(0));
    return all;
  };
  CHECK(tokens(0) == tokens(0));
  CHECK(tokens(0) != tokens(1));
  options.sources = {{write(folder, "b.txt", text)}};
  CHECK(tokens(0) != Tokens{1, 2, 3, 4});
  CHECK(std::is_sorted(tokens(0).begin(), tokens(0).end()) == false);
}

TEST_CASE("samples: too little text is a warning, none at all an error", "[calibration][samples]") {
  const TemporaryFolder folder;
  const auto path = write(folder, "a.txt", "abcdef");
  const auto set = pq::cut_samples(options_of({{path}}, 5, 3), bytes_encoder());
  CHECK(set.samples.size() == 2);
  CHECK_THAT(set.warnings.at(0), Contains("6 tokens gives only 2 of 5 samples of 3 tokens"));
  CHECK_THROWS_WITH(pq::cut_samples(options_of({{path}}, 5, 7), bytes_encoder()),
                    Contains("too few for one sample of 7"));
}

TEST_CASE("samples: a source that gives none is warned of", "[calibration][samples]") {
  const TemporaryFolder folder;
  const auto set = pq::cut_samples(
      options_of({{write(folder, "a.txt", "abcdefghij")}, {write(folder, "b.txt", "kl")}}, 2, 3),
      bytes_encoder());
  CHECK(set.samples.size() == 2);
  REQUIRE(set.warnings.size() == 1);
  CHECK(set.warnings[0] == "no sample of the calibration comes from " + (folder / "b.txt").string() +
                               ": its 2 tokens do not make one of 3");
}

TEST_CASE("samples: links that lead nowhere are errors of their folder", "[calibration][samples]") {
  const TemporaryFolder folder;
  write(folder, "texts/a.txt", "abcdef");
  std::filesystem::create_symlink("loop.txt", folder / "texts/loop.txt");
  const auto cut = [&] { pq::cut_samples(options_of({{folder / "texts"}}, 1, 2), bytes_encoder()); };
  CHECK_THROWS_AS(cut(), pq::FormatError);
  CHECK_THROWS_WITH(cut(), Contains("loop.txt: cannot be read"));
  std::filesystem::remove(folder / "texts/loop.txt");
  std::filesystem::create_symlink("nowhere.txt", folder / "texts/gone.txt");
  CHECK_THROWS_WITH(cut(), Contains("gone.txt: cannot be read"));
  std::filesystem::remove(folder / "texts/gone.txt");
  std::filesystem::create_symlink("loop", folder / "texts/loop");  // no text
  CHECK_NOTHROW(cut());
}

TEST_CASE("samples: broken lines and other files name their place", "[calibration][samples]") {
  const TemporaryFolder folder;
  const auto message = [&](const std::string& name, const std::string& text) {
    const auto path = write(folder, name, text);
    CHECK_THROWS_AS(pq::cut_samples(options_of({{path}}, 1, 2), bytes_encoder()), pq::FormatError);
    try {
      pq::cut_samples(options_of({{path}}, 1, 2), bytes_encoder());
    } catch (const pq::Error& error) {
      return std::string(error.what());
    }
    return std::string();
  };
  CHECK_THAT(message("a.jsonl", "{\"text\": \"a\"}\n{\"txt\": \"b\"}"),
             Contains("a.jsonl:2: a line is a map with one of"));
  CHECK_THAT(message("b.jsonl", "{\"text\": \"a\", \"tokens\": [1]}"), Contains("this one has several"));
  CHECK_THAT(message("c.jsonl", "{\"tokens\": [1, 128]}"),
             Contains("token id 128 is outside the model's vocabulary of 128"));
  CHECK_THAT(message("d.jsonl", "{\"tokens\": [1, 2.5]}"),
             Contains("must be a list of token ids, not one with 2.5"));
  CHECK_THAT(message("e.jsonl", "\n \n"), Contains("there is no text in it"));
  CHECK_THAT(message("f.csv", "a,b"), Contains("texts are read from .txt and .jsonl files"));
  CHECK_THROWS_WITH(pq::cut_samples(options_of({{folder / "missing.txt"}}, 1, 2), bytes_encoder()),
                    Contains("missing.txt"));
}

TEST_CASE("samples: files that are no text are refused", "[calibration][samples]") {
  const TemporaryFolder folder;
  const auto path = write(folder, "utf16.txt", std::string("a\0b\0", 4));
  CHECK_THROWS_WITH(pq::cut_samples(options_of({{path}}, 1, 2), bytes_encoder()),
                    Contains("utf16.txt: byte 1 is 0") && Contains("UTF-16"));
}
