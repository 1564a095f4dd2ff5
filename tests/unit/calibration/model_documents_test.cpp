// Documents of a model whose tokenizer is missing, or belongs to another one.
#include "calibration/model_documents.hpp"

#include "calibration/support.hpp"
#include "model/open_tokenizer.hpp"
#include "model/tiny_model.hpp"

#include <polyquant/base/error.hpp>

#include <catch2/catch.hpp>

using namespace pq;
using namespace pq::test;
using Catch::Contains;

namespace {

SampleSet cut(const std::filesystem::path& source, const DocumentEncoder& encoder) {
  SampleOptions options;
  options.sources = {{source}};
  options.samples = 2;
  options.length = 3;
  options.shuffle = false;
  return cut_samples(options, encoder);
}

std::filesystem::path write(const std::filesystem::path& path, const std::string& text) {
  std::ofstream(path, std::ios::binary) << text;
  return path;
}

DocumentEncoder encoder_of(const OpenedModel& model, const std::filesystem::path& path,
                           std::int64_t vocabulary) {
  const TokenizerOpener open = [model, path] {
    return std::make_shared<const Tokenizer>(open_tokenizer(model, path));
  };
  return document_encoder(model, path, open, vocabulary);
}

}  // namespace

TEST_CASE("documents: token ids need no tokenizer", "[calibration][samples]") {
  const TemporaryFolder folder;
  const OpenedModel model{nullptr, tiny::open_memory({})};
  const auto encoder = encoder_of(model, folder / "nothing", 100);
  const auto set = cut(write(folder / "ids.jsonl", "{\"tokens\": [1, 2, 3, 4, 5, 6]}"), encoder);
  REQUIRE(set.samples.size() == 2);
  CHECK(set.samples[1].tokens == std::vector<std::int32_t>{4, 5, 6});
  REQUIRE(set.warnings.size() == 1);
  CHECK_THAT(set.warnings[0], Contains("without a BOS in front") && Contains("there is no tokenizer.json"));
  CHECK_THROWS_WITH(cut(write(folder / "text.txt", "abcdef"), encoder),
                    Contains("there is no tokenizer.json"));
}

TEST_CASE("documents: token ids get the BOS that the tokenizer asks for", "[calibration][samples]") {
  const TemporaryFolder folder;
  const auto path = tiny::folder("gemma2");
  const OpenedModel model{nullptr, tiny::open_folder(path)};
  const auto set =
      cut(write(folder / "ids.jsonl", "{\"tokens\": [7, 7, 7, 7, 7, 7]}"), encoder_of(model, path, 100));
  CHECK(set.warnings.empty());
  const std::int32_t bos = open_tokenizer(model, path).facts().bos;
  CHECK(set.samples[1].tokens == std::vector<std::int32_t>{bos, 7, 7});
}

TEST_CASE("documents: a tokenizer of another model is refused", "[calibration][samples]") {
  const TemporaryFolder folder;
  const auto path = tiny::folder("llama");
  const OpenedModel model{nullptr, tiny::open_folder(path)};
  const auto text = write(folder / "text.txt", "some words that have large ids");
  CHECK_THROWS_AS(cut(text, encoder_of(model, path, 10)), FormatError);
  CHECK_THROWS_WITH(cut(text, encoder_of(model, path, 10)), Contains("the model has 10 only"));
}
