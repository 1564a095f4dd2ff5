#include "plugin/registry.hpp"
#include "support.hpp"

#include <catch2/catch.hpp>

#include <cstdlib>

using namespace pq;
using test::message_of;
using test::plugin;
namespace fs = std::filesystem;

namespace {

std::string refusal(const fs::path& library) {
  PluginRegistry registry;
  const std::string message = message_of<PluginError>([&] { registry.load(library); });
  CHECK(registry.plugins().empty());
  CHECK(registry.encodings().empty());  // nothing of it stays
  CHECK_THAT(message, Catch::Contains(library.string()));
  CHECK(message.find('\n') == std::string::npos);
  return message;
}

}  // namespace

TEST_CASE("plugins: one of another ABI is refused before its code runs, with both numbers and the cure",
          "[plugin]") {
  ::unsetenv("PQ_TEST_PLUGIN_CODE_RAN");
  const std::string message = refusal(plugin("wrong_abi"));
  CHECK(message == "plugin " + plugin("wrong_abi").string() +
                       " was built for plugin ABI 999, this program has ABI " +
                       std::to_string(PQ_ABI_VERSION) + "; rebuild it against polyquant " PQ_VERSION_STRING);
  CHECK(std::getenv("PQ_TEST_PLUGIN_CODE_RAN") == nullptr);
}

TEST_CASE("plugins: the ABI number of a refused plugin is recorded", "[plugin]") {
  const test::TempFolder folder;
  fs::copy_file(plugin("wrong_abi"), folder / "late.so");
  PluginRegistry registry;
  registry.load_folders({folder.path()});
  REQUIRE(registry.plugins().size() == 1);
  CHECK_FALSE(registry.plugins()[0].ok);
  CHECK(registry.plugins()[0].abi == 999);
}

TEST_CASE("plugins: a library without the symbol is refused before its code runs", "[plugin]") {
  ::unsetenv("PQ_TEST_PLUGIN_CODE_RAN");
  CHECK(refusal(plugin("no_symbol")) == plugin("no_symbol").string() + ": exports no polyquant_plugin_abi_" +
                                            std::to_string(PQ_ABI_VERSION) +
                                            " symbol: not a polyquant plugin");
  CHECK(std::getenv("PQ_TEST_PLUGIN_CODE_RAN") == nullptr);
}

TEST_CASE("plugins: the core itself is no plugin", "[plugin]") {
  for (const fs::path library : {"/lib/x86_64-linux-gnu/libc.so.6", "/lib/aarch64-linux-gnu/libc.so.6"})
    if (fs::exists(library)) CHECK_THAT(refusal(library), Catch::Contains("not a polyquant plugin"));
}

TEST_CASE("plugins: a descriptor of another size or without its parts is refused", "[plugin]") {
  CHECK_THAT(refusal(plugin("small_descriptor")), Catch::Contains("is no plugin descriptor"));
  CHECK_THAT(refusal(plugin("incomplete_descriptor")), Catch::Contains("descriptor is incomplete"));
}

TEST_CASE("plugins: a missing symbol is found at once and named", "[plugin]") {
  CHECK_THAT(refusal(plugin("unresolved")), Catch::Contains("pq_test_there_is_no_such_function"));
}

TEST_CASE("plugins: one that throws while it registers is refused with what it says", "[plugin]") {
  CHECK_THAT(refusal(plugin("throws_exception")),
             Catch::Contains("misbehaving") && Catch::EndsWith("no table for today"));
  CHECK_THAT(refusal(plugin("throws_config_error")), Catch::EndsWith("a wrong setting"));
  CHECK_THAT(refusal(plugin("throws_int")), Catch::EndsWith("it threw something that is no std::exception"));
}

TEST_CASE("plugins: senseless registrations are refused", "[plugin]") {
  CHECK_THAT(refusal(plugin("registers_twice")),
             Catch::Contains("registers the encoding 'before_trouble' twice"));
  CHECK_THAT(refusal(plugin("bad_id")), Catch::Contains("'Bad Id'"));
  CHECK_THAT(refusal(plugin("no_factory")), Catch::Contains("'no_factory' has no factory"));
}

TEST_CASE("plugins: a factory that makes nothing is the plugin's fault", "[plugin]") {
  PluginRegistry registry;
  registry.load(plugin("makes_nothing"));
  CHECK_THAT(message_of<PluginError>([&] { registry.encoding(Node::scalar("before_trouble")); }),
             Catch::Contains("misbehaving") && Catch::Contains("made nothing"));
}

TEST_CASE("plugins: a second one with the same id is refused, and both are named", "[plugin]") {
  PluginRegistry registry;
  registry.load(plugin("variant_plain"));
  const std::string message = message_of<PluginError>([&] { registry.load(plugin("duplicate")); });
  CHECK_THAT(message, Catch::Contains(plugin("variant_plain").string()) &&
                          Catch::Contains(plugin("duplicate").string()) &&
                          Catch::Contains("encoding 'variant_plain'"));
  CHECK(registry.plugins().size() == 1);
  CHECK(registry.encodings().size() == 1);
}

TEST_CASE("plugins: files that are no libraries are refused", "[plugin]") {
  const test::TempFolder folder;
  test::write_file(folder / "text.so",
                   "This is no library, however long the text may be. " + std::string(1000, '.'));
  test::write_file(folder / "empty.so", "");
  CHECK_THAT(refusal(folder / "text.so"), Catch::EndsWith("cannot be loaded: it is no ELF file"));
  CHECK_THAT(refusal(folder / "empty.so"), Catch::EndsWith("cannot be loaded: it is no ELF file"));
  CHECK_THAT(refusal(folder.path()), Catch::EndsWith("it is a folder"));
  CHECK_THAT(refusal(folder / "none.so"), Catch::EndsWith("No such file or directory"));
}

TEST_CASE("plugins: a truncated library is refused wherever it was cut", "[plugin]") {
  const test::TempFolder folder;
  const std::string whole = test::read_file(plugin("variant_plain"));
  for (std::size_t part = 0; part < 16; ++part) {
    const std::size_t size = part == 15 ? whole.size() - 1 : whole.size() * part / 15;
    CAPTURE(size, whole.size());
    test::write_file(folder / "cut.so", whole.substr(0, size));
    refusal(folder / "cut.so");
  }
}
