#include "chat/number_text.hpp"

#include "chat/template_error.hpp"
#include "chat/text.hpp"

#include <algorithm>
#include <charconv>
#include <limits>

namespace pq::jinja {
namespace {

char lower_ascii(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_letter_or_digit(char c) { return is_digit(c) || (lower_ascii(c) >= 'a' && lower_ascii(c) <= 'z'); }

// Underscores stand between digits only.
std::optional<std::string> without_underscores(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '_') {
      out += lower_ascii(text[i]);
      continue;
    }
    if (i == 0 || i + 1 == text.size() || !is_letter_or_digit(text[i - 1]) ||
        !is_letter_or_digit(text[i + 1]))
      return std::nullopt;
  }
  return out;
}

// "+12" -> sign and the rest.
bool take_sign(std::string_view& text) {
  const bool negative = text.starts_with('-');
  if (negative || text.starts_with('+')) text.remove_prefix(1);
  return negative;
}

int take_prefix(std::string_view& text, int base) {
  constexpr std::pair<char, int> kPrefixes[] = {{'x', 16}, {'o', 8}, {'b', 2}};
  for (const auto& [letter, value] : kPrefixes) {
    if ((base != 0 && base != value) || text.size() < 2 || text[0] != '0' || lower_ascii(text[1]) != letter)
      continue;
    text.remove_prefix(2);
    if (text.starts_with('_')) text.remove_prefix(1);
    return value;
  }
  return base == 0 ? 10 : base;
}

}  // namespace

std::optional<std::int64_t> parse_integer(std::string_view text, int base) {
  text = strip(text, std::nullopt, true, true);
  const bool negative = take_sign(text);
  const bool any_base = base == 0;
  base = take_prefix(text, base);
  const auto digits = without_underscores(text);
  if (!digits || digits->empty()) return std::nullopt;
  if (any_base && base == 10 && digits->front() == '0' && digits->find_first_not_of('0') != std::string::npos)
    return std::nullopt;
  std::uint64_t value = 0;
  const char* end = digits->data() + digits->size();
  const auto result = std::from_chars(digits->data(), end, value, base);
  if (result.ec == std::errc::invalid_argument || result.ptr != end) return std::nullopt;
  constexpr auto kLimit = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
  if (result.ec != std::errc() || value > kLimit) throw TemplateError("an integer needs more than 64 bits");
  return negative ? -static_cast<std::int64_t>(value) : static_cast<std::int64_t>(value);
}

std::optional<double> parse_float(std::string_view text) {
  text = strip(text, std::nullopt, true, true);
  const bool negative = take_sign(text);
  const auto digits = without_underscores(text);
  if (!digits || digits->empty()) return std::nullopt;
  const double sign = negative ? -1 : 1;
  if (*digits == "inf" || *digits == "infinity") return sign * std::numeric_limits<double>::infinity();
  if (*digits == "nan") return std::numeric_limits<double>::quiet_NaN();
  if (!is_digit(digits->front()) && digits->front() != '.') return std::nullopt;
  double value = 0;
  const char* end = digits->data() + digits->size();
  const auto result = std::from_chars(digits->data(), end, value);
  if (result.ec == std::errc::invalid_argument || result.ptr != end) return std::nullopt;
  if (result.ec == std::errc::result_out_of_range) {
    // Python gives infinity or zero; the exponent's sign tells which.
    value = digits->find("e-") != std::string::npos ? 0 : std::numeric_limits<double>::infinity();
  }
  return sign * value;
}

}  // namespace pq::jinja
