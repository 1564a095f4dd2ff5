// Folders whose small files hold what they should not.
#include "model/family.hpp"
#include "model/open_model.hpp"
#include "model/tensor_links.hpp"
#include "model/tiny_model.hpp"
#include "plugin/registry.hpp"

#include <polyquant/base/error.hpp>

#include <catch2/catch.hpp>

#include <sys/stat.h>

#include <fstream>

using namespace pq;
using Catch::Contains;

namespace {

std::string message_with(const std::string& file, const std::string& text) {
  const tiny::Copy copy("llama");
  std::ofstream(copy.path() / file) << text;
  try {
    make_view(tiny::open_folder(copy.path()), copy.path(), Dialect::gguf, tiny::options("llama"));
  } catch (const FormatError& error) {
    return error.what();
  }
  return "no error";
}

}  // namespace

TEST_CASE("hostile folder: a tokenizer_config.json that is no map is refused with its path", "[model]") {
  CHECK_THAT(message_with("tokenizer_config.json", "[1]"),
             Contains("/tokenizer_config.json: ") && Contains("a list"));
}

TEST_CASE("hostile folder: a wrong added token is refused with its path", "[model]") {
  CHECK_THAT(message_with("tokenizer_config.json", R"({"added_tokens_decoder": {"x": {"content": "a"}}})"),
             Contains("/tokenizer_config.json: ") && Contains("'x'"));
}

TEST_CASE("hostile folder: sampling values that GGUF cannot hold are refused with their key", "[model]") {
  CHECK_THAT(message_with("generation_config.json", R"({"top_k": 1e300})"),
             Contains("/generation_config.json: ") && Contains("'top_k'"));
  CHECK_THAT(message_with("generation_config.json", R"({"temperature": 1e300})"), Contains("'temperature'"));
}

TEST_CASE("hostile folder: a pipe named config.json does not block", "[model]") {
  const tiny::Copy copy("llama");
  std::filesystem::remove(copy.path() / "config.json");
  REQUIRE(mkfifo((copy.path() / "config.json").c_str(), 0600) == 0);
  CHECK_THROWS_AS(open_model(copy.path(), PluginRegistry()), PluginError);  // without any, but it comes back
  CHECK_THROWS_WITH(open_model(copy.path() / "config.json", PluginRegistry()),
                    Contains("neither a file nor a folder"));
}

TEST_CASE("hostile folder: a config.json cannot ask for more rows to move than any model has", "[model]") {
  Json config = tiny::config("deepseek-v2");
  config.set("num_attention_heads", Json(1 << 20));
  config.set("num_key_value_heads", Json(1 << 20));
  const Family* family = installed_family(config);
  REQUIRE(family != nullptr);
  ConfigScope scope(&family->let, config, family->defaults, "config.json");
  CHECK_THROWS_WITH(tensor_links(*family, scope), Contains("num_attention_heads") && Contains("parts"));
}
