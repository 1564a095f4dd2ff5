// Where the golden data lies.
#pragma once

#include <filesystem>

namespace pq_test {

/// The folder tests/golden of the source tree.
std::filesystem::path golden_dir();

}  // namespace pq_test
