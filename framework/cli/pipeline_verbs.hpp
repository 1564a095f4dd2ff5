// What run, plan, quantize and convert share: a pipeline goes in, a plan or finished outputs come out.
#pragma once

#include "session.hpp"

#include <polyquant/base/node.hpp>

#include <filesystem>
#include <string>
#include <vector>

namespace pq::cli {

/// Options of the four subcommands.
struct PipelineFlags {
  std::vector<std::string> overrides;  // --set
  std::string backend;
  std::string work;
  bool force = false;
  bool json = false;
};

/// Adds --set, --force, --work, --backend and --json as they apply.
void add_pipeline_flags(CLI::App& verb, PipelineFlags& flags, bool writes);

/// The pipeline of a file; throws as load_yaml() does, and says what to do with a model that was given in its place.
Node load_pipeline(Session& session, const std::filesystem::path& file);

/// Plans the pipeline and prints the plan.
void print_plan(Session& session, Node pipeline, const std::filesystem::path& base,
                const PipelineFlags& flags);

/// Plans and executes the pipeline and prints the coverage table.
void run_pipeline(Session& session, Node pipeline, const std::filesystem::path& base,
                  const PipelineFlags& flags);

/// A scalar node of the command line, for error messages that name the option.
Node given(const std::string& text, const std::string& option);

/// A pipeline with one output, as `quantize` and `convert` make it; `model` and `to` are given() by the words that the subcommand has for them.
/// `format` "" = by the name of the output. Members of `output` are added to it.
Node single_output(const Node& model, const Node& to, const std::string& format, Node output);

}  // namespace pq::cli
