#include "plan/kept_warnings.hpp"

#include <polyquant/base/error.hpp>

#include <catch2/catch.hpp>

namespace pq {

TEST_CASE("kept warnings: those of a component go to the plan, all else to the log as before", "[plan]") {
  std::vector<std::string> seen;
  const auto old = log::set_sink([&](log::Level, std::string_view text) { seen.emplace_back(text); });
  {
    const KeptWarnings kept;
    log::warning("short last group");
    log::info("continuing");
    REQUIRE(kept.texts() == std::vector<std::string>{"short last group"});
  }
  log::warning("later");
  log::set_sink(old);
  CHECK(seen == std::vector<std::string>{"continuing", "later"});
}

TEST_CASE("kept warnings: those of a plan that fails go to the log", "[plan]") {
  std::vector<std::string> seen;
  const auto old = log::set_sink([&](log::Level, std::string_view text) { seen.emplace_back(text); });
  try {
    const KeptWarnings kept;
    log::warning("short last group");
    throw FormatError("too long");
  } catch (const FormatError& error) {
    seen.emplace_back(error.what());
  }
  log::set_sink(old);
  CHECK(seen == std::vector<std::string>{"short last group", "too long"});
}

}  // namespace pq
