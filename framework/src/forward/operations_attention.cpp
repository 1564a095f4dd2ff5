// Rotary embedding, attention, and heads put together from parts.
#include "forward/binding.hpp"
#include "forward/operations.hpp"

#include <polyquant/base/error.hpp>

namespace pq {
namespace {

// Columns of a head; FormatError if the heads do not divide the value.
std::int64_t head_cols(Arguments& a, const std::string& value, std::int64_t heads) {
  const std::int64_t width = a.width(value);
  if (heads < 1 || width % heads != 0)
    throw FormatError(a.binding().scope().source() + ": " + std::to_string(width) +
                      " columns cannot be cut into " + std::to_string(heads) + " heads");
  return width / heads;
}

// Rotates the target in place, per head.
class Rope final : public Operation {
 public:
  explicit Rope(Arguments& a)
      : target_(a.target()), table_(a.word("table", "full")), spec_(a.binding().rope(table_)) {
    options_.head_cols = head_cols(a, target_, a.positive("heads"));
    options_.first = a.integer("first", 0);
    options_.width = spec_.width;
    options_.neighbours = a.flag("neighbours");
    if (options_.first < 0 || options_.first + options_.width > options_.head_cols)
      throw FormatError(a.binding().scope().source() + ": the rotary embedding of " +
                        std::to_string(options_.width) + " columns does not fit into heads of " +
                        std::to_string(options_.head_cols));
    a.binding().set_width(target_, a.width(target_));
  }
  void run(ForwardState& state) const override {
    const RopeTables::Table& table = state.ropes.get(table_, spec_, state.batch, state.device);
    state.math().rope(state.values.at(target_), *table.cosines, *table.sines, options_);
  }

 private:
  std::string target_, table_;
  RopeSpec spec_;
  RopeOptions options_;
};

class Attention final : public Operation {
 public:
  explicit Attention(Arguments& a)
      : target_(a.target()), q_(a.text("q", "q")), k_(a.text("k", "k")), v_(a.text("v", "v")) {
    options_.heads = a.positive("heads");
    options_.kv_heads = a.positive("kv_heads");
    options_.scale = static_cast<float>(a.number("scale"));
    options_.soft_cap = static_cast<float>(a.number("soft_cap", 0));
    options_.window = a.integer("window", 0);
    for (const double slope : a.numbers("slopes")) slopes_.push_back(static_cast<float>(slope));
    if (a.has("sinks")) sinks_ = a.vector(a.text("sinks"), options_.heads);
    if (sinks_) a.binding().flow().keep(sinks_->tensor);
    const std::int64_t of_q = head_cols(a, q_, options_.heads), of_k = head_cols(a, k_, options_.kv_heads),
                       of_v = head_cols(a, v_, options_.kv_heads);
    if (options_.heads % options_.kv_heads != 0 || of_q != of_k || options_.window < 0 ||
        (!slopes_.empty() && static_cast<std::int64_t>(slopes_.size()) != options_.heads))
      throw FormatError(a.binding().scope().source() + ": attention of " + std::to_string(options_.heads) +
                        " heads of " + std::to_string(of_q) + " columns with " +
                        std::to_string(options_.kv_heads) + " heads of " + std::to_string(of_k) +
                        " columns and a window of " + std::to_string(options_.window) + " is not possible");
    cols_ = options_.heads * of_v;
    Flow& flow = a.binding().flow();
    FlowStep& step = flow.step();
    step.kind = FlowStep::Kind::attention;
    step.heads = options_.heads;
    step.kv_heads = options_.kv_heads;
    if (flow.value(v_) != flow.value(q_) && flow.value(v_) != flow.value(k_)) step.linear_in = flow.value(v_);
    a.binding().set_width(target_, cols_);
  }
  void run(ForwardState& state) const override {
    AttentionOptions options = options_;
    const std::vector<AttentionSpan> spans = state.batch.spans();
    const std::vector<float> sinks = sinks_ ? state.weights.values(*sinks_) : std::vector<float>();
    options.spans = spans;
    options.slopes = slopes_;
    options.sinks = sinks;
    DeviceMatrix& out = state.values.make(target_, state.batch.rows(), cols_);
    state.math().attention(state.values.at(q_), state.values.at(k_), state.values.at(v_), options, out);
  }

 private:
  std::string target_, q_, k_, v_;
  AttentionOptions options_;
  std::vector<float> slopes_;
  std::optional<WeightSlice> sinks_;
  std::int64_t cols_ = 0;
};

// Head by head the columns of the parts behind one another; a part with one head is repeated for all.
class Join final : public Operation {
 public:
  explicit Join(Arguments& a) : target_(a.target()), heads_(a.positive("heads")), parts_(a.texts("of")) {
    const std::vector<std::string> shared = a.has("shared") ? a.texts("shared") : std::vector<std::string>();
    for (const std::string& part : parts_) {
      const bool repeated = std::find(shared.begin(), shared.end(), part) != shared.end();
      const std::int64_t count = repeated ? a.width(part) : head_cols(a, part, heads_);
      columns_.push_back({0, count, 1, heads_, repeated ? 0 : count});
      head_ += count;
    }
    a.binding().set_width(target_, heads_ * head_);
  }
  void run(ForwardState& state) const override {
    DeviceMatrix& out = state.values.make(target_, state.batch.rows(), heads_ * head_);
    std::int64_t at = 0;
    for (std::size_t i = 0; i < parts_.size(); ++i) {
      const Columns target{at, columns_[i].count, 1, heads_, head_};
      state.math().copy_columns(state.values.at(parts_[i]), columns_[i], out, target);
      at += columns_[i].count;
    }
  }

 private:
  std::string target_;
  std::int64_t heads_ = 0, head_ = 0;
  std::vector<std::string> parts_;
  std::vector<Columns> columns_;
};

}  // namespace

std::unique_ptr<Operation> make_rope(Arguments& a) { return std::make_unique<Rope>(a); }
std::unique_ptr<Operation> make_attention(Arguments& a) { return std::make_unique<Attention>(a); }
std::unique_ptr<Operation> make_join(Arguments& a) { return std::make_unique<Join>(a); }

}  // namespace pq
