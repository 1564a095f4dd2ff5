#include "model/view_builder.hpp"

#include <polyquant/base/error.hpp>

namespace pq {

std::shared_ptr<ModelView> huggingface_view(std::shared_ptr<const ModelReader>, const ModelFiles& files, const Family&) {
  throw FormatError(files.path().string() + ": GGUF to Hugging Face is being built");
}

}  // namespace pq
