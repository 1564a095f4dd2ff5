// Tables for the terminal.
#pragma once

#include <polyquant/base/export.hpp>

#include <string>
#include <string_view>
#include <vector>

namespace pq {

/// The text for a terminal: control characters but line breaks become \xNN, so that a name from a file cannot steer it.
PQ_API std::string printable(std::string_view text);

/// Columns of text, separated by two blanks; the last one is not padded. Numbers are right-aligned where `right` says so.
PQ_API std::string text_table(const std::vector<std::vector<std::string>>& rows,
                              const std::vector<bool>& right = {});

}  // namespace pq
