#include "running_model.hpp"

#include "forward/activation_modes.hpp"
#include "model/open_tokenizer.hpp"
#include "plan/choose_backend.hpp"

#include <polyquant/base/node.hpp>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <string>
#include <vector>

namespace pq::cli {

RunningModel::RunningModel(Session& session, const std::string& path, const std::string& backend,
                           ActivationMode activations)
    : path_(path),
      opened_(open_model(path, session.registry())),
      model_(opened_, path),
      device_(choose_backend(Node::scalar(backend), session.registry()).open(session.executor())),
      weights_(stored_weights(
          model_.view(),
          [&session](const std::string& spec) { return session.registry().find_encoding(spec); },
          activations)),
      pass_(model_, *weights_, *device_, session.executor()) {}

std::shared_ptr<const Tokenizer> RunningModel::tokenizer() {
  if (tokenizer_ == nullptr) tokenizer_ = std::make_shared<const Tokenizer>(open_tokenizer(opened_, path_));
  return tokenizer_;
}

void add_activations_option(CLI::App& verb, ActivationMode& mode) {
  verb.add_option_function<std::string>(
          "--activations", [&mode](const std::string& name) { mode = activation_mode(name); },
          "What products take: activations in f32, or rounded as the programs round them that run the "
          "weights' encodings, such as llama.cpp to 8 bits.")
      ->check(CLI::IsMember(std::vector<std::string>(kActivationModes.begin(), kActivationModes.end()))
                  .description(""))
      ->type_name(fmt::format("{}", fmt::join(kActivationModes, "|")))
      ->default_str(std::string(kActivationModes.front()));
}

}  // namespace pq::cli
