// Element by element.
#include "forward/binding.hpp"
#include "forward/operations.hpp"

#include <polyquant/base/error.hpp>

namespace pq {
namespace {

// An operation that is a function of the run, with nothing to look up.
template <class Function>
class Simple final : public Operation {
 public:
  explicit Simple(Function function) : function_(std::move(function)) {}
  void run(ForwardState& state) const override { function_(state); }

 private:
  Function function_;
};

template <class Function>
std::unique_ptr<Operation> simple(Function function) {
  return std::make_unique<Simple<Function>>(std::move(function));
}

void check_equal(Arguments& a, const std::string& left, const std::string& right) {
  if (a.width(left) != a.width(right))
    throw FormatError(a.binding().scope().source() + ": the values '" + left + "' and '" + right +
                      "' of the graph have " + std::to_string(a.width(left)) + " and " +
                      std::to_string(a.width(right)) + " columns");
}

// The target changes, so sites of its old values end.
void rewritten(Arguments& a) { a.binding().set_width(a.target(), a.width(a.target())); }

}  // namespace

std::unique_ptr<Operation> make_glu(Arguments& a) {
  const std::string gate = a.text("gate"), up = a.text("up"), target = a.target();
  check_equal(a, gate, up);
  GluOptions options;
  options.activation = a.activation("activation");
  options.sigmoid_scale = static_cast<float>(a.number("sigmoid_scale", 1));
  options.limit = static_cast<float>(a.number("limit", 0));
  options.up_offset = static_cast<float>(a.number("up_offset", 0));
  const std::int64_t width = a.width(gate);
  Flow& flow = a.binding().flow();
  flow.step().kind = FlowStep::Kind::glu;
  if (flow.value(gate) != flow.value(up) && options.limit == 0 && options.up_offset == 0)
    flow.step().linear_in = flow.value(up);
  a.binding().set_width(target, width);
  return simple([=](ForwardState& state) {
    DeviceMatrix& in = state.values.at(gate);
    DeviceMatrix& out = target == gate ? in : state.values.make(target, in.rows(), width);
    state.math().glu(in, state.values.at(up), options, out);
  });
}

std::unique_ptr<Operation> make_activate(Arguments& a) {
  const Activation activation = a.activation("function");
  rewritten(a);
  return simple([target = a.target(), activation](ForwardState& state) {
    state.math().activate(state.values.at(target), activation);
  });
}

std::unique_ptr<Operation> make_add(Arguments& a) {
  const std::string of = a.text("of");
  check_equal(a, a.target(), of);
  rewritten(a);
  return simple(
      [target = a.target(), of, factor = static_cast<float>(a.number("factor", 1))](ForwardState& state) {
        state.math().add(state.values.at(of), factor, state.values.at(target));
      });
}

std::unique_ptr<Operation> make_scale(Arguments& a) {
  rewritten(a);
  return simple([target = a.target(), by = static_cast<float>(a.number("by"))](ForwardState& state) {
    if (by != 1) state.math().scale(state.values.at(target), by);
  });
}

std::unique_ptr<Operation> make_scale_rows(Arguments& a) {
  const std::string by = a.text("by");
  if (a.width(by) != 1) throw_at(a.mark(), "'by' must be a value of one column");
  rewritten(a);
  return simple([target = a.target(), by](ForwardState& state) {
    state.math().scale_rows(state.values.at(target), state.values.at(by));
  });
}

std::unique_ptr<Operation> make_clamp(Arguments& a) {
  rewritten(a);
  return simple([target = a.target(), limit = static_cast<float>(a.number("limit"))](ForwardState& state) {
    state.math().clamp(state.values.at(target), -limit, limit);
  });
}

std::unique_ptr<Operation> make_soft_cap(Arguments& a) {
  rewritten(a);
  return simple([target = a.target(), cap = static_cast<float>(a.number("cap"))](ForwardState& state) {
    state.math().soft_cap(state.values.at(target), cap);
  });
}

}  // namespace pq
