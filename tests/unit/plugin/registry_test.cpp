// Loading itself is tested with real libraries in tests/plugin.
#include "plugin/registry.hpp"

#include "base/support.hpp"

#include <catch2/catch.hpp>

using namespace pq;
using test::message_of;

TEST_CASE("registry: an empty one knows nothing and says why", "[plugin][unit]") {
  const PluginRegistry registry;
  CHECK(registry.encodings().empty());
  CHECK(registry.find_encoding("q4_0") == nullptr);
  CHECK(registry.device_codec("q4_0", "cuda") == nullptr);
  CHECK(message_of<ConfigError>([&] { registry.encoding(Node::scalar("q4_0")); }) ==
        "unknown encoding 'q4_0'; no plugin provides any encoding; name the folder of the plugins with "
        "--plugin-path");
}

TEST_CASE("registry: missing folders are skipped, broken libraries recorded", "[plugin][unit]") {
  const test::TempFolder folder;
  test::write_file(folder / "b.so", "no library");
  test::write_file(folder / "a.so", "");
  test::write_file(folder / "readme.txt", "ignored");
  PluginRegistry registry;
  registry.load_folders({folder / "none", folder.path(), folder.path()});
  REQUIRE(registry.plugins().size() == 2);
  CHECK(registry.plugins()[0].file == folder / "a.so");
  CHECK_FALSE(registry.plugins()[1].ok);
  CHECK(registry.plugins()[1].error ==
        "plugin " + (folder / "b.so").string() + " cannot be loaded: it is no ELF file");
  CHECK_THAT(message_of<PluginError>([&] { registry.format(Node::scalar("gguf")); }),
             Catch::Contains("a.so, b.so") && Catch::Contains("see `polyquant plugins`"));
}

TEST_CASE("registry: a library that is not there is a plugin error", "[plugin][unit]") {
  PluginRegistry registry;
  CHECK_THROWS_AS(registry.load("/there/is/no/such.so"), PluginError);
  CHECK(registry.plugins().empty());
}
