#include "report/text_table.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace pq {
namespace {

// Characters rather than bytes: continuation bytes of UTF-8 take no column.
std::size_t width(const std::string& text) {
  return static_cast<std::size_t>(std::count_if(
      text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0u) != 0x80u; }));
}

// Length of the control character at the begin of the text: C0 and delete take a byte, C1 two in UTF-8.
std::size_t control_length(std::string_view text) {
  const auto byte = static_cast<unsigned char>(text[0]);
  if (byte < 0x20 || byte == 0x7F) return 1;
  const bool is_c1 = byte == 0xC2 && text.size() > 1 && static_cast<unsigned char>(text[1]) >= 0x80 &&
                     static_cast<unsigned char>(text[1]) < 0xA0;
  return is_c1 ? 2 : 0;
}

std::string escaped(std::string_view text, std::string_view allowed) {
  std::string result;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const std::size_t length = control_length(text.substr(i));
    if (length == 0 || allowed.find(text[i]) != std::string_view::npos) {
      result += text[i];
      continue;
    }
    i += length - 1;
    result += fmt::format("\\x{:02x}", static_cast<unsigned char>(text[i]));
  }
  return result;
}

// Cells of one line each.
std::vector<std::vector<std::string>> one_line_cells(std::vector<std::vector<std::string>> rows) {
  for (auto& row : rows)
    for (std::string& cell : row) cell = escaped(cell, "");
  return rows;
}

}  // namespace

std::string printable(std::string_view text) { return escaped(text, "\n\t"); }

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
