#include "forward/weights.hpp"

#include <polyquant/base/error.hpp>

namespace pq {
namespace {

class StoredWeights final : public WeightSource {
 public:
  StoredWeights(std::shared_ptr<const ModelView> view, const EncodingLookup& find_encoding)
      : view_(std::move(view)) {
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
                        ", which no plugin decodes; `polyquant plugins` lists what is loaded");
    read_decoded_rows(*view_, tensor, first, out, decoders_[tensor], scratch);
  }
  void release(std::size_t tensor, std::int64_t first, std::int64_t count) const override {
    release_rows(*view_, tensor, first, count);
  }

 private:
  std::shared_ptr<const ModelView> view_;
  std::vector<RowDecoder> decoders_;
};

}  // namespace

void WeightSource::release(std::size_t, std::int64_t, std::int64_t) const {}

std::unique_ptr<WeightSource> stored_weights(std::shared_ptr<const ModelView> view,
                                             const EncodingLookup& find_encoding) {
  return std::make_unique<StoredWeights>(std::move(view), find_encoding);
}

}  // namespace pq
