#include "model/view.hpp"

#include <polyquant/base/error.hpp>

#include <algorithm>
#include <set>

namespace pq {

namespace {

/// The encoding of a stored tensor, bound to what its rows share; nullptr if no plugin has it.
std::shared_ptr<const Encoding> encoding_of(const TensorInfo& tensor, const EncodingLookup& find) {
  auto encoding = find(tensor.encoding);
  return encoding == nullptr || tensor.shared.empty() ? encoding
                                                      : encoding->bind(tensor.shared, cols(tensor.shape));
}

/// All parts have rows of one kind: what they share is the same too.
bool share_the_same(const ViewTensor& tensor, const ModelHeader& header) {
  const auto& parts = tensor.map.parts;
  return std::all_of(parts.begin(), parts.end(), [&](const RowMap::Part& part) {
    return header.tensors[part.stored].shared == header.tensors[parts.front().stored].shared;
  });
}

}  // namespace

void set_encodings(ViewTensor& tensor, const ModelHeader& header) {
  std::set<std::string> specs;
  for (const RowMap::Part& part : tensor.map.parts) specs.insert(header.tensors[part.stored].encoding);
  const bool is_one = specs.size() == 1 && share_the_same(tensor, header);
  tensor.stored_encoding = is_one ? *specs.begin() : "";
  tensor.mixed_encodings.clear();
  if (!is_one)
    for (const std::string& spec : specs)
      tensor.mixed_encodings += (tensor.mixed_encodings.empty() ? "" : "+") + spec;
}

RowDecoder RowDecoder::find(const ModelView& view, const ViewTensor& tensor, const EncodingLookup& find) {
  RowDecoder decoder;
  if (!tensor.generated.empty()) return decoder;
  if (tensor.mixed_encodings.empty()) {
    decoder =
        RowDecoder(tensor.map.parts.empty()
                       ? find(tensor.stored_encoding)
                       : encoding_of(view.reader->header().tensors[tensor.map.parts.front().stored], find));
    if (decoder.common_ == nullptr) decoder.missing_ = tensor.stored_encoding;
    return decoder;
  }
  for (const RowMap::Part& part : tensor.map.parts) {
    const TensorInfo& stored = view.reader->header().tensors[part.stored];
    const auto [place, is_new] = decoder.owned_.try_emplace(part.stored);
    if (is_new) place->second = encoding_of(stored, find);
    if (place->second == nullptr) decoder.missing_ = stored.encoding;
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
