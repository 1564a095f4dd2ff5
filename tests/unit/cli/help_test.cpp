#include "cli/topics.hpp"

#include "config/message_of.hpp"
#include "number_option.hpp"
#include "reference_docs.hpp"

#include <catch2/catch.hpp>

using Catch::Contains;
using pq::cli::help_about;

TEST_CASE("help: a component is shown with its options", "[cli][help]") {
  const Topics t;
  const std::string text = help_about(t.topics, "affine");
  CHECK_THAT(text, Contains("affine (encoding): Evenly spaced levels."));
  CHECK_THAT(text, Contains("4.5 bits per weight"));
  CHECK_THAT(text, Contains("bits  integer, 2 to 8, default 4  Bits of a code."));
}

TEST_CASE("help: an id of two kinds shows both", "[cli][help]") {
  const Topics t;
  CHECK_THAT(help_about(t.topics, "gptq"), Contains("gptq (encoding)") && Contains("gptq (format)"));
}

TEST_CASE("help: an option finds the components that have it", "[cli][help]") {
  const Topics t;
  CHECK_THAT(help_about(t.topics, "bits"), Contains("option 'bits' of") && Contains("affine (encoding)"));
}

TEST_CASE("help: keys of pipelines, commands, kinds and recipes are explained", "[cli][help]") {
  const Topics t;
  CHECK_THAT(help_about(t.topics, "lossless"), Contains("lossless (key of an output)"));
  CHECK_THAT(help_about(t.topics, "evaluate"), Contains("not available in this version"));
  CHECK_THAT(help_about(t.topics, "run"), Contains("Usage: polyquant run"));
  CHECK_THAT(help_about(t.topics, "plugins"), Contains("List the plugins."));
  CHECK_THAT(help_about(t.topics, "formats"), Contains("gptq") && !Contains("affine"));
  CHECK_THAT(help_about(t.topics, "q4_0"), Contains("q4_0 (recipe): 4 bits"));
}

TEST_CASE("help: a recipe shows its rules, and what it takes where blocks do not fit", "[cli][help]") {
  Topics t;
  t.topics.recipes = {{"q4_k_m", "4 bits"}};
  const std::string text = help_about(t.topics, "q4_k_m");
  CHECK_THAT(text, Contains("category: attention_v, more_bits: true") && Contains("  q4_k    otherwise"));
  CHECK_THAT(text, Contains("  q4_k  q5_0, f16") && !Contains("iq1_s"));
}

TEST_CASE("help: roles and conditions are listed and explained", "[cli][help]") {
  const Topics t;
  CHECK_THAT(help_about(t.topics, "roles"), Contains("  ffn_down            ffn_down, ffn_down_exps"));
  CHECK_THAT(help_about(t.topics, "ffn_down"), Contains("ffn_down (role): of ffn_down, ffn_down_exps"));
  CHECK_THAT(help_about(t.topics, "conditions"), Contains("more_bits"));
  CHECK_THAT(help_about(t.topics, "more_bits"), Contains("more_bits (condition of a recipe's rule)"));
}

TEST_CASE("help: options of the command line and pages are explained", "[cli][help]") {
  const Topics t;
  CHECK_THAT(help_about(t.topics, "json"),
             Contains("option --json of") && Contains("run  --json  Print JSON."));
  CHECK_THAT(help_about(t.topics, "--encoding"), Contains("-e,--encoding ENCODING"));
  CHECK_THAT(help_about(t.topics, "exit codes"), Contains("  6    a plugin is missing"));
  CHECK_THAT(help_about(t.topics, "exit-codes"), Contains("  6    a plugin is missing"));
  CHECK_THAT(help_about(t.topics, "families"), Contains("LlamaForCausalLM"));
  for (const char* route : {"copy", "Copy", "repack", "REPACK", "quantize", "Routes"})
    CHECK(help_about(t.topics, route) == help_about(t.topics, "routes"));
  CHECK(help_about(t.topics, "Exit-Codes") == help_about(t.topics, "exit codes"));
}

TEST_CASE("help: a command inside another is named with it", "[cli][help]") {
  Topics t;
  t.app.add_subcommand("codec", "The bare encodings.")->add_subcommand("bench", "Measure.");
  CHECK_THAT(help_about(t.topics, "codec bench"), Contains("Usage: polyquant codec bench"));
  CHECK(message_of([&] {
          help_about(t.topics, "codec bensh");
        }).find("nothing is known about 'codec bensh'") == 0);
}

TEST_CASE("help: an unknown word is a ConfigError with the nearest known one", "[cli][help]") {
  const Topics t;
  CHECK(message_of([&] { help_about(t.topics, "afine"); }) ==
        "nothing is known about 'afine'; did you mean 'affine'?");
}

TEST_CASE("help: the reference has a page for each kind, the pipeline, the recipes and the commands",
          "[cli][help]") {
  const Topics t;
  std::vector<std::string> names;
  for (const auto& page : pq::cli::reference_pages(t.topics)) names.push_back(page.name);
  CHECK(names == std::vector<std::string>{"commands.md", "pipeline.md", "recipes.md", "families.md",
                                          "encodings.md", "quantizers.md", "formats.md", "backends.md",
                                          "chat-templates.md"});
}

TEST_CASE("help: an option that takes a whole number says from where to where, and refuses others",
          "[cli][help]") {
  Topics t;
  std::int64_t samples = 128;
  CLI::App* verb = t.app.get_subcommand("run");
  pq::cli::between(verb->add_option("--samples", samples, "Samples to run."), std::int64_t{1},
                   std::int64_t{1} << 32);
  const std::string page = pq::cli::reference_pages(t.topics).front().text;
  CHECK_THAT(page, Contains("| `--samples N` | Samples to run (1 to 4294967296). |\n"));
  CHECK_THAT(help_about(t.topics, "samples"), Contains("--samples N  Samples to run (1 to 4294967296)."));
  CHECK_THROWS_AS(t.app.parse("run --samples 0"), CLI::ValidationError);
  CHECK_THROWS_AS(t.app.parse("run --samples 4294967297"), CLI::ValidationError);
  t.app.parse("run --samples 4294967296");
  CHECK(samples == std::int64_t{1} << 32);
}
