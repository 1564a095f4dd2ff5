#include "report/text_table.hpp"

#include "base/printable.hpp"

#include <algorithm>

namespace pq {
namespace {

// Characters rather than bytes: continuation bytes of UTF-8 take no column.
std::size_t width(const std::string& text) {
  return static_cast<std::size_t>(std::count_if(
      text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0u) != 0x80u; }));
}

// Cells of one line each.
std::vector<std::vector<std::string>> one_line_cells(std::vector<std::vector<std::string>> rows) {
  for (auto& row : rows)
    for (std::string& cell : row) {
      const std::string shown = printable(cell);
      cell.clear();
      for (const char c : shown)
        if (c == '\n' || c == '\t')
          cell += c == '\n' ? "\\x0a" : "\\x09";
        else
          cell += c;
    }
  return rows;
}

}  // namespace

std::string text_table(const std::vector<std::vector<std::string>>& table, const std::vector<bool>& right) {
  const std::vector<std::vector<std::string>> rows = one_line_cells(table);
  std::vector<std::size_t> widths;
  for (const auto& row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (std::size_t c = 0; c < row.size(); ++c) widths[c] = std::max(widths[c], width(row[c]));
  }
  std::string out;
  for (const auto& row : rows) {
    std::string line;
    for (std::size_t c = 0; c < row.size(); ++c) {
      const std::string padding(widths[c] - width(row[c]), ' ');
      const bool align_right = c < right.size() && right[c];
      line += (c == 0 ? "" : "  ") + (align_right ? padding + row[c] : row[c] + padding);
    }
    line.erase(line.find_last_not_of(' ') + 1);
    out += line + "\n";
  }
  return out;
}

}  // namespace pq
