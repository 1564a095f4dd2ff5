// The views that the outputs of a plan share.
#pragma once

#include "model/open_model.hpp"
#include "model/view.hpp"

#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <tuple>
#include <utility>

namespace pq {

/// Views are shared by all outputs of a dialect (and of the same view options), so that a tensor is read and decoded once for all of them.
class ViewCache {
 public:
  ViewCache(const OpenedModel& model, std::shared_ptr<const TokenizerAhead> tokenizer,
            const std::filesystem::path& path)
      : model_(model), tokenizer_(std::move(tokenizer)), path_(path) {}

  std::shared_ptr<const ModelView> get(Dialect dialect, ViewOptions options) {
    options.tokenizer = tokenizer_;
    auto& slot = views_[std::tuple(dialect, options.name, options.pre_tokenizer, options.experts)];
    if (!slot) slot = make_view(model_.reader, path_, dialect, options);
    return slot;
  }

 private:
  const OpenedModel& model_;
  std::shared_ptr<const TokenizerAhead> tokenizer_;
  std::filesystem::path path_;
  std::map<std::tuple<Dialect, std::string, std::string, std::string>, std::shared_ptr<const ModelView>>
      views_;
};

}  // namespace pq
