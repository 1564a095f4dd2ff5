// Where the plugins of these tests are.
#pragma once

#include "base/support.hpp"

#include <filesystem>
#include <string>

namespace pq::test {

inline std::filesystem::path plugin(const std::string& name) {
  return std::filesystem::path(PQ_TEST_PLUGINS) / (name + ".so");
}

}  // namespace pq::test
