#include "plugin/registry.hpp"

#include "base/support.hpp"

#include <polyquant/base/log.hpp>

#include <catch2/catch.hpp>

using namespace pq;
namespace fs = std::filesystem;

namespace {

// Sets a variable of the environment for one test.
class Variable {
 public:
  Variable(const char* name, const char* value) : name_(name) {
    if (const char* old = std::getenv(name)) old_ = old;
    if (value != nullptr)
      ::setenv(name, value, 1);
    else
      ::unsetenv(name);
  }
  ~Variable() {
    if (old_.empty())
      ::unsetenv(name_);
    else
      ::setenv(name_, old_.c_str(), 1);
  }
  Variable(const Variable&) = delete;
  Variable& operator=(const Variable&) = delete;

 private:
  const char* name_;
  std::string old_;
};

}  // namespace

TEST_CASE("plugin search path: the command line, then the environment, then the installation",
          "[plugin][unit]") {
  const test::TempFolder folder;
  const Variable variable("POLYQUANT_PLUGIN_PATH", "/first::/second:");
  const std::vector<fs::path> path = plugin_search_path({folder.path()});
  REQUIRE(path.size() == 4);
  CHECK(path[0] == folder.path());
  CHECK(path[1] == "/first");
  CHECK(path[2] == "/second");
  CHECK_THAT(path[3].string(), Catch::EndsWith("/lib/polyquant/plugins"));
}

TEST_CASE("plugin search path: a folder that the user named must exist", "[plugin][unit]") {
  CHECK_THROWS_AS(plugin_search_path({"/there/is/no/such/folder"}), ConfigError);
}

TEST_CASE("plugin search path: folders of the environment that are missing are said", "[plugin][unit]") {
  const test::TempFolder folder;
  const std::string list = folder.path().string() + ":/nowhere";
  const Variable variable("POLYQUANT_PLUGIN_PATH", list.c_str());
  std::string said;
  const auto old = log::set_sink([&](log::Level, std::string_view message) { said += message; });
  plugin_search_path({});
  log::set_sink(old);
  CHECK(said == "POLYQUANT_PLUGIN_PATH: /nowhere: there is no such folder");
}

TEST_CASE("data folder: lies beside the library, or where POLYQUANT_DATA says", "[plugin][unit]") {
  {
    const Variable variable("POLYQUANT_DATA", nullptr);
    CHECK_THAT(data_folder().string(), Catch::EndsWith("/share/polyquant"));
    CHECK(fs::is_directory(data_folder()));
  }
  const Variable variable("POLYQUANT_DATA", "/elsewhere");
  CHECK(data_folder() == "/elsewhere");
}
