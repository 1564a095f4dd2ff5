#include "tokenizer/pre_tokenizer.hpp"

#include "tokenizer/regex.hpp"
#include "tokenizer/split.hpp"
#include "tokenizer/unicode.hpp"

#include <polyquant/base/error.hpp>

#include <algorithm>

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

template <bool (*IsOne)(char32_t) noexcept>
struct FindCharacters {
  template <class Visit>
  void operator()(std::string_view text, const Visit& visit) const {
    for (std::size_t at = 0; at < text.size();) {
      const std::size_t start = at;
      if (IsOne(next_character(text, at))) visit(start, at);
    }
  }
};

struct FindText {
  std::string pattern;
  template <class Visit>
  void operator()(std::string_view text, const Visit& visit) const {
    for (std::size_t at = text.find(pattern); at != std::string_view::npos;
         at = text.find(pattern, at + pattern.size()))
      visit(at, at + pattern.size());
  }
};

struct FindMatches {
  Regex regex;
  template <class Visit>
  void operator()(std::string_view text, const Visit& visit) const {
    regex.for_matches(text, visit);
  }
};

template <class Find>
std::unique_ptr<const PreTokenizer> split(Find find, SplitBehavior behavior, bool invert = false) {
  return std::make_unique<Split<Find>>(std::move(find), behavior, invert);
}

class Sequence final : public PreTokenizer {
 public:
  explicit Sequence(std::vector<std::unique_ptr<const PreTokenizer>> steps) : steps_(std::move(steps)) {}
  void apply(Word word, std::vector<Word>& out, TextPool& pool) const override {
    if (steps_.size() == 1) return steps_[0]->apply(word, out, pool);
    std::vector<Word> words{word}, next;
    for (const auto& step : steps_) {
      next.clear();
      for (const Word& piece : words) step->apply(piece, next, pool);
      words.swap(next);
    }
    out.insert(out.end(), words.begin(), words.end());
  }

 private:
  std::vector<std::unique_ptr<const PreTokenizer>> steps_;
};

class ByteLevel final : public PreTokenizer {
 public:
  ByteLevel(bool prefix, bool regex, bool maps) : prefix_(prefix), maps_(maps) {
    if (regex) regex_ = std::make_unique<const Regex>(kGpt2Pattern);
  }
  void apply(Word word, std::vector<Word>& out, TextPool& pool) const override {
    if (prefix_ && !word.text.starts_with(' ')) word.text = pool.emplace_back(" ").append(word.text);
    const std::size_t first = out.size();
    if (regex_)
      cut(word, out);
    else
      out.push_back(word);
    for (std::size_t i = first; maps_ && i < out.size(); ++i)
      out[i].text = pool.emplace_back(byte_mapped(out[i].text));
  }

 private:
  void cut(const Word& word, std::vector<Word>& out) const {
    std::size_t done = 0;
    const auto add = [&](std::size_t begin, std::size_t end) {
      if (begin < end) out.push_back({word.text.substr(begin, end - begin), word.at_start && begin == 0});
    };
    regex_->for_matches(word.text, [&](std::size_t begin, std::size_t end) {
      add(done, begin);
      add(begin, end);
      done = end;
    });
    add(done, word.text.size());
  }

  bool prefix_, maps_;
  std::unique_ptr<const Regex> regex_;
};

class Metaspace final : public PreTokenizer {
 public:
  Metaspace(std::string mark, const std::string& scheme, bool splits)
      : mark_(std::move(mark)), always_(scheme == "always"), first_(scheme == "first"), splits_(splits) {}
  void apply(Word word, std::vector<Word>& out, TextPool& pool) const override {
    std::string marked;
    for (const char c : word.text)
      if (c == ' ')
        marked += mark_;
      else
        marked += c;
    if ((always_ || (first_ && word.at_start)) && !marked.starts_with(mark_)) marked.insert(0, mark_);
    const std::string_view text = pool.emplace_back(std::move(marked));
    std::size_t begin = 0;
    for (std::size_t at = splits_ ? text.find(mark_, 1) : text.npos; at != text.npos;
         at = text.find(mark_, at + 1)) {
      out.push_back({text.substr(begin, at - begin), word.at_start && begin == 0});
      begin = at;
    }
    if (begin < text.size()) out.push_back({text.substr(begin), word.at_start && begin == 0});
  }

 private:
  std::string mark_;
  bool always_, first_, splits_;
};

SplitBehavior behavior_of(const Json& description, const char* fallback, const std::string& source) {
  const std::string name = text_of(description, "behavior", fallback);
  if (name == "Removed") return SplitBehavior::removed;
  if (name == "Isolated") return SplitBehavior::isolated;
  if (name == "MergedWithPrevious") return SplitBehavior::merged_with_previous;
  if (name == "MergedWithNext") return SplitBehavior::merged_with_next;
  if (name == "Contiguous") return SplitBehavior::contiguous;
  throw FormatError(source + ": unknown behavior '" + name + "' of a pre-tokenizer");
}

std::unique_ptr<const PreTokenizer> make_split(const Json& description, const std::string& source) {
  const Json* regex = description.find_path("pattern.Regex");
  const Json* text = description.find_path("pattern.String");
  const SplitBehavior behavior = behavior_of(description, "Isolated", source);
  const bool invert = flag(description, "invert", false);
  if (regex != nullptr && regex->is_string())
    return split(FindMatches{Regex(regex->string(), Regex::Dialect::oniguruma, source)}, behavior, invert);
  if (text == nullptr || !text->is_string()) throw FormatError(source + ": a Split needs a pattern");
  if (text->string().empty()) throw FormatError(source + ": a Split has an empty pattern");
  return split(FindText{text->string()}, behavior, invert);
}

std::unique_ptr<const PreTokenizer> make_sequence(const Json& description, const std::string& source,
                                                  bool* bytes_last) {
  std::vector<std::unique_ptr<const PreTokenizer>> steps;
  const Json* list = member(description, "pretokenizers");
  if (list == nullptr || !list->is_array()) throw FormatError(source + ": a Sequence needs 'pretokenizers'");
  for (const Json& item : list->array())
    if (auto step = make_pre_tokenizer(&item, source, &item == &list->array().back() ? bytes_last : nullptr))
      steps.push_back(std::move(step));
  return std::make_unique<Sequence>(std::move(steps));
}

std::unique_ptr<const PreTokenizer> make_metaspace(const Json& description) {
  const std::string old = flag(description, "add_prefix_space", true) ? "always" : "never";
  return std::make_unique<Metaspace>(text_of(description, "replacement", kMetaspace),
                                     text_of(description, "prepend_scheme", old),
                                     flag(description, "split", true));
}

}  // namespace

std::unique_ptr<const PreTokenizer> make_pre_tokenizer(const Json* description, const std::string& source,
                                                       bool* bytes_last) {
  if (description == nullptr || description->is_null()) return nullptr;
  const std::string type = text_of(*description, "type", "");
  if (type == "Sequence") return make_sequence(*description, source, bytes_last);
  if (type == "Split") return make_split(*description, source);
  if (type == "ByteLevel") {
    if (bytes_last != nullptr) *bytes_last = true;
    return std::make_unique<ByteLevel>(flag(*description, "add_prefix_space", true),
                                       flag(*description, "use_regex", true), bytes_last == nullptr);
  }
  if (type == "Digits")
    return split(FindCharacters<is_numeric>{}, flag(*description, "individual_digits", false)
                                                   ? SplitBehavior::isolated
                                                   : SplitBehavior::contiguous);
  if (type == "Punctuation")
    return split(FindCharacters<is_punctuation>{}, behavior_of(*description, "Isolated", source));
  if (type == "Metaspace") return make_metaspace(*description);
  if (type == "WhitespaceSplit") return split(FindCharacters<is_whitespace>{}, SplitBehavior::removed);
  if (type == "Whitespace") return split(FindMatches{Regex("\\w+|[^\\w\\s]+")}, SplitBehavior::removed, true);
  throw FormatError(source + ": the pre-tokenizer '" + type +
                    "' is not supported; known: Sequence, Split, ByteLevel, Digits, Punctuation, Metaspace, "
                    "Whitespace, WhitespaceSplit");
}

}  // namespace pq
