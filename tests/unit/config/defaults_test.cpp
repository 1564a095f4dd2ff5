#include "config/defaults.hpp"
#include "base/support.hpp"
#include "plugin/registry.hpp"

#include <polyquant/base/error.hpp>

#include <catch2/catch.hpp>

#include <cstdlib>
#include <filesystem>

using namespace pq;
using test::message_of;

namespace {

/// A data folder whose defaults are this text, or that has none.
class Data {
 public:
  explicit Data(const char* text) {
    if (text != nullptr) {
      std::filesystem::create_directories(folder_ / "defaults");
      test::write_file(file(), text);
    }
    ::setenv("POLYQUANT_DATA", folder_.path().c_str(), 1);
  }
  ~Data() { ::unsetenv("POLYQUANT_DATA"); }
  Data(const Data&) = delete;
  Data& operator=(const Data&) = delete;
  std::filesystem::path file() const { return folder_ / "defaults" / "components.yaml"; }

 private:
  test::TempFolder folder_;
};

}  // namespace

TEST_CASE("defaults: the installation's data name the component", "[config][unit]") {
  const Data data("quantizer: mine\n");
  CHECK(default_component("quantizer") == "mine");
}

TEST_CASE("defaults: help and schemas show them", "[config][unit]") {
  const Data data("quantizer: mine\n");
  for (const PipelineKey& key : output_keys())
    if (key.name == "quantizer") CHECK(default_of(key) == "mine");
  CHECK(default_of({.name = "x", .default_text = "7"}) == "7");
  CHECK(default_of({.name = "x"}).empty());
}

TEST_CASE("defaults: the quantizer that they name is one of this build", "[config][unit]") {
  PluginRegistry registry;
  registry.load_folders(plugin_search_path({}));
  CHECK_NOTHROW(registry.quantizer(Node::scalar(default_component("quantizer"))));
}

TEST_CASE("defaults: a data folder without them gets a sentence with its path", "[config][unit]") {
  const auto message = [] { return message_of<ConfigError>([] { default_component("quantizer"); }); };
  {
    const Data data(nullptr);
    CHECK(message() ==
          data.file().string() + " is missing; set POLYQUANT_DATA to the installation's data folder");
  }
  {
    const Data data("backend: cpu\n");
    CHECK(message() == data.file().string() + ": key 'quantizer' is missing");
  }
  const Data data("quantizer: []\n");
  CHECK_THAT(message(), Catch::Contains(":1:12: "));
}
