#include "forward/weights.hpp"

#include <polyquant/base/error.hpp>

namespace pq {
namespace {

/// Of all stored tensors that it is put together from.
ActivationRounding rounding_of(const ViewTensor& tensor, const RowDecoder& decoder) {
  if (decoder.common() != nullptr) return decoder.common()->info().activations;
  if (tensor.map.parts.empty() || !decoder.missing().empty()) return ActivationRounding::none;
  const ActivationRounding first = decoder.of(tensor.map.parts.front().stored).info().activations;
  for (const RowMap::Part& part : tensor.map.parts)
    if (decoder.of(part.stored).info().activations != first)
      throw ConfigError("tensor '" + tensor.name +
                        "' is put together from encodings that round activations differently; take "
                        "--activations f32");
  return first;
}

class StoredWeights final : public WeightSource {
 public:
  StoredWeights(std::shared_ptr<const ModelView> view, const EncodingLookup& find_encoding,
                ActivationMode activations)
      : view_(std::move(view)), activations_(activations) {
    std::map<std::string, std::shared_ptr<const Encoding>> known;
    const EncodingLookup find = [&](const std::string& spec) {
      const auto [place, is_new] = known.try_emplace(spec);
      if (is_new) place->second = find_encoding(spec);
      return place->second;
    };
    for (const ViewTensor& tensor : view_->tensors)
      decoders_.push_back(RowDecoder::find(*view_, tensor, find));
  }
  const ModelView& view() const override { return *view_; }
  void read(std::size_t tensor, std::int64_t first, Matrix out,
            std::vector<std::byte>& scratch) const override {
    if (!decoders_[tensor].missing().empty())
      throw PluginError("tensor '" + view_->tensors[tensor].name + "' is stored as " +
                        decoders_[tensor].missing() +
                        ", which no plugin decodes; name the folder of its plugin with --plugin-path "
                        "(`polyquant plugins` lists what is loaded)");
    read_decoded_rows(*view_, tensor, first, out, decoders_[tensor], scratch);
  }
  ActivationRounding activations(std::size_t tensor) const override {
    if (activations_ == ActivationMode::exact) return ActivationRounding::none;
    return rounding_of(view_->tensors[tensor], decoders_[tensor]);
  }
  void release(std::size_t tensor, std::int64_t first, std::int64_t count) const override {
    release_rows(*view_, tensor, first, count);
  }

 private:
  std::shared_ptr<const ModelView> view_;
  ActivationMode activations_;
  std::vector<RowDecoder> decoders_;
};

}  // namespace

ActivationRounding WeightSource::activations(std::size_t) const { return ActivationRounding::none; }
void WeightSource::release(std::size_t, std::int64_t, std::int64_t) const {}

std::unique_ptr<WeightSource> stored_weights(std::shared_ptr<const ModelView> view,
                                             const EncodingLookup& find_encoding,
                                             ActivationMode activations) {
  return std::make_unique<StoredWeights>(std::move(view), find_encoding, activations);
}

}  // namespace pq
