#include "forward/forward_pass.hpp"

#include "base/interrupt.hpp"

#include <polyquant/base/error.hpp>

#include <algorithm>
#include <numeric>

namespace pq {

ForwardPass::ForwardPass(const ForwardModel& model, const WeightSource& weights, Device& device,
                         Executor& executor)
    : model_(model), device_(device), weights_(weights, device, executor), values_(device) {}

void ForwardPass::enter(int stage) {
  throw_if_interrupted();
  if (stage_ != stage) weights_.clear();
  stage_ = stage;
}

// They depend on the lengths of the texts only, which mostly are the same from batch to batch.
RopeTables& ForwardPass::ropes_for(const Batch& batch) {
  if (ropes_of_ != batch.begins) ropes_.clear();
  ropes_of_ = batch.begins;
  return ropes_;
}

void ForwardPass::operate(std::span<const std::unique_ptr<Operation>> operations, ForwardState& state) {
  for (const auto& operation : operations) operation->run(state);
}

std::unique_ptr<DeviceMatrix> ForwardPass::embed(const Batch& batch) {
  enter(-1);
  for (const std::int32_t token : batch.tokens)
    if (token < 0 || token >= model_.vocabulary())
      throw ConfigError("token " + std::to_string(token) + " does not exist: the model has the tokens 0 to " +
                        std::to_string(model_.vocabulary() - 1));
  ForwardState state{device_, weights_, batch, ropes_for(batch), nullptr, values_, {}};
  operate(model_.embed(), state);
  return values_.take(ForwardModel::kHidden);
}

void ForwardPass::layer(int number, const Batch& batch, std::unique_ptr<DeviceMatrix>& hidden,
                        Observer* observer) {
  enter(number);
  ForwardState state{device_, weights_, batch, ropes_for(batch), observer, values_, {}};
  values_.set(ForwardModel::kHidden, std::move(hidden));
  operate(model_.layer(number), state);
  hidden = values_.take(ForwardModel::kHidden);
}

void ForwardPass::operate_on_rows(std::span<const std::unique_ptr<Operation>> operations,
                                  const DeviceMatrix& hidden, std::span<const std::int32_t> rows,
                                  Observer* observer) {
  enter(model_.layers());
  Batch batch;
  batch.append(std::vector<std::int32_t>(rows.size(), 0));
  auto chosen = device_.allocate(batch.rows(), hidden.cols());
  device_.math().gather_rows(hidden, rows, *chosen);
  ForwardState state{device_, weights_, batch, ropes_for(batch), observer, values_, {}};
  values_.set(ForwardModel::kHidden, std::move(chosen));
  operate(operations, state);
}

std::unique_ptr<DeviceMatrix> ForwardPass::head(const DeviceMatrix& hidden,
                                                std::span<const std::int32_t> rows, Observer* observer) {
  operate_on_rows(model_.head(), hidden, rows, observer);
  return values_.take(ForwardModel::kLogits);
}

void ForwardPass::measure_head(const DeviceMatrix& hidden, std::span<const std::int32_t> rows,
                               Observer& observer) {
  const Operations& head = model_.head();
  const auto last =
      std::find_if(head.rbegin(), head.rend(), [](const auto& step) { return step->is_site(); });
  operate_on_rows(std::span(head).first(static_cast<std::size_t>(head.rend() - last)), hidden, rows,
                  &observer);
}

std::unique_ptr<DeviceMatrix> ForwardPass::from_store(HiddenStore& store, std::int64_t first,
                                                      const Batch& batch) {
  const std::int64_t width = model_.hidden_cols();
  auto hidden = device_.allocate(batch.rows(), width);
  if (const Matrix memory = device_.host_memory(*hidden); memory.data != nullptr) {
    store.read(first, memory);
    return hidden;
  }
  std::vector<float> staged(static_cast<std::size_t>(batch.rows() * width));
  const Matrix matrix{staged.data(), batch.rows(), width, width};
  store.read(first, matrix);
  device_.upload(matrix, *hidden, 0);
  return hidden;
}

void ForwardPass::to_store(HiddenStore& store, std::int64_t first, const DeviceMatrix& hidden) {
  const std::int64_t width = hidden.cols();
  std::vector<float> staged(static_cast<std::size_t>(hidden.rows() * width));
  const Matrix matrix{staged.data(), hidden.rows(), width, width};
  device_.download(hidden, matrix, 0);
  store.write(first, matrix);
}

void ForwardPass::run(const std::vector<Batch>& batches, HiddenStore& store, const Wanted& wanted) {
  const int end = wanted.layers < 0 ? model_.layers() : std::min(wanted.layers, model_.layers());
  for (int stage = -1; stage < end; ++stage) {
    if (wanted.before) wanted.before(stage);
    const bool twice = stage >= 0 && wanted.between;
    if (twice) rehearse(stage, batches, store, wanted);
    Observer* observer = twice ? nullptr : wanted.observer;
    std::int64_t first = 0;
    for (const Batch& batch : batches) {
      auto hidden = stage < 0 ? embed(batch) : from_store(store, first, batch);
      if (stage >= 0) layer(stage, batch, hidden, observer);
      if (observer != nullptr) observer->after_layer(stage, batch, *hidden);
      to_store(store, first, *hidden);
      first += batch.rows();
    }
  }
  if (wanted.before) wanted.before(end);
  if (end < model_.layers()) return;
  if (wanted.logits || (wanted.head_sites && wanted.observer != nullptr)) run_head(batches, store, wanted);
}

// What comes out is dropped: it is for the observer.
void ForwardPass::rehearse(int stage, const std::vector<Batch>& batches, HiddenStore& store,
                           const Wanted& wanted) {
  std::int64_t first = 0;
  for (const Batch& batch : batches) {
    auto hidden = from_store(store, first, batch);
    layer(stage, batch, hidden, wanted.observer);
    if (wanted.observer != nullptr) wanted.observer->after_layer(stage, batch, *hidden);
    first += batch.rows();
  }
  wanted.between(stage);
  reload();
}

void ForwardPass::run_head(const std::vector<Batch>& batches, HiddenStore& store, const Wanted& wanted) {
  std::int64_t first = 0;
  for (std::size_t b = 0; b < batches.size(); ++b) {
    const Batch& batch = batches[b];
    const auto hidden = from_store(store, first, batch);
    std::vector<std::int32_t> rows(wanted.last_only ? batch.texts() : batch.tokens.size());
    std::iota(rows.begin(), rows.end(), 0);
    if (wanted.last_only)
      for (std::int32_t& row : rows)
        row = static_cast<std::int32_t>(batch.begins[static_cast<std::size_t>(row) + 1] - 1);
    for (std::size_t done = 0; done < rows.size();) {
      const std::size_t count = std::min(rows.size() - done, static_cast<std::size_t>(wanted.head_rows));
      const std::span<const std::int32_t> some(rows.data() + done, count);
      if (wanted.logits)
        wanted.logits(b, static_cast<std::int64_t>(done), *head(*hidden, some, wanted.observer));
      else
        measure_head(*hidden, some, *wanted.observer);
      done += count;
    }
    first += batch.rows();
  }
}

std::vector<Batch> make_batches(std::span<const std::vector<std::int32_t>> texts, std::int64_t rows) {
  std::vector<Batch> batches;
  for (const std::vector<std::int32_t>& text : texts) {
    const auto length = static_cast<std::int64_t>(text.size());
    if (length == 0) continue;
    if (batches.empty() || batches.back().rows() + length > rows) batches.emplace_back();
    batches.back().append(text);
  }
  return batches;
}

}  // namespace pq
