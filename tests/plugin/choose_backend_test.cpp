#include "plan/choose_backend.hpp"
#include "config/environment.hpp"
#include "support.hpp"

#include <catch2/catch.hpp>

using namespace pq;
using test::message_of;

namespace {

const PluginRegistry& registry() {
  static const auto loaded = [] {
    auto registry = std::make_unique<PluginRegistry>();
    registry->load_folders(plugin_search_path({}));
    registry->load(test::plugin("backends"));
    return registry;
  }();
  return *loaded;
}

ChosenBackend choose(const std::string& yaml) {
  return choose_backend(parse_yaml_text(yaml, "p.yaml", true), registry());
}

}  // namespace

TEST_CASE("backend: auto takes the preferred one of those with a device", "[plugin][backend]") {
  CHECK(choose("auto").backend->info().id == "twin");
  CHECK(choose_backend(Node(), registry()).spec == "twin");
  PluginRegistry plain;
  plain.load_folders(plugin_search_path({}));
  CHECK(choose_backend(Node(), plain).backend->info().id == "cpu");
  CHECK_THROWS_AS(choose_backend(Node(), PluginRegistry()), PluginError);
}

TEST_CASE("backend: a device is named by its number, in both forms", "[plugin][backend]") {
  CHECK(choose("{type: twin, device: 1}").device == 1);
  CHECK(choose("'twin:device=1'").device == 1);
  CHECK(choose("twin").device == 0);
  CHECK(message_of<ResourceError>([] { choose("{type: twin, device: 2}"); }) ==
        "p.yaml:1:22: backend 'twin' has no device 2 here; it has 0 (twin 0), 1 (twin 1)");
  CHECK_THROWS_AS(choose("{type: twin, device: one}"), ConfigError);
  CHECK_THROWS_AS(choose("{type: auto, device: 1}"), ConfigError);
}

TEST_CASE("backend: one without a device is an error, with a fallback a warning", "[plugin][backend]") {
  CHECK(message_of<ResourceError>([] { choose("absent"); }) ==
        "p.yaml:1:1: backend 'absent' finds no device on this machine; name another ('cpu' runs everywhere), "
        "or "
        "what to use instead: {type: absent, fallback: cpu}");
  const ChosenBackend other = choose("{type: absent, fallback: cpu}");
  CHECK(other.spec == "cpu");
  REQUIRE(other.warnings.size() == 1);
  CHECK_THAT(other.warnings[0], Catch::Contains("'absent' finds no device") &&
                                    Catch::Contains("'cpu' is used instead, as 'fallback' says"));
}

TEST_CASE("backend: a fallback serves where the plugin is missing, too; its own mistakes are errors",
          "[plugin][backend]") {
  const ChosenBackend other = choose("{type: cuda, fallback: twin}");
  CHECK(other.spec == "twin");
  CHECK_THAT(other.warnings.at(0), Catch::Contains("unknown backend 'cuda'"));
  CHECK_THROWS_AS(choose("{type: twin, fallback: cpv}"), ConfigError);
  CHECK_THROWS_AS(choose("{type: twin, speed: 3}"), ConfigError);
}

TEST_CASE("backend: a fallback is for what this machine lacks, not for mistakes", "[plugin][backend]") {
  CHECK_THROWS_AS(choose("{type: twin, speed: 3, fallback: cpu}"), ConfigError);
  CHECK_THROWS_AS(choose("{type: absent, speed: 3, fallback: cpu}"), ConfigError);
  CHECK_THROWS_AS(choose("{type: twin, device: one, fallback: cpu}"), ConfigError);
  CHECK(choose("{type: twin, device: 2, fallback: cpu}").spec == "cpu");
}
