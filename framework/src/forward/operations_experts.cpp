// Mixtures of experts: the choice, and the experts' own graph on the rows that chose them.
#include "forward/binding.hpp"
#include "forward/operations.hpp"
#include "model/family_rules.hpp"

#include <polyquant/base/error.hpp>

namespace pq {
namespace {

RoutingRules::Scores scores_of(Arguments& a) {
  const std::string name = a.word("scores", "softmax");
  if (name == "softmax") return RoutingRules::Scores::softmax;
  if (name == "sigmoid") return RoutingRules::Scores::sigmoid;
  if (name == "chosen_softmax") return RoutingRules::Scores::chosen_softmax;
  throw FormatError(a.binding().scope().source() + ": scores of experts by '" + name +
                    "' are not known; known: softmax, sigmoid");
}

// The target is a choice of experts from the logits `of`.
class Route final : public Operation {
 public:
  explicit Route(Arguments& a) : target_(a.target()), of_(a.text("of")) {
    rules_.experts = a.width(of_);
    rules_.used = a.positive("used");
    rules_.scores = scores_of(a);
    rules_.normalise = a.flag("normalise");
    rules_.normalise_offset = static_cast<float>(a.number("normalise_offset", 0));
    rules_.factor = static_cast<float>(a.number("factor", 1));
    rules_.groups = a.integer("groups", 1);
    rules_.groups_used = a.integer("groups_used", rules_.groups);
    if (a.flag("sum_of_two")) rules_.group_score = RoutingRules::GroupScore::sum_of_two;
    if (a.has("correction")) {
      const std::string name = a.text("correction");
      if (a.binding().find(name)) correction_ = a.vector(name, rules_.experts);
      if (correction_) a.binding().flow().keep(correction_->tensor);
    }
    const bool possible = rules_.used <= rules_.experts && rules_.groups >= 1 && rules_.groups_used >= 1 &&
                          rules_.experts % rules_.groups == 0 && rules_.groups_used <= rules_.groups;
    if (!possible)
      throw FormatError(a.binding().scope().source() + ": a choice of " + std::to_string(rules_.used) +
                        " of " + std::to_string(rules_.experts) + " experts from " +
                        std::to_string(rules_.groups_used) + " of " + std::to_string(rules_.groups) +
                        " groups is not possible");
    a.binding().set_routed(target_, rules_.experts);
  }
  void run(ForwardState& state) const override {
    RoutingRules rules = rules_;
    if (correction_) rules.correction = state.weights.values(*correction_);
    const DeviceMatrix& logits = state.values.at(of_);
    std::vector<float> values(static_cast<std::size_t>(logits.rows() * logits.cols()));
    const Matrix memory{values.data(), logits.rows(), logits.cols(), logits.cols()};
    state.device.download(logits, memory, 0);
    state.routings[target_] = choose_experts(memory, rules);
  }

 private:
  std::string target_, of_;
  RoutingRules rules_;
  std::optional<WeightSlice> correction_;
};

// target = the sum over experts of weight * expert(of).
class Experts final : public Operation {
 public:
  explicit Experts(Arguments& a)
      : target_(a.target()), of_(a.text("of")), by_(a.text("by")), result_(a.text("result")) {
    const std::int64_t count = a.positive("count"), routed = a.binding().routed(by_);
    if (count != routed)
      throw FormatError(a.binding().scope().source() + ": the model has " + std::to_string(count) +
                        " experts, but its router chooses among " + std::to_string(routed) + " (" +
                        a.binding().scope().keys_of({parse_expression(a.node("count"), "count")}) + ")");
    const std::vector<Node>& steps = a.node("each").items();
    const std::int64_t width = a.binding().width(of_);
    for (std::int64_t e = 0; e < count; ++e)
      experts_.push_back(a.binding().bind_expert(steps, static_cast<int>(e)));
    cols_ = a.width(result_);
    if (a.binding().width(of_) != width)
      throw_at(a.mark(), "the experts must not write the value that they share");
    a.binding().set_width(target_, cols_);
  }
  void run(ForwardState& state) const override {
    const Routing& routing = state.routings.at(by_);
    PQ_ASSERT(routing.experts.size() == experts_.size(), "every expert has a logit");
    auto all = state.values.take(of_);
    auto sum = state.device.allocate(all->rows(), cols_);
    for (std::size_t e = 0; e < experts_.size(); ++e) {
      const Routing::Share& share = routing.experts[e];
      if (share.rows.empty()) continue;
      auto own = state.device.allocate(static_cast<std::int64_t>(share.rows.size()), all->cols());
      state.math().gather_rows(*all, share.rows, *own);
      state.values.set(of_, std::move(own));
      for (const auto& operation : experts_[e]) operation->run(state);
      state.math().scatter_add_rows(state.values.at(result_), share.rows, share.weights, *sum);
      state.weights.trim();
    }
    state.values.set(of_, std::move(all));
    state.values.set(target_, std::move(sum));
  }

 private:
  std::string target_, of_, by_, result_;
  std::int64_t cols_ = 0;
  std::vector<Operations> experts_;
};

}  // namespace

std::unique_ptr<Operation> make_route(Arguments& a) { return std::make_unique<Route>(a); }
std::unique_ptr<Operation> make_experts(Arguments& a) { return std::make_unique<Experts>(a); }

}  // namespace pq
