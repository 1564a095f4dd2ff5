// Texts from files on their way to a terminal.
#pragma once

#include <polyquant/base/export.hpp>

#include <string>
#include <string_view>

namespace pq {

/// `text` with what a terminal would obey or could not show as "\x1b": control characters but line ends and tabs, the bytes of C1 controls, and
/// bytes that are no UTF-8. Names of tensors and keys stand in messages, and files may hold anything.
PQ_API std::string printable(std::string_view text);

}  // namespace pq
