// Warnings that a component logs become part of the plan: who reads its JSON does not see the log.
#pragma once

#include <polyquant/base/log.hpp>

#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

namespace pq {

/// Keeps the warnings that are logged while it lives; everything else goes where it went before, and so do the warnings if an
/// exception ends its life: there will be no plan.
class KeptWarnings {
 public:
  KeptWarnings() : state_(std::make_shared<State>()) {
    const std::lock_guard lock(state_->mutex);  // nobody is in the new sink before the old one is known
    state_->before = log::set_sink([state = state_](log::Level level, std::string_view message) {
      const std::lock_guard inside(state->mutex);
      if (level == log::Level::warning)
        state->texts.emplace_back(message);
      else if (state->before)
        state->before(level, message);
    });
  }
  ~KeptWarnings() {
    log::set_sink(state_->before);
    if (std::uncaught_exceptions() <= exceptions_) return;
    try {
      for (const std::string& text : texts()) log::warning(text);
    } catch (...) {  // the one that is in flight says more
    }
  }
  KeptWarnings(const KeptWarnings&) = delete;
  KeptWarnings& operator=(const KeptWarnings&) = delete;

  std::vector<std::string> texts() const {
    const std::lock_guard lock(state_->mutex);
    return state_->texts;
  }

 private:
  struct State {
    std::mutex mutex;
    std::function<void(log::Level, std::string_view)> before;
    std::vector<std::string> texts;
  };
  std::shared_ptr<State> state_;
  int exceptions_ = std::uncaught_exceptions();
};

}  // namespace pq
