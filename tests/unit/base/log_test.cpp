#include <polyquant/base/log.hpp>

#include <catch2/catch.hpp>

#include <string>
#include <thread>
#include <vector>

using namespace pq;

TEST_CASE("log: without a sink messages are dropped", "[base][unit]") {
  CHECK_NOTHROW(log::warning("nobody listens"));
}

TEST_CASE("log: the sink gets level and text, from one thread at a time", "[base][unit]") {
  std::vector<std::string> seen;  // not protected: the log must do that
  auto old = log::set_sink([&](log::Level level, std::string_view text) {
    if (level == log::Level::warning) seen.emplace_back(text);
  });
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([] {
      for (int i = 0; i < 100; ++i) {
        log::warning("careful");
        log::debug("detail");
      }
    });
  for (std::thread& thread : threads) thread.join();
  log::set_sink(std::move(old));
  CHECK(seen == std::vector<std::string>(400, "careful"));
}
