// The reference page on chat templates.
#pragma once

#include <string>

namespace pq::cli {

/// The page without the notice of its origin.
std::string chat_reference();

}  // namespace pq::cli
