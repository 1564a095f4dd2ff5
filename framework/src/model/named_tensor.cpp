#include "model/named_tensor.hpp"

#include <polyquant/base/error.hpp>
#include <polyquant/base/text.hpp>

#include <optional>

namespace pq {
namespace {

std::optional<NamedTensor> find_in(std::shared_ptr<const ModelView> view, const std::string& name,
                                   std::vector<std::string>& names) {
  for (std::size_t i = 0; i < view->tensors.size(); ++i) {
    names.push_back(view->tensors[i].name);
    if (names.back() == name) return NamedTensor{std::move(view), i};
  }
  return std::nullopt;
}

// Every tensor as it stands, without roles.
std::shared_ptr<const ModelView> stored_view(const std::shared_ptr<const ModelReader>& reader) {
  auto view = std::make_shared<ModelView>();
  view->reader = reader;
  view->dialect = reader->header().dialect;
  for (std::size_t i = 0; i < reader->header().tensors.size(); ++i) {
    const TensorInfo& info = reader->header().tensors[i];
    ViewTensor tensor;
    tensor.name = info.name;
    tensor.shape = info.shape;
    tensor.map.parts.push_back({i, 0, rows(info.shape)});
    set_encodings(tensor, reader->header());
    view->tensors.push_back(std::move(tensor));
  }
  return view;
}

}  // namespace

NamedTensor find_tensor(const std::shared_ptr<const ModelReader>& reader, const std::filesystem::path& path,
                        const std::string& name) {
  ViewOptions options;
  options.tensors_only = true;
  std::vector<std::string> names;
  std::string untranslated;
  if (auto found = find_in(stored_view(reader), name, names)) return *found;
  try {
    if (auto found = find_in(make_view(reader, path, Dialect::huggingface, options), name, names))
      return *found;
  } catch (const FormatError& error) {
    untranslated = std::string(" (") + error.what() + ")";
  }
  if (reader->header().dialect == Dialect::gguf)
    if (auto found = find_in(make_view(reader, path, Dialect::gguf, options), name, names)) return *found;
  throw ConfigError(path.string() + " has no tensor '" + name + "'" + suggestion(name, names) +
                    "; `polyquant inspect MODEL` lists them" + untranslated);
}

}  // namespace pq
