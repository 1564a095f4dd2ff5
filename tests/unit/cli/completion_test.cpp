#include "completion.hpp"

#include "cli/topics.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <cstdio>
#include <cstdlib>

using Catch::Contains;

TEST_CASE("completion: verbs, options and the types of their values come from the command line",
          "[cli][completion]") {
  const Topics t;
  const auto verbs = pq::cli::completion_verbs(t.app);
  REQUIRE(verbs.size() == 2);
  CHECK(verbs[0].name == "run");
  CHECK(verbs[0].positional == "FILE");
  REQUIRE(verbs[0].options.size() == 3);  // with --help
  CHECK(verbs[0].options[1].names == std::vector<std::string>{"--encoding", "-e"});
  CHECK(verbs[0].options[1].type == "ENCODING");
  CHECK(verbs[0].options[2].type.empty());
}

TEST_CASE("completion: a type completes to the ids of its kind", "[cli][completion]") {
  const Topics t;
  CHECK(pq::cli::completion_words(t.topics, "ENCODING") == std::vector<std::string>{"affine", "gptq"});
  CHECK(pq::cli::completion_words(t.topics, "FORMAT") == std::vector<std::string>{"gptq"});
  CHECK(pq::cli::completion_words(t.topics, "COMPONENT") == std::vector<std::string>{"affine", "gptq"});
  CHECK(pq::cli::completion_words(t.topics, "RECIPE") == std::vector<std::string>{"q4_0", "q8_0"});
  CHECK(pq::cli::completion_words(t.topics, "N").empty());
}

TEST_CASE("completion: topics are all that help knows, formats those that can be written",
          "[cli][completion]") {
  Topics t;
  t.topics.components.push_back({"format", "old", "A format of others.", "read only, a file", "x", {}});
  const auto topics = pq::cli::completion_words(t.topics, "TOPIC");
  for (const char* word : {"affine", "q4_0", "ffn_down", "routes", "--json", "run"})
    CHECK(std::find(topics.begin(), topics.end(), word) != topics.end());
  CHECK(pq::cli::completion_words(t.topics, "FORMAT") == std::vector<std::string>{"gptq"});
}

TEST_CASE("completion: each shell's script names verbs, options and ids", "[cli][completion]") {
  const Topics t;
  CHECK_THAT(pq::cli::bash_completion(t.topics),
             Contains("--encoding|-e) COMPREPLY=($(compgen -W 'affine gptq'"));
  CHECK_THAT(pq::cli::zsh_completion(t.topics),
             Contains("'*--encoding=[One encoding\\: its for all.]:ENCODING:(affine gptq)'"));
  CHECK_THAT(pq::cli::fish_completion(t.topics),
             Contains("-l encoding -s e -x -a 'affine gptq' -d 'One encoding: its for all.'"));
}
