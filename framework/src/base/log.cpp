#include <polyquant/base/log.hpp>

#include <mutex>
#include <utility>

namespace pq::log {
namespace {

struct State {
  std::mutex mutex;
  std::function<void(Level, std::string_view)> sink;
};

// Never destroyed: plugins stay loaded and may log while the program exits.
State& state() {
  static State& instance = *new State;
  return instance;
}

}  // namespace

void write(Level level, std::string_view message) {
  const std::lock_guard lock(state().mutex);
  if (state().sink) state().sink(level, message);
}

std::function<void(Level, std::string_view)> set_sink(std::function<void(Level, std::string_view)> sink) {
  const std::lock_guard lock(state().mutex);
  return std::exchange(state().sink, std::move(sink));
}

}  // namespace pq::log
