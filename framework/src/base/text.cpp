#include <polyquant/base/text.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <iterator>

namespace pq {
namespace {

// Longer words are no misspelt names; the bound keeps hostile input cheap.
constexpr std::size_t kLongestName = 100;

// Insertions, deletions, replacements and swaps of neighbours (optimal string alignment).
std::size_t edit_distance(std::string_view a, std::string_view b) {
  const std::size_t width = b.size() + 1;
  std::vector<std::size_t> before_last(width), last(width), current(width);
  for (std::size_t j = 0; j < width; ++j) last[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    current[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t replaced = last[j - 1] + (a[i - 1] == b[j - 1] ? 0u : 1u);
      current[j] = std::min({last[j] + 1, current[j - 1] + 1, replaced});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
        current[j] = std::min(current[j], before_last[j - 2] + 1);
    }
    before_last.swap(last);
    last.swap(current);
  }
  return last[b.size()];
}

// Length of the UTF-8 sequence at the start of `text`, 0 if it is malformed (Unicode 15, table 3-7).
std::size_t sequence_length(std::string_view text) noexcept {
  const auto byte = [&](std::size_t i) { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0u; };
  const auto continues = [&](std::size_t i) { return (byte(i) & 0xC0u) == 0x80u; };
  const unsigned lead = byte(0);
  if (lead < 0x80) return 1;
  if (lead >= 0xC2 && lead <= 0xDF) return continues(1) ? 2 : 0;
  if (lead >= 0xE0 && lead <= 0xEF) {
    if (!continues(1) || !continues(2)) return 0;
    if (lead == 0xE0 && byte(1) < 0xA0) return 0;  // overlong
    if (lead == 0xED && byte(1) > 0x9F) return 0;  // surrogate
    return 3;
  }
  if (lead >= 0xF0 && lead <= 0xF4) {
    if (!continues(1) || !continues(2) || !continues(3)) return 0;
    if (lead == 0xF0 && byte(1) < 0x90) return 0;  // overlong
    if (lead == 0xF4 && byte(1) > 0x8F) return 0;  // above U+10FFFF
    return 4;
  }
  return 0;
}

// Names are often written without the marks between their words: q4km, fp8-e4m3.
std::string without_marks(std::string_view name) {
  std::string bare;
  std::copy_if(name.begin(), name.end(), std::back_inserter(bare),
               [](char c) { return c != '_' && c != '-'; });
  return bare;
}

bool begins_with_words(std::string_view name, std::string_view words) {
  for (std::size_t end = name.find('_'); end != std::string_view::npos; end = name.find('_', end + 1))
    if (without_marks(name.substr(0, end)) == without_marks(words)) return true;
  return false;
}

}  // namespace

std::optional<std::string> nearest(std::string_view word, const std::vector<std::string>& candidates) {
  if (word.empty() || word.size() > kLongestName) return std::nullopt;
  std::string lower(word);  // names here are in lower case, other programs write "Q4_K_M"
  for (char& letter : lower)
    if (letter >= 'A' && letter <= 'Z') letter = static_cast<char>(letter - 'A' + 'a');
  word = lower;
  for (const std::string& candidate : candidates)
    if (without_marks(candidate) == without_marks(word)) return candidate;
  // "q4_k" is rather the beginning of "q4_k_m" than a misspelt "q2_k".
  constexpr std::size_t kMeantAsBeginning = 3;
  if (word.size() >= kMeantAsBeginning)
    for (const std::string& candidate : candidates)
      if (begins_with_words(candidate, word)) return candidate;
  const std::size_t limit = std::max<std::size_t>(1, word.size() / 3);
  const std::string* best = nullptr;
  std::size_t best_distance = limit + 1;
  for (const std::string& candidate : candidates) {
    if (candidate.size() > kLongestName) continue;
    const std::size_t distance = edit_distance(word, candidate);
    if (distance >= best_distance) continue;
    best = &candidate;
    best_distance = distance;
  }
  if (best == nullptr) return std::nullopt;
  return *best;
}

std::string suggestion(std::string_view word, const std::vector<std::string>& candidates) {
  if (const auto best = nearest(word, candidates)) return "; did you mean '" + *best + "'?";
  if (candidates.empty()) return "";
  constexpr std::size_t kMostNames = 12;
  std::string text = "; known: ";
  for (std::size_t i = 0; i < std::min(candidates.size(), kMostNames); ++i) {
    if (i > 0) text += ", ";
    text += candidates[i];
  }
  return candidates.size() > kMostNames ? text + ", ..." : text;
}

std::string format_bytes(std::uint64_t bytes) {
  if (bytes < 1024) return fmt::format("{} B", bytes);
  constexpr std::array<const char*, 6> kUnits = {"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  double value = static_cast<double>(bytes) / 1024.0;
  std::size_t unit = 0;
  while (value >= 1023.995 && unit + 1 < kUnits.size()) {  // would be printed as 1024.00
    value /= 1024.0;
    ++unit;
  }
  return fmt::format("{:.2f} {}", value, kUnits[unit]);
}

bool is_utf8(std::string_view text) noexcept {
  while (!text.empty()) {
    const std::size_t length = sequence_length(text);
    if (length == 0) return false;
    text.remove_prefix(length);
  }
  return true;
}

}  // namespace pq
