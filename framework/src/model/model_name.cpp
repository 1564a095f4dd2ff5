#include "model/model_name.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <vector>

namespace pq {
namespace {

bool digit(char c) { return c >= '0' && c <= '9'; }
bool letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }
char upper(char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c; }

std::string lowered(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(), lower);
  return out;
}

bool take(std::string_view& text, std::string_view prefix) {
  if (!text.starts_with(prefix)) return false;
  text.remove_prefix(prefix.size());
  return true;
}

bool take_digits(std::string_view& text) {
  std::size_t n = 0;
  while (n < text.size() && digit(text[n])) ++n;
  text.remove_prefix(n);
  return n > 0;
}

bool take_any(std::string_view& text, std::string_view characters) {
  if (text.empty() || characters.find(text[0]) == std::string_view::npos) return false;
  text.remove_prefix(1);
  return true;
}

// (v|iter)?\d+([.]\d+)*
bool is_version(std::string_view text) {
  if (!take(text, "v")) take(text, "iter");
  if (!take_digits(text)) return false;
  while (take(text, "."))
    if (!take_digits(text)) return false;
  return text.empty();
}

// i?q\d(_\w)*  or  b?fp?(16|32)
bool is_type(std::string_view text) {
  std::string_view rest = text;
  take(rest, "i");
  if (take(rest, "q") && take_any(rest, "0123456789")) {
    while (rest.size() >= 2 && rest[0] == '_' && (letter(rest[1]) || digit(rest[1]) || rest[1] == '_'))
      rest.remove_prefix(2);
    if (rest.empty()) return true;
  }
  rest = text;
  take(rest, "b");
  if (!take(rest, "f")) return false;
  take(rest, "p");
  return rest == "16" || rest == "32";
}

// \d+([._]\d+)?[KMBT]\d?
bool is_number_size(std::string_view text) {
  if (!take_digits(text)) return false;
  if (take_any(text, "._") && !take_digits(text)) return false;
  if (!take_any(text, "kmbt")) return false;
  take_any(text, "0123456789");
  return text.empty();
}

bool is_size(std::string_view text) {
  for (const std::string_view word : {"small", "mini", "medium", "large", "xl", "xxl"})
    if (text == word) return true;
  std::string_view rest = text;
  if (take(rest, "a") && is_number_size(rest)) return true;
  rest = text;
  if (take_digits(rest) && take(rest, "x") && is_number_size(rest)) return true;
  return is_number_size(text);
}

struct Part {
  std::string text;
  bool basename = false, size = false, finetune = false, version = false, type = false;
  bool annotated() const { return basename || size || finetune || version || type; }
};

void annotate_size(Part& part, std::int64_t parameters) {
  std::string& text = part.text;
  std::replace(text.begin(), text.end(), '_', '.');
  const auto last = [&] { return text.back(); };
  // "7b1" is 7.1B.
  if (digit(last())) text = text.substr(0, text.size() - 2) + "." + text.back() + text[text.size() - 2];
  if (text.size() > 1 && digit(text[text.size() - 2]) &&
      std::string_view("kmbt").find(last()) != std::string_view::npos)
    text.back() = upper(last());
  const std::size_t unit = std::string_view(" KMBT").find(last());
  double count = 0;
  const char* end = text.data() + text.size() - 1;
  const auto [parsed_end, error] = std::from_chars(text.data(), end, count);
  if (parameters != 0 && error == std::errc() && parsed_end == end && unit != std::string_view::npos) {
    const double size = count * std::pow(1000.0, static_cast<double>(unit));
    // Far from the real size: a context length.
    if (std::abs(size - static_cast<double>(parameters)) > static_cast<double>(7 * parameters / 8)) {
      part.finetune = true;
      text.back() = lower(last());
    }
  }
  if (!part.annotated()) part.size = true;
}

void annotate(std::vector<Part>& parts, std::int64_t parameters) {
  for (std::size_t i = 0; i < parts.size(); ++i) {
    Part& part = parts[i];
    const std::string word = lowered(part.text);
    if (is_version(word)) {
      part.version = true;
    } else if (is_type(word)) {
      part.type = true;
      std::transform(part.text.begin(), part.text.end(), part.text.begin(), upper);
    } else if (i > 0 && is_size(word)) {
      annotate_size(part, parameters);
    } else if (i > 0 && (word == "chat" || word == "instruct" || word == "vision" || word == "lora")) {
      part.finetune = true;
    }
  }
  const auto has_digit = [](const Part& p) {
    return p.size && std::any_of(p.text.begin(), p.text.end(), digit);
  };
  if (std::any_of(parts.begin(), parts.end(), has_digit))
    for (Part& part : parts)
      if (part.size && std::all_of(part.text.begin(), part.text.end(), letter)) part.size = false;
}

void find_basename(std::vector<Part>& parts) {
  bool at_start = true;
  for (Part& part : parts) {
    if (at_start && ((!part.annotated() && letter(part.text[0])) || part.version)) {
      part.basename = true;
    } else {
      at_start = false;
      if (!part.annotated()) part.finetune = true;
    }
  }
  for (auto part = parts.rbegin(); part != parts.rend() && part->basename && part->version; ++part)
    part->basename = false;
}

template <class Wanted>
std::string join(const std::vector<Part>& parts, Wanted wanted, bool unique = false) {
  std::vector<std::string> texts;
  for (const Part& part : parts) {
    if (!wanted(part)) continue;
    if (unique && std::find(texts.begin(), texts.end(), part.text) != texts.end()) continue;
    texts.push_back(part.text);
  }
  return fmt::format("{}", fmt::join(texts, "-"));
}

}  // namespace

ModelNameParts parse_model_name(std::string_view id, std::int64_t parameters) {
  ModelNameParts result;
  if (id.find(' ') != std::string_view::npos) {
    result.full_name = id;
    return result;
  }
  const std::size_t slash = id.find('/');
  if (slash != std::string_view::npos) {
    result.organization = id.substr(0, slash);
    if (result.organization.starts_with('.')) result.organization.clear();
    id.remove_prefix(slash + 1);
  }
  result.full_name = id;
  std::vector<Part> parts;
  for (std::size_t start = 0; start <= id.size();) {
    const std::size_t dash = std::min(id.find('-', start), id.size());
    if (dash > start) parts.push_back({std::string(id.substr(start, dash - start))});
    start = dash + 1;
  }
  annotate(parts, parameters);
  find_basename(parts);
  result.basename = join(parts, [](const Part& p) { return p.basename; });
  result.size_label = join(
      parts, [](const Part& p) { return p.size; }, true);
  result.finetune = join(parts, [](const Part& p) { return p.finetune; });
  result.version = join(parts, [](const Part& p) { return p.version && !p.basename; });
  if (result.size_label.empty() && result.finetune.empty() && result.version.empty())
    result.basename.clear();  // too little to tell
  return result;
}

std::string title_of(std::string_view name) {
  std::vector<std::string> words(1);
  for (const char c : name) {
    if (c == '-' || c == ' ' || c == '\t' || c == '\n')
      words.emplace_back();
    else
      words.back() += c;
  }
  std::erase_if(words, [](const std::string& word) { return word.empty(); });
  for (std::string& word : words) {
    const bool any_letter = std::any_of(word.begin(), word.end(), letter);
    if (!any_letter || word != lowered(word) || digit(word[0]) || (word[0] == 'v' && is_version(word)))
      continue;
    for (std::size_t i = 0; i < word.size(); ++i)
      if (i == 0 || !letter(word[i - 1])) word[i] = upper(word[i]);
  }
  return fmt::format("{}", fmt::join(words, " "));
}

std::string size_label(std::int64_t parameters, std::int64_t experts) {
  const auto count = static_cast<double>(parameters);
  constexpr std::pair<double, char> kUnits[] = {{1e12, 'T'}, {1e9, 'B'}, {1e6, 'M'}};
  double unit = 1e3;
  char suffix = 'K';
  for (const auto& [size, name] : kUnits) {
    if (count <= size) continue;
    unit = size;
    suffix = name;
    break;
  }
  const double scaled = count / unit;
  const double rounded = std::nearbyint(scaled);
  const int digits = rounded == 0 ? 0 : static_cast<int>(fmt::format("{:.0f}", rounded).size());
  const std::string text = fmt::format("{:.{}f}{}", scaled, std::max(2 - digits, 0), suffix);
  return experts > 0 ? fmt::format("{}x{}", experts, text) : text;
}

}  // namespace pq
