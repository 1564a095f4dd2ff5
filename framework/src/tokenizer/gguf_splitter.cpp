#include "tokenizer/gguf_splitter.hpp"

#include "tokenizer/pre_tokenizer_structure.hpp"
#include "tokenizer/unicode.hpp"
#include "tokenizer/unicode_classes.hpp"

#include <polyquant/base/error.hpp>

#include <array>
#include <utility>

namespace pq {
namespace {

// llama.cpp runs std::regex on a text with one byte per character: ASCII as it is, white space as \v, others by class (unicode.cpp,
// unicode_regex_split). The two Han classes are ours, for a rule that llama.cpp has written out.
constexpr char kOther = '\xD0', kNumber = '\xD1', kLetter = '\xD2', kPunctuation = '\xD3', kMark = '\xD4',
               kSymbol = '\xD5', kHanLetter = '\xD6', kHanOther = '\xD7';

char class_byte(char32_t character) {
  if (is_whitespace(character)) return '\v';
  switch (char_class_15(character)) {
    case CharClass::number:
      return kNumber;
    case CharClass::letter:
      return kLetter;
    case CharClass::punctuation:
      return kPunctuation;
    case CharClass::mark:
      return kMark;
    case CharClass::symbol:
      return kSymbol;
    default:
      return kOther;
  }
}

bool is_han(char32_t c) {
  constexpr std::array<std::pair<char32_t, char32_t>, 9> kRanges = {{{0x3400, 0x4DBF},
                                                                     {0x4E00, 0x9FFF},
                                                                     {0xF900, 0xFAFF},
                                                                     {0x20000, 0x2A6DF},
                                                                     {0x2A700, 0x2B73F},
                                                                     {0x2B740, 0x2B81F},
                                                                     {0x2B820, 0x2CEAF},
                                                                     {0x2CEB0, 0x2EBEF},
                                                                     {0x2F800, 0x2FA1F}}};
  for (const auto& [first, last] : kRanges)
    if (c >= first && c <= last) return true;
  return false;
}

// The members of a class below 128.
std::string members(std::string_view property) {
  if (property == "Han") return {kHanLetter, kHanOther};
  if (property == "HanL") return {kHanLetter};
  if (property == "N") return {kNumber, '0', '-', '9'};
  if (property == "P") return std::string(1, kPunctuation) + R"(!-#%-*,-\/:-;?-@\[-\]_\{\})";
  if (property == "M") return {kMark};
  if (property == "S") return std::string(1, kSymbol) + R"(\$\+<->\^`\|~)";
  if (property.starts_with('L')) return std::string(1, kLetter) + "A-Za-z";
  return {};
}

// \p{L} and its like as members of a bracket expression on class bytes.
std::string on_classes(const std::string& pattern) {
  std::string out;
  bool inside = false;
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    const bool escaped = i > 0 && pattern[i - 1] == '\\';
    if (pattern.compare(i, 3, "\\p{") == 0) {
      const std::size_t end = pattern.find('}', i);
      const std::string list = end == std::string::npos ? "" : members(pattern.substr(i + 3, end - i - 3));
      if (!list.empty()) {
        out += inside ? list : "[" + list + "]";
        i = end;
        continue;
      }
    }
    if (pattern[i] == '[' && !escaped) inside = true;
    if (pattern[i] == ']' && !escaped) inside = false;
    out += pattern[i];
  }
  return out;
}

bool has_property(const std::string& pattern) { return pattern.find("\\p{") != std::string::npos; }

}  // namespace

// A text by characters.
struct GgufSplitter::Text {
  std::string_view utf8;
  std::vector<std::uint32_t> offsets;  // byte where character i begins, then the length
  std::string classes;                 // one byte per character
  std::string wide;                    // UTF-8 with white space beyond ASCII as \v
  std::vector<std::uint32_t> wide_offsets;

  Text(std::string_view text, bool needs_wide, bool han) : utf8(text) {
    offsets.reserve(text.size() + 1);
    classes.reserve(text.size());
    for (std::size_t at = 0; at < text.size();) {
      const std::size_t begin = at;
      offsets.push_back(static_cast<std::uint32_t>(at));
      const char32_t character = next_character(text, at);
      char kind = character < 128 ? static_cast<char>(character) : class_byte(character);
      if (han && is_han(character)) kind = kind == kLetter ? kHanLetter : kHanOther;
      classes += kind;
      if (!needs_wide) continue;
      wide_offsets.push_back(static_cast<std::uint32_t>(wide.size()));
      if (character >= 128 && kind == '\v')
        wide += '\v';
      else
        wide += text.substr(begin, at - begin);
    }
    offsets.push_back(static_cast<std::uint32_t>(text.size()));
    wide_offsets.push_back(static_cast<std::uint32_t>(wide.size()));
  }
};

namespace {

// Visits the matches in text. After an empty match the search goes on one character later; std::regex_iterator would first look for a longer
// match at the same place, but no expression of the table matches nothing.
template <class Visit>
void for_all_matches(const Regex& regex, std::string_view text, const Visit& visit) {
  for (std::size_t at = 0; at <= text.size();) {
    const Regex::Match match = regex.find(text, at, true);
    if (!match) return;
    visit(match.begin, match.end);
    at = match.end;
    if (match.begin == match.end) at += at < text.size() ? character_bytes(text[at]) : 1;
  }
}

// Digits in groups of three counted from their end; what stands before goes with the incomplete first group.
void cut_digits(std::string_view classes, std::uint32_t begin, std::uint32_t end,
                std::vector<std::uint32_t>& ends) {
  const auto is_number = [&](std::uint32_t i) {
    return classes[i] == kNumber || (classes[i] >= '0' && classes[i] <= '9');
  };
  for (std::uint32_t at = begin; at < end;) {
    if (!is_number(at)) {
      ++at;
      continue;
    }
    std::uint32_t last = at;
    while (last < end && is_number(last)) ++last;
    for (std::uint32_t cut = at + (last - at) % 3; cut <= last; cut += 3)
      if (cut > at) ends.push_back(cut);
    at = last;
  }
  if (ends.empty() || ends.back() != end) ends.push_back(end);
}

GgufPreTokenizer::Step step_of(const Json& item) {
  if (item.is_string()) return {GgufPreTokenizer::Rule::regex, item.string()};
  const Json* rule = item.find("rule");
  if (rule != nullptr && *rule == Json("digits_in_threes"))
    return {GgufPreTokenizer::Rule::digits_in_threes, ""};
  const Json* pattern = item.find("pattern");
  PQ_ASSERT(rule != nullptr && *rule == Json("han_classes") && pattern != nullptr,
            "the table of pre-tokenizers has rules that exist");
  return {GgufPreTokenizer::Rule::han_classes, pattern->string()};
}

}  // namespace

std::optional<GgufPreTokenizer> gguf_pre_tokenizer(const std::string& name) {
  const Json* engines = pre_tokenizer_table().find("engines");
  const Json* engine = engines == nullptr ? nullptr : engines->find(name);
  const Json* regexes = engine == nullptr ? nullptr : engine->find("regexes");
  if (regexes == nullptr) return std::nullopt;
  const auto flag = [&](const char* key, bool usual) {
    const Json* value = engine->find(key);
    return value == nullptr ? usual : *value == Json(true);
  };
  GgufPreTokenizer result;
  for (const Json& item : regexes->array()) result.steps.push_back(step_of(item));
  result.ignore_merges = flag("ignore_merges", false);
  result.add_bos = flag("add_bos", false);
  result.always_bos = flag("always_bos", false);
  result.default_bos = flag("default_bos", true);
  result.merges_optional = flag("merges_optional", false);
  result.metaspace = flag("metaspace", false);
  return result;
}

GgufSplitter::GgufSplitter(const GgufPreTokenizer& rules) {
  for (const GgufPreTokenizer::Step& step : rules.steps) {
    if (step.rule == GgufPreTokenizer::Rule::digits_in_threes) {
      steps_.push_back({Mode::digits, std::nullopt});
    } else if (step.rule == GgufPreTokenizer::Rule::han_classes || has_property(step.pattern)) {
      han_ = han_ || step.rule == GgufPreTokenizer::Rule::han_classes;
      steps_.push_back({Mode::classes, Regex(on_classes(step.pattern), Regex::Dialect::std_bytes)});
    } else {
      needs_wide_ = true;
      steps_.push_back({Mode::wide, Regex(step.pattern, Regex::Dialect::std_unicode)});
    }
  }
}

std::vector<std::uint32_t> GgufSplitter::cut(const Step& step, const Text& text,
                                             const std::vector<std::uint32_t>& ends) {
  std::vector<std::uint32_t> result;
  result.reserve(ends.size() + text.classes.size() / 4);
  std::uint32_t begin = 0;
  for (const std::uint32_t end : ends) {
    if (step.mode == Mode::digits) {
      cut_digits(text.classes, begin, end, result);
    } else if (step.mode == Mode::classes) {
      const auto add = [&](std::size_t place) {
        const auto cut = static_cast<std::uint32_t>(begin + place);
        if (cut > (result.empty() ? 0 : result.back())) result.push_back(cut);
      };
      for_all_matches(*step.regex, std::string_view(text.classes).substr(begin, end - begin),
                      [&](std::size_t first, std::size_t last) { add(first), add(last); });
      add(end - begin);
    } else {
      const std::uint32_t base = text.wide_offsets[begin];
      std::uint32_t character = begin;
      const auto add = [&](std::size_t place) {
        while (text.wide_offsets[character] < base + place) ++character;
        if (character > (result.empty() ? 0 : result.back())) result.push_back(character);
      };
      for_all_matches(*step.regex, std::string_view(text.wide).substr(base, text.wide_offsets[end] - base),
                      [&](std::size_t first, std::size_t last) { add(first), add(last); });
      add(text.wide_offsets[end] - base);
    }
    begin = end;
  }
  return result;
}

void GgufSplitter::split(std::string_view utf8, std::vector<Word>& words) const {
  const Text text(utf8, needs_wide_, han_);
  std::vector<std::uint32_t> ends = {static_cast<std::uint32_t>(text.classes.size())};
  for (const Step& step : steps_) ends = cut(step, text, ends);
  std::uint32_t begin = 0;
  for (const std::uint32_t end : ends) {
    words.push_back({utf8.substr(text.offsets[begin], text.offsets[end] - text.offsets[begin]), begin == 0});
    begin = end;
  }
}

}  // namespace pq
