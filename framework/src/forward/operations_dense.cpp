// Embeddings, norms, products with weights, and the sites at which their inputs are measured.
#include "forward/binding.hpp"
#include "forward/operations.hpp"
#include "model/tensor_links.hpp"

#include <polyquant/base/error.hpp>

#include <numeric>

namespace pq {
namespace {

class Embedding final : public Operation {
 public:
  explicit Embedding(Arguments& a)
      : target_(a.target()),
        tensor_(a.binding().tensor(a.text("weight"))),
        scale_(static_cast<float>(a.number("scale", 1))) {
    const Shape& shape = a.binding().view().tensors[tensor_].shape;
    if (shape.size() != 2) a.misfit(tensor_, "a matrix");
    a.binding().flow().keep(tensor_);
    a.binding().set_width(target_, cols(shape));
  }
  void run(ForwardState& state) const override {
    auto rows = state.weights.rows(tensor_, state.batch.tokens);
    if (scale_ != 1) state.math().scale(*rows, scale_);
    state.values.set(target_, std::move(rows));
  }

 private:
  std::string target_;
  std::size_t tensor_;
  float scale_;
};

// A learned vector per position is added.
class Positions final : public Operation {
 public:
  explicit Positions(Arguments& a) : target_(a.target()), tensor_(a.binding().tensor(a.text("weight"))) {
    const ViewTensor& tensor = a.binding().view().tensors[tensor_];
    count_ = rows(tensor.shape);
    name_ = tensor.name;
    a.binding().flow().keep(tensor_);
    if (cols(tensor.shape) != a.width(target_))
      a.misfit(tensor_, std::to_string(a.width(target_)) + " columns");
  }
  void run(ForwardState& state) const override {
    std::vector<std::int32_t> positions(state.batch.tokens.size());
    for (std::size_t t = 0; t < state.batch.texts(); ++t) {
      if (state.batch.length(t) > count_)
        throw ConfigError("the model has " + std::to_string(count_) + " positions ('" + name_ +
                          "'); a text of " + std::to_string(state.batch.length(t)) + " tokens is too long");
      std::iota(positions.begin() + state.batch.begins[t], positions.begin() + state.batch.begins[t + 1], 0);
    }
    state.math().add(*state.weights.rows(tensor_, positions), 1, state.values.at(target_));
  }

 private:
  std::string target_, name_;
  std::size_t tensor_;
  std::int64_t count_ = 0;
};

// target = norm(of); of may be the target.
class Norm final : public Operation {
 public:
  Norm(Arguments& a, bool centred) : target_(a.target()), of_(a.text("of", a.target())) {
    const std::int64_t width = a.width(of_);
    options_.centred = centred;
    options_.epsilon = static_cast<float>(a.number("epsilon"));
    options_.weight_offset = static_cast<float>(a.number("offset", 0));
    options_.group_cols = a.has("group") ? a.positive("group") : width;
    if (width % options_.group_cols != 0)
      throw FormatError(a.binding().scope().source() + ": a norm of " + std::to_string(options_.group_cols) +
                        " columns does not divide " + std::to_string(width));
    add_parts(a, "weight", weight_);
    const std::string name = a.text("weight", "");
    const std::string bias = name.ends_with(".weight") ? name.substr(0, name.size() - 6) + "bias" : "";
    if (centred && !bias.empty() && a.binding().find(bias)) bias_.push_back(a.vector(bias, size_of(weight_)));
    FlowStep& step = a.binding().flow().step();
    step.kind = FlowStep::Kind::norm;
    step.weights = weight_;
    step.biases = bias_;
    step.offset = options_.weight_offset;
    a.binding().set_width(target_, width);
  }
  void run(ForwardState& state) const override {
    DeviceMatrix& in = state.values.at(of_);
    DeviceMatrix& out = target_ == of_ ? in : state.values.make(target_, in.rows(), in.cols());
    const auto weight = weight_.empty() ? nullptr : state.weights.row(weight_);
    const auto bias = bias_.empty() ? nullptr : state.weights.row(bias_);
    state.math().norm(in, weight.get(), bias.get(), options_, out);
  }

 private:
  // One vector, or one per head (E in its name) of which there are `heads`.
  void add_parts(Arguments& a, const char* key, std::vector<WeightSlice>& parts) {
    const std::string name = a.text(key, "");
    if (name.empty()) return;
    const std::int64_t heads = a.has("heads") ? a.positive("heads") : 0;
    const std::int64_t width = a.width(of_);
    if (heads == 0) {
      const auto tensor = a.binding().tensor(name);
      const std::int64_t size = elements(a.binding().view().tensors[tensor].shape);
      if (size != options_.group_cols && size != width) a.misfit(tensor, std::to_string(width) + " numbers");
      parts.push_back(a.vector(name, size));
    }
    for (std::int64_t head = 0; head < heads; ++head)
      parts.push_back(a.vector(with_index(name, 'E', head), options_.group_cols));
    if (heads > 0 && size_of(parts) != width)
      throw FormatError(a.binding().scope().source() + ": norms of " + std::to_string(heads) +
                        " heads do not give " + std::to_string(width) + " columns");
  }
  static std::int64_t size_of(const std::vector<WeightSlice>& parts) {
    std::int64_t size = 0;
    for (const WeightSlice& part : parts) size += part.out;
    return size;
  }

  std::string target_, of_;
  NormOptions options_;
  std::vector<WeightSlice> weight_, bias_;
};

/// The value as the product takes it: itself, or a rounded copy under another name.
const DeviceMatrix& product_input(ForwardState& state, const std::string& name, std::size_t tensor) {
  const DeviceMatrix& in = state.values.at(name);
  const ActivationRounding rounding = state.weights.source().activations(tensor);
  if (rounding == ActivationRounding::none) return in;
  DeviceMatrix& out = state.values.make(name + " rounded", in.rows(), in.cols());
  std::vector<float> staged;
  Matrix memory = state.device.host_memory(out);
  const bool direct = memory.data != nullptr;
  if (!direct) {
    staged.resize(static_cast<std::size_t>(in.rows() * in.cols()));
    memory = {staged.data(), in.rows(), in.cols(), in.cols()};
  }
  state.device.download(in, memory, 0);
  state.weights.executor().for_ranges(in.rows(), 16, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t r = begin; r < end; ++r) round_activations(rounding, memory.row(r));
  });
  if (!direct) state.device.upload(memory, out, 0);
  return out;
}

class Linear final : public Operation {
 public:
  explicit Linear(Arguments& a) : target_(a.target()), of_(a.text("of")), weight_(a.matrix(a.width(of_))) {
    bias_ = a.bias(weight_);
    FlowStep& step = a.binding().flow().step();
    step.kind = FlowStep::Kind::linear;
    step.weights = {weight_};
    if (bias_) step.biases = {*bias_};
    step.site = a.binding().read_at_site(of_, weight_);
    a.binding().set_width(target_, weight_.out);
  }
  void run(ForwardState& state) const override {
    const DeviceMatrix& in = product_input(state, of_, weight_.tensor);
    DeviceMatrix& out = state.values.make(target_, in.rows(), weight_.out);
    state.math().gemm(in, false, *state.weights.matrix(weight_), true, out, 1, 0);
    if (bias_) state.math().add_row(*state.weights.row({*bias_}), out);
  }

 private:
  std::string target_, of_;
  WeightSlice weight_;
  std::optional<WeightSlice> bias_;
};

// The value `of` is measured: every product with it from here on until it is written again belongs to the site.
class SiteMark final : public Operation {
 public:
  explicit SiteMark(Arguments& a) : of_(a.text("of")), site_(std::make_shared<Site>()) {
    *site_ = {a.binding().layer(), a.target(), a.binding().expert(), a.binding().width(of_), {}};
    a.binding().open_site(of_, site_);
  }
  void run(ForwardState& state) const override {
    if (state.observer != nullptr) state.observer->at_site(*site_, state.batch, state.values.at(of_));
  }
  bool is_site() const noexcept override { return true; }

 private:
  std::string of_;
  std::shared_ptr<Site> site_;
};

}  // namespace

std::unique_ptr<Operation> make_embedding(Arguments& a) { return std::make_unique<Embedding>(a); }
std::unique_ptr<Operation> make_positions(Arguments& a) { return std::make_unique<Positions>(a); }
std::unique_ptr<Operation> make_rms_norm(Arguments& a) { return std::make_unique<Norm>(a, false); }
std::unique_ptr<Operation> make_layer_norm(Arguments& a) { return std::make_unique<Norm>(a, true); }
std::unique_ptr<Operation> make_linear(Arguments& a) { return std::make_unique<Linear>(a); }
std::unique_ptr<Operation> make_site(Arguments& a) { return std::make_unique<SiteMark>(a); }

}  // namespace pq
