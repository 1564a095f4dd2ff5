// Tables for the terminal.
#pragma once

#include <polyquant/base/export.hpp>

#include <string>
#include <vector>

namespace pq {

/// Columns of text, separated by two blanks; the last one is not padded. Numbers are right-aligned where `right` says so.
PQ_API std::string text_table(const std::vector<std::vector<std::string>>& rows,
                              const std::vector<bool>& right = {});

}  // namespace pq
