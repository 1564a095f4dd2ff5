#include "golden_dir.hpp"

namespace pq_test {

std::filesystem::path golden_dir() { return PQ_GOLDEN_DIR; }

}  // namespace pq_test
