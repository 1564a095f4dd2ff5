#include "session.hpp"

#include <polyquant/base/error.hpp>

#include <catch2/catch.hpp>

#include <filesystem>
#include <new>
#include <string>

using pq::cli::describe;

namespace {

pq::cli::Failure of(void (*action)()) {
  try {
    action();
  } catch (const std::exception& error) {
    return describe(error);
  }
  return {};
}

}  // namespace

TEST_CASE("failure: each kind of error has its exit code", "[cli][failure]") {
  CHECK(describe(pq::ConfigError("x")).exit_code == 2);
  CHECK(describe(pq::FormatError("x")).exit_code == 3);
  CHECK(describe(pq::ResourceError("x")).exit_code == 4);
  CHECK(describe(pq::VerifyError("x")).exit_code == 5);
  CHECK(describe(pq::PluginError("x")).exit_code == 6);
  CHECK(describe(pq::Interrupted("x")).exit_code == 130);
}

TEST_CASE("failure: no memory is exit code 4", "[cli][failure]") {
  CHECK(describe(std::bad_alloc()).exit_code == 4);
  CHECK(describe(std::bad_alloc()).message == "out of memory");
}

TEST_CASE("failure: what is not ours is an internal error", "[cli][failure]") {
  const auto failure = describe(std::runtime_error("vector is odd"));
  CHECK(failure.exit_code == 1);
  CHECK(failure.message == "internal error: vector is odd (please report this)");
}

TEST_CASE("failure: nested errors become one sentence with the code of the cause", "[cli][failure]") {
  const auto failure = of([] {
    try {
      throw pq::ResourceError("out.gguf: no space left on device");
    } catch (...) {
      std::throw_with_nested(pq::FormatError("tensor 'a.weight'"));
    }
  });
  CHECK(failure.message == "tensor 'a.weight': out.gguf: no space left on device");
  CHECK(failure.exit_code == 4);
}

TEST_CASE("failure: a name that the system refuses is the user's", "[cli][failure]") {
  const auto failure = of([] { static_cast<void>(std::filesystem::file_size(std::string(300, 'x'))); });
  CHECK(failure.exit_code == 2);
  CHECK_THAT(failure.message, Catch::Contains("too long"));
}

TEST_CASE("failure: what a terminal would obey is shown as text", "[cli][failure]") {
  CHECK(describe(pq::FormatError("tensor 'a\x1b[31m\x07' \xC2\x9B \xFF \xC3\xA9\n")).message ==
        "tensor 'a\\x1b[31m\\x07' \\xc2\\x9b \\xff \xC3\xA9\n");
}
