#include "forward/tiny_forward.hpp"

#include "base/thread_pool.hpp"
#include "built_plugins.hpp"
#include "golden_dir.hpp"
#include "model/tiny_model.hpp"

#include <polyquant/base/bytes.hpp>
#include <polyquant/base/file.hpp>

#include <cmath>
#include <limits>

namespace pq::tiny {
namespace {

using test::registry;

// The tensors of a safetensors file.
struct Tensors {
  std::string bytes;
  Json header;
  std::size_t data = 0;
};

const Tensors& golden_logits() {
  static const Tensors tensors = [] {
    Tensors read;
    read.bytes = read_text_file(pq_test::golden_dir() / "tiny_logits.safetensors", 1 << 24);
    const auto size =
        static_cast<std::size_t>(load<std::uint64_t>(reinterpret_cast<const std::byte*>(read.bytes.data())));
    read.header = parse_json(std::string_view(read.bytes).substr(8, size), "tiny_logits.safetensors");
    read.data = 8 + size;
    return read;
  }();
  return tensors;
}

template <class T>
std::vector<T> numbers(const std::string& key) {
  const Tensors& tensors = golden_logits();
  const Json::Array& offsets = tensors.header.find(key)->find("data_offsets")->array();
  const auto* from = reinterpret_cast<const std::byte*>(tensors.bytes.data()) + tensors.data;
  std::vector<T> values;
  for (std::int64_t at = offsets[0].integer(); at < offsets[1].integer(); at += static_cast<int>(sizeof(T)))
    values.push_back(load<T>(from + at));
  return values;
}

}  // namespace

Expected expected_logits(const std::string& name) {
  Expected expected;
  for (const std::int64_t token : numbers<std::int64_t>(name + ".input_ids"))
    expected.tokens.push_back(static_cast<std::int32_t>(token));
  expected.logits = numbers<float>(name + ".logits");
  expected.vocabulary = static_cast<std::int64_t>(expected.logits.size() / expected.tokens.size());
  for (const float value : expected.logits) expected.largest = std::max(expected.largest, std::abs(value));
  return expected;
}

Runner::Runner(std::shared_ptr<const ModelReader> reader, const std::filesystem::path& path, int threads)
    : model_(std::make_unique<ForwardModel>(OpenedModel{nullptr, std::move(reader)}, path)),
      weights_(stored_weights(model_->view(), float_encoding)),
      pool_(make_thread_pool(threads)),
      device_(registry().backend(Node::scalar("cpu"))->open(0, *pool_)) {}

std::vector<float> Runner::logits(const std::vector<std::vector<std::int32_t>>& texts, Observer* observer,
                                  std::int64_t batch_rows, bool last_only) {
  ForwardPass pass(*model_, *weights_, *device_, *pool_);
  const std::vector<Batch> batches = make_batches(texts, batch_rows);
  std::int64_t rows = 0;
  for (const Batch& batch : batches) rows += batch.rows();
  const auto store = memory_store(rows, model_->hidden_cols());
  std::vector<float> all;
  ForwardPass::Wanted wanted;
  wanted.observer = observer;
  wanted.last_only = last_only;
  wanted.head_rows = 7;  // so that several calls are needed
  wanted.logits = [&](std::size_t, std::int64_t, const DeviceMatrix& logits) {
    const std::vector<float> part = downloaded(*device_, logits);
    all.insert(all.end(), part.begin(), part.end());
  };
  pass.run(batches, *store, wanted);
  return all;
}

std::vector<float> downloaded(Device& device, const DeviceMatrix& matrix) {
  std::vector<float> values(static_cast<std::size_t>(matrix.rows() * matrix.cols()));
  device.download(matrix, Matrix{values.data(), matrix.rows(), matrix.cols(), matrix.cols()});
  return values;
}

float difference(const std::vector<float>& a, const std::vector<float>& b) {
  if (a.size() != b.size()) return std::numeric_limits<float>::infinity();
  float largest = 0;
  for (std::size_t i = 0; i < a.size(); ++i)
    if (const float d = std::abs(a[i] - b[i]); !(d <= largest)) largest = d;  // NaN stays
  return largest;
}

}  // namespace pq::tiny
