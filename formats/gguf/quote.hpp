// Names from files, made fit for messages.
#pragma once

#include <string>
#include <string_view>

namespace pq::gguf {

/// The text in single quotes; control characters and invalid UTF-8 as \xNN, long texts cut. For messages: the text may come from a
/// hostile file.
std::string quote(std::string_view text);

}  // namespace pq::gguf
