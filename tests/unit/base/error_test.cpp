#include <polyquant/base/error.hpp>

#include "base/support.hpp"

#include <catch2/catch.hpp>

using namespace pq;

TEST_CASE("errors: each kind has its exit code of the command line", "[base][unit]") {
  CHECK(ConfigError("").exit_code() == 2);
  CHECK(FormatError("").exit_code() == 3);
  CHECK(ResourceError("").exit_code() == 4);
  CHECK(VerifyError("").exit_code() == 5);
  CHECK(PluginError("").exit_code() == 6);
  CHECK(Interrupted("").exit_code() == 130);
}

TEST_CASE("errors: an assertion names the condition and the file without its folder", "[base][unit]") {
  const int two = 2;
  const std::string text = test::message_of<InternalError>([&] { PQ_ASSERT(two == 3, "two is three"); });
  CHECK_THAT(text, Catch::Contains("two is three") && Catch::Contains("two == 3") &&
                       Catch::Contains("(error_test.cpp:"));
}
