#include "tokenizer/pre_tokenizer.hpp"

#include "tokenizer/regex.hpp"
#include "tokenizer/unicode.hpp"

#include <polyquant/base/error.hpp>

#include <functional>

namespace pq {
namespace {

constexpr const char* kMetaspace = "\xE2\x96\x81";

const Json* member(const Json& object, std::string_view key) {
  const Json* value = object.find(key);
  return value == nullptr || value->is_null() ? nullptr : value;
}
bool flag(const Json& object, std::string_view key, bool fallback) {
  const Json* value = member(object, key);
  return value != nullptr && value->is_bool() ? value->boolean() : fallback;
}
std::string text_of(const Json& object, std::string_view key, std::string fallback) {
  const Json* value = member(object, key);
  return value != nullptr && value->is_string() ? value->string() : fallback;
}

// A part of a word that matched the pattern, or a gap.
struct Range {
  std::size_t begin = 0, end = 0;
  bool match = false;
};
using Finder = std::function<void(std::string_view, const std::function<void(std::size_t, std::size_t)>&)>;

std::vector<Range> ranges(std::string_view text, const Finder& find, bool invert) {
  std::vector<Range> list;
  std::size_t at = 0;
  find(text, [&](std::size_t begin, std::size_t end) {
    if (at < begin) list.push_back({at, begin, invert});
    list.push_back({begin, end, !invert});
    at = end;
  });
  if (at < text.size()) list.push_back({at, text.size(), invert});
  return list;
}

// What becomes of the matches (tokenizers: SplitDelimiterBehavior).
enum class Behavior { removed, isolated, merged_with_previous, merged_with_next, contiguous };

std::vector<Range> pieces(const std::vector<Range>& list, Behavior behavior) {
  std::vector<Range> out;
  bool previous_match = false, open = false;
  for (const Range& range : list) {
    const bool joins_previous =
        !out.empty() && ((behavior == Behavior::merged_with_previous && range.match && !previous_match) ||
                         (behavior == Behavior::contiguous && range.match == previous_match) ||
                         (behavior == Behavior::merged_with_next && open && !range.match));
    if (joins_previous)
      out.back().end = range.end;
    else if (behavior != Behavior::removed || !range.match)
      out.push_back(range);
    open = range.match;
    previous_match = range.match;
  }
  return out;
}

class Split final : public PreTokenizer {
 public:
  Split(Finder find, Behavior behavior, bool invert)
      : find_(std::move(find)), behavior_(behavior), invert_(invert) {}
  void apply(Word word, std::vector<Word>& out) const override {
    for (const Range& piece : pieces(ranges(word.text, find_, invert_), behavior_))
      out.push_back(
          {word.text.substr(piece.begin, piece.end - piece.begin), word.at_start && piece.begin == 0});
  }

 private:
  Finder find_;
  Behavior behavior_;
  bool invert_;
};

class Sequence final : public PreTokenizer {
 public:
  explicit Sequence(std::vector<std::unique_ptr<const PreTokenizer>> steps) : steps_(std::move(steps)) {}
  void apply(Word word, std::vector<Word>& out) const override {
    std::vector<Word> words{std::move(word)}, next;
    for (const auto& step : steps_) {
      next.clear();
      for (Word& piece : words) step->apply(std::move(piece), next);
      words.swap(next);
    }
    for (Word& piece : words) out.push_back(std::move(piece));
  }

 private:
  std::vector<std::unique_ptr<const PreTokenizer>> steps_;
};

class ByteLevel final : public PreTokenizer {
 public:
  ByteLevel(bool prefix, bool regex) : prefix_(prefix) {
    if (regex) regex_ = std::make_unique<Regex>(kGpt2Pattern);
  }
  void apply(Word word, std::vector<Word>& out) const override {
    if (prefix_ && !word.text.starts_with(' ')) word.text.insert(0, 1, ' ');
    if (!regex_) {
      out.push_back({byte_mapped(word.text), word.at_start});
      return;
    }
    const Finder find = [this](std::string_view text, const auto& visit) {
      regex_->for_matches(text, visit);
    };
    for (const Range& range : ranges(word.text, find, false))
      out.push_back({byte_mapped(std::string_view(word.text).substr(range.begin, range.end - range.begin)),
                     word.at_start && range.begin == 0});
  }

 private:
  bool prefix_;
  std::unique_ptr<const Regex> regex_;
};

class Metaspace final : public PreTokenizer {
 public:
  Metaspace(std::string replacement, std::string scheme, bool split)
      : replacement_(std::move(replacement)), scheme_(std::move(scheme)), split_(split) {}
  void apply(Word word, std::vector<Word>& out) const override {
    std::string text;
    for (const char c : word.text) c == ' ' ? text += replacement_ : text += c;
    const bool prefix = scheme_ == "always" || (scheme_ == "first" && word.at_start);
    if (prefix && !text.starts_with(replacement_)) text.insert(0, replacement_);
    std::size_t start = 0;
    if (split_)
      for (std::size_t at = text.find(replacement_, 1); at != std::string::npos;
           at = text.find(replacement_, at + 1)) {
        out.push_back({text.substr(start, at - start), word.at_start && start == 0});
        start = at;
      }
    if (start < text.size()) out.push_back({text.substr(start), word.at_start && start == 0});
  }

 private:
  std::string replacement_, scheme_;
  bool split_;
};

Finder find_characters(bool (*is_one)(char32_t) noexcept) {
  return [is_one](std::string_view text, const auto& visit) {
    for (std::size_t at = 0; at < text.size();) {
      const std::size_t start = at;
      if (is_one(next_character(text, at))) visit(start, at);
    }
  };
}

Finder find_text(std::string pattern) {
  if (pattern.empty()) throw FormatError("tokenizer.json: a Split has an empty pattern");
  return [pattern](std::string_view text, const auto& visit) {
    for (std::size_t at = text.find(pattern); at != std::string_view::npos;
         at = text.find(pattern, at + pattern.size()))
      visit(at, at + pattern.size());
  };
}

Finder find_matches(const std::string& pattern) {
  const auto regex = std::make_shared<const Regex>(pattern);
  return [regex](std::string_view text, const auto& visit) { regex->for_matches(text, visit); };
}

Behavior behavior_of(const Json& description, const char* fallback) {
  const std::string name = text_of(description, "behavior", fallback);
  if (name == "Removed") return Behavior::removed;
  if (name == "Isolated") return Behavior::isolated;
  if (name == "MergedWithPrevious") return Behavior::merged_with_previous;
  if (name == "MergedWithNext") return Behavior::merged_with_next;
  if (name == "Contiguous") return Behavior::contiguous;
  throw FormatError("tokenizer.json: unknown behavior '" + name + "' of a pre-tokenizer");
}

std::unique_ptr<const PreTokenizer> make_split(const Json& description) {
  const Json* regex = description.find_path("pattern.Regex");
  const Json* text = description.find_path("pattern.String");
  if ((regex == nullptr || !regex->is_string()) && (text == nullptr || !text->is_string()))
    throw FormatError("tokenizer.json: a Split needs a pattern");
  Finder find = regex != nullptr ? find_matches(regex->string()) : find_text(text->string());
  return std::make_unique<Split>(std::move(find), behavior_of(description, "Isolated"),
                                 flag(description, "invert", false));
}

std::unique_ptr<const PreTokenizer> make_sequence(const Json& description) {
  std::vector<std::unique_ptr<const PreTokenizer>> steps;
  const Json* list = member(description, "pretokenizers");
  if (list == nullptr || !list->is_array())
    throw FormatError("tokenizer.json: a Sequence needs 'pretokenizers'");
  for (const Json& item : list->array())
    if (auto step = make_pre_tokenizer(&item)) steps.push_back(std::move(step));
  return std::make_unique<Sequence>(std::move(steps));
}

std::unique_ptr<const PreTokenizer> make_metaspace(const Json& description) {
  const std::string old = flag(description, "add_prefix_space", true) ? "always" : "never";
  return std::make_unique<Metaspace>(text_of(description, "replacement", kMetaspace),
                                     text_of(description, "prepend_scheme", old),
                                     flag(description, "split", true));
}

}  // namespace

std::unique_ptr<const PreTokenizer> make_pre_tokenizer(const Json* description) {
  if (description == nullptr || description->is_null()) return nullptr;
  const std::string type = text_of(*description, "type", "");
  if (type == "Sequence") return make_sequence(*description);
  if (type == "Split") return make_split(*description);
  if (type == "ByteLevel")
    return std::make_unique<ByteLevel>(flag(*description, "add_prefix_space", true),
                                       flag(*description, "use_regex", true));
  if (type == "Digits")
    return std::make_unique<Split>(
        find_characters(is_numeric),
        flag(*description, "individual_digits", false) ? Behavior::isolated : Behavior::contiguous, false);
  if (type == "Punctuation")
    return std::make_unique<Split>(find_characters(is_punctuation), behavior_of(*description, "Isolated"),
                                   false);
  if (type == "Metaspace") return make_metaspace(*description);
  if (type == "WhitespaceSplit")
    return std::make_unique<Split>(find_characters(is_whitespace), Behavior::removed, false);
  if (type == "Whitespace")
    return std::make_unique<Split>(find_matches("\\w+|[^\\w\\s]+"), Behavior::removed, true);
  throw FormatError("tokenizer.json: the pre-tokenizer '" + type +
                    "' is not supported; known: Sequence, Split, ByteLevel, Digits, Punctuation, Metaspace, "
                    "Whitespace, WhitespaceSplit");
}

}  // namespace pq
