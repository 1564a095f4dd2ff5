// A small command line and a few components, as help and completion see them.
#pragma once

#include "help_text.hpp"

struct Topics {
  Topics() {
    CLI::App* run = app.add_subcommand("run", "Run a pipeline.");
    run->add_option("PIPELINE", file, "The pipeline.")->type_name("FILE");
    run->add_option("-e,--encoding", encoding, "One encoding: it's for all.")->type_name("ENCODING");
    run->add_flag("--json", json, "Print JSON.");
    app.add_subcommand("plugins", "List the plugins.");
    topics.app = &app;
    pq::OptionInfo bits{"bits", "Bits of a code.", pq::OptionType::integer, "4", {}, 2.0, 8.0};
    topics.components = {
        {"encoding", "affine", "Evenly spaced levels.", "4.5 bits per weight", "affine", {bits}},
        {"encoding", "gptq", "An encoding of that name.", "", "x", {}},
        {"format", "gptq", "A format of that name.", "", "y", {}}};
    topics.recipes = {{"q4_0", "4 bits"}, {"q8_0", "8 bits"}};
  }
  std::string file, encoding;
  bool json = false;
  CLI::App app{"test", "polyquant"};
  pq::cli::HelpTopics topics;
};
