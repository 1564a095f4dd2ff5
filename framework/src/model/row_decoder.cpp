#include "model/view.hpp"

#include <polyquant/base/error.hpp>

#include <set>

namespace pq {

void set_encodings(ViewTensor& tensor, const ModelHeader& header) {
  std::set<std::string> specs;
  for (const RowMap::Part& part : tensor.map.parts) specs.insert(header.tensors[part.stored].encoding);
  tensor.stored_encoding = specs.size() == 1 ? *specs.begin() : "";
  tensor.mixed_encodings.clear();
  if (specs.size() > 1)
    for (const std::string& spec : specs)
      tensor.mixed_encodings += (tensor.mixed_encodings.empty() ? "" : "+") + spec;
}

RowDecoder RowDecoder::find(const ModelView& view, const ViewTensor& tensor, const EncodingLookup& find) {
  RowDecoder decoder;
  if (!tensor.generated.empty()) return decoder;
  if (tensor.mixed_encodings.empty()) {
    decoder = RowDecoder(find(tensor.stored_encoding));
    if (decoder.common_ == nullptr) decoder.missing_ = tensor.stored_encoding;
    return decoder;
  }
  for (const RowMap::Part& part : tensor.map.parts) {
    const std::string& spec = view.reader->header().tensors[part.stored].encoding;
    const auto [place, is_new] = decoder.owned_.try_emplace(part.stored);
    if (is_new) place->second = find(spec);
    if (place->second == nullptr) decoder.missing_ = spec;
  }
  return decoder;
}

const Encoding& RowDecoder::of(std::size_t stored) const {
  if (common_ != nullptr) return *common_;
  const auto found = owned_.find(stored);
  PQ_ASSERT(found != owned_.end() && found->second != nullptr, "stored rows need a decoder");
  return *found->second;
}

}  // namespace pq
