#include "plugin/registry.hpp"
#include "support.hpp"

#include <polyquant/testing/measure.hpp>

#include <catch2/catch.hpp>

#include <sstream>

using namespace pq;
using test::message_of;
using test::plugin;
namespace fs = std::filesystem;

namespace {

std::vector<std::string> variants() {
  std::vector<std::string> names;
  std::istringstream list(PQ_TEST_VARIANTS);
  for (std::string name; std::getline(list, name, ',');) names.push_back("variant_" + name);
  return names;
}

// The id of the encoding of a variant: the stripped one is a copy of the plain one.
std::string id_of(const std::string& variant) {
  return variant == "variant_stripped" ? "variant_plain" : variant;
}

}  // namespace

TEST_CASE("plugins: one of any compiler and with any flags is loaded and works", "[plugin]") {
  const std::string name = GENERATE(from_range(variants()));
  CAPTURE(name);
  PluginRegistry registry;
  registry.load(plugin(name));
  REQUIRE(registry.plugins().size() == 1);
  const PluginStatus& status = registry.plugins()[0];
  CHECK(status.ok);
  CHECK(status.name == id_of(name));
  CHECK(status.version == "1.2.3");
  CHECK(status.abi == PQ_ABI_VERSION);
  REQUIRE(status.provides.size() == 1);
  CHECK(status.provides[0].kind == "encoding");
  CHECK(status.provides[0].id == id_of(name));

  const auto encoding = registry.encoding(Node::scalar(id_of(name) + ":bytes=3,note=hello"));
  CHECK(encoding->info().summary == "upper bytes of binary32: hello");
  const testing::Sample sample = testing::gaussian(4, 64, 1);
  const double error = testing::relative_error(sample, testing::stored(*encoding, sample));
  CHECK(error > 0);
  CHECK(error < 0x1p-30);  // 16 significant bits: each value is off by at most 2^-17 of itself
}

TEST_CASE("plugins: an error of the core's types is caught by its type, whoever threw it", "[plugin]") {
  const std::string name = GENERATE(from_range(variants()));
  CAPTURE(name);
  PluginRegistry registry;
  registry.load(plugin(name));
  const auto make = [&](const std::string& options) {
    return message_of<ConfigError>([&] { registry.encoding(Node::scalar(id_of(name) + ":" + options)); });
  };
  CHECK(make("bytes=4") == "'bytes' must be one of 2, 3, got '4'");
  CHECK_THAT(make("byte=2"), Catch::EndsWith("; did you mean 'bytes'?"));
  const auto encoding = registry.find_encoding(id_of(name));
  std::vector<float> importance(3), weights(4);
  std::vector<std::byte> out(8);
  const auto encoder = encoding->encoder({4, importance, Effort::normal});
  CHECK_THROWS_AS(encoder->encode({weights.data(), 1, 4, 4}, out), InternalError);
}

TEST_CASE("plugins: all variants work in one process and give the same bytes", "[plugin]") {
  PluginRegistry registry;
  for (const std::string& name : variants())
    if (name != "variant_stripped") registry.load(plugin(name));
  const testing::Sample sample = testing::gaussian(8, 256, 5);
  const auto expected = testing::encode(*registry.find_encoding("variant_plain"), sample.matrix());
  for (const EncodingEntry* entry : registry.encodings()) {
    CAPTURE(entry->id);
    CHECK(testing::encode(*entry->make(Node()), sample.matrix()) == expected);
  }
}

TEST_CASE("plugins: the first folder that has a file name wins", "[plugin]") {
  const test::TempFolder mine, installed;
  fs::copy_file(plugin("variant_o0"), mine / "a.so");
  fs::copy_file(plugin("variant_plain"), installed / "a.so");
  fs::copy_file(plugin("variant_native"), installed / "b.so");
  PluginRegistry registry;
  registry.load_folders({mine.path(), installed.path()});
  REQUIRE(registry.plugins().size() == 2);
  CHECK(registry.find_encoding("variant_o0") != nullptr);
  CHECK(registry.find_encoding("variant_native") != nullptr);
  CHECK(registry.find_encoding("variant_plain") == nullptr);
}

TEST_CASE("plugins: an unknown id names the nearest one", "[plugin]") {
  PluginRegistry registry;
  registry.load(plugin("variant_plain"));
  CHECK(message_of<ConfigError>([&] { registry.encoding(Node::scalar("variant_plane")); }) ==
        "unknown encoding 'variant_plane'; did you mean 'variant_plain'?");
}

TEST_CASE("plugins: a relative path and a bare file name are found where they are", "[plugin]") {
  const fs::path old = fs::current_path();
  fs::current_path(PQ_TEST_PLUGINS);
  PluginRegistry registry;
  CHECK_NOTHROW(registry.load("variant_plain.so"));
  CHECK_NOTHROW(registry.load("./variant_o0.so"));
  fs::current_path(old);
}
