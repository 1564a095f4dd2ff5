#include "running_model.hpp"

#include "model/open_tokenizer.hpp"
#include "plan/choose_backend.hpp"

#include <polyquant/base/node.hpp>

namespace pq::cli {

RunningModel::RunningModel(Session& session, const std::string& path, const std::string& backend)
    : path_(path),
      opened_(open_model(path, session.registry())),
      model_(opened_, path),
      device_(choose_backend(Node::scalar(backend), session.registry()).open(session.executor())),
      weights_(stored_weights(
          model_.view(),
          [&session](const std::string& spec) { return session.registry().find_encoding(spec); })),
      pass_(model_, *weights_, *device_, session.executor()) {}

std::shared_ptr<const Tokenizer> RunningModel::tokenizer() {
  if (tokenizer_ == nullptr) tokenizer_ = std::make_shared<const Tokenizer>(open_tokenizer(opened_, path_));
  return tokenizer_;
}

}  // namespace pq::cli
