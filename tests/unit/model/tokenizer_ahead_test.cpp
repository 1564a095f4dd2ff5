// A tokenizer.json that is read ahead gives what it gives when it is read where it is needed.
#include "model/tokenizer_ahead.hpp"

#include "model/tiny_model.hpp"

#include <polyquant/base/error.hpp>

#include <catch2/catch.hpp>

#include <fstream>

using namespace pq;

namespace {

std::shared_ptr<const ModelView> view_of(const std::string& name, bool ahead) {
  ViewOptions options = tiny::options(name);
  if (ahead) options.tokenizer = std::make_shared<const TokenizerAhead>(tiny::folder(name));
  return make_view(tiny::open_folder(tiny::folder(name)), tiny::folder(name), Dialect::gguf, options);
}

}  // namespace

TEST_CASE("tokenizer ahead: the same metadata, in the same order", "[model][golden]") {
  const std::string name = GENERATE(from_range(tiny::checkpoints()));
  INFO(name);
  const auto expected = view_of(name, false), found = view_of(name, true);
  REQUIRE(found->metadata.entries().size() == expected->metadata.entries().size());
  for (std::size_t i = 0; i < found->metadata.entries().size(); ++i)
    CHECK((found->metadata.entries()[i] == expected->metadata.entries()[i]));
  CHECK(found->warnings == expected->warnings);
}

TEST_CASE("tokenizer ahead: only the file that was read, and nothing beside a tokenizer.model", "[model]") {
  const TokenizerAhead qwen(tiny::folder("qwen3"));
  CHECK(qwen.json(tiny::folder("qwen3") / "tokenizer.json") != nullptr);
  CHECK_FALSE(qwen.pre_tokenizer().empty());
  CHECK(qwen.json(tiny::folder("gpt2") / "tokenizer.json") == nullptr);
  const TokenizerAhead gemma(tiny::folder("gemma"));
  REQUIRE(std::filesystem::exists(tiny::folder("gemma") / "tokenizer.model"));
  CHECK(gemma.json(tiny::folder("gemma") / "tokenizer.json") == nullptr);
  const TokenizerAhead nothing("no-such-folder");
  CHECK(nothing.json("no-such-folder/tokenizer.json") == nullptr);
}

TEST_CASE("tokenizer ahead: a broken file is said by who asks, not before", "[model]") {
  const auto folder = std::filesystem::temp_directory_path() / "pq_tokenizer_ahead";
  std::filesystem::create_directories(folder);
  std::ofstream(folder / "tokenizer.json") << "{\"model\": ";
  {
    const TokenizerAhead broken(folder);
    CHECK_THROWS_AS(broken.json(folder / "tokenizer.json"), FormatError);
    CHECK_THROWS_AS(broken.pre_tokenizer(), FormatError);
  }
  std::filesystem::remove_all(folder);
}
