#include "tokenizer/pre_tokenizer.hpp"

#include "tokenizer/normalized_bytes.hpp"
#include "tokenizer/precompiled_normalizer.hpp"
#include "tokenizer/regex.hpp"
#include "tokenizer/unicode.hpp"

#include <polyquant/base/error.hpp>

#include <algorithm>

namespace pq {
namespace {

std::string text_at(const Json& object, std::string_view path, const std::string& source) {
  const Json* value = object.find_path(path);
  if (value == nullptr || !value->is_string())
    throw FormatError(source + ": a normalizer needs the text '" + std::string(path) + "'");
  return value->string();
}

class Sequence final : public Normalizer {
 public:
  explicit Sequence(std::vector<std::unique_ptr<const Normalizer>> steps) : steps_(std::move(steps)) {}
  std::string apply(std::string text) const override {
    for (const auto& step : steps_) text = step->apply(std::move(text));
    return text;
  }

 private:
  std::vector<std::unique_ptr<const Normalizer>> steps_;
};

class Form final : public Normalizer {
 public:
  explicit Form(NormalForm form) : form_(form) {}
  std::string apply(std::string text) const override { return normalized(text, form_); }

 private:
  NormalForm form_;
};

class Prepend final : public Normalizer {
 public:
  explicit Prepend(std::string prefix) : prefix_(std::move(prefix)) {}
  std::string apply(std::string text) const override { return text.empty() ? text : prefix_ + text; }

 private:
  std::string prefix_;
};

class ReplaceText final : public Normalizer {
 public:
  ReplaceText(std::string from, std::string to) : from_(std::move(from)), to_(std::move(to)) {}
  std::string apply(std::string text) const override {
    if (from_.empty()) return text;
    std::size_t count = 0;
    for (std::size_t found = text.find(from_); found != std::string::npos;
         found = text.find(from_, found + from_.size()))
      ++count;
    if (count == 0) return text;
    check_normalized_bytes(to_.empty() || count <= kMaxNormalizedBytes / to_.size()
                               ? text.size() + count * to_.size()
                               : kMaxNormalizedBytes + 1);
    std::string out;
    std::size_t at = 0;
    for (std::size_t found = text.find(from_); found != std::string::npos; found = text.find(from_, at)) {
      out.append(text, at, found - at).append(to_);
      at = found + from_.size();
    }
    return out.append(text, at);
  }

 private:
  std::string from_, to_;
};

class ReplaceMatches final : public Normalizer {
 public:
  ReplaceMatches(Regex regex, std::string to) : regex_(std::move(regex)), to_(std::move(to)) {}
  std::string apply(std::string text) const override {
    std::string out;
    std::size_t at = 0;
    regex_.for_matches(text, [&](std::size_t begin, std::size_t end) {
      out.append(text, at, begin - at).append(to_);
      check_normalized_bytes(out.size());
      at = end;
    });
    return out.append(text, at);
  }

 private:
  Regex regex_;
  std::string to_;
};

// A function of the whole text.
class Change final : public Normalizer {
 public:
  using Function = std::string (*)(std::string_view);
  explicit Change(Function function) : function_(function) {}
  std::string apply(std::string text) const override { return function_(text); }

 private:
  Function function_;
};

class Strip final : public Normalizer {
 public:
  Strip(bool left, bool right) : left_(left), right_(right) {}
  std::string apply(std::string text) const override {
    std::size_t begin = text.size(), end = 0;  // of what is no white space
    for (std::size_t at = 0; at < text.size();) {
      const std::size_t start = at;
      if (is_whitespace(next_character(text, at))) continue;
      begin = std::min(begin, start);
      end = at;
    }
    if (begin > end) return left_ || right_ ? std::string() : text;
    return text.substr(left_ ? begin : 0, (right_ ? end : text.size()) - (left_ ? begin : 0));
  }

 private:
  bool left_, right_;
};

bool flag(const Json& description, const char* key) {
  const Json* value = description.find(key);
  return value == nullptr || *value != Json(false);
}

}  // namespace

std::unique_ptr<const Normalizer> make_normalizer(const Json* description, const std::string& source) {
  if (description == nullptr || description->is_null()) return nullptr;
  const auto text = [&](std::string_view path) { return text_at(*description, path, source); };
  const std::string type = text("type");
  if (type == "NFC") return std::make_unique<Form>(NormalForm::nfc);
  if (type == "NFD") return std::make_unique<Form>(NormalForm::nfd);
  if (type == "NFKC") return std::make_unique<Form>(NormalForm::nfkc);
  if (type == "NFKD") return std::make_unique<Form>(NormalForm::nfkd);
  if (type == "Lowercase") return std::make_unique<Change>(lower_case);
  if (type == "StripAccents") return std::make_unique<Change>(without_marks);
  if (type == "Strip")
    return std::make_unique<Strip>(flag(*description, "strip_left"), flag(*description, "strip_right"));
  if (type == "Precompiled") return make_precompiled_normalizer(text("precompiled_charsmap"), source);
  if (type == "Prepend") return std::make_unique<Prepend>(text("prepend"));
  if (type == "Replace") {
    const std::string content = text("content");
    if (description->find_path("pattern.String") != nullptr)
      return std::make_unique<ReplaceText>(text("pattern.String"), content);
    return std::make_unique<ReplaceMatches>(Regex(text("pattern.Regex"), Regex::Dialect::oniguruma, source),
                                            content);
  }
  const Json* list = description->find("normalizers");
  if (type != "Sequence" || list == nullptr || !list->is_array())
    throw FormatError(
        source + ": the normalizer '" + type +
        "' is not supported; known: NFC, NFD, NFKC, NFKD, Lowercase, StripAccents, Strip, Precompiled, "
        "Prepend, Replace, Sequence");
  std::vector<std::unique_ptr<const Normalizer>> steps;
  for (const Json& item : list->array())
    if (auto step = make_normalizer(&item, source)) steps.push_back(std::move(step));
  return std::make_unique<Sequence>(std::move(steps));
}

}  // namespace pq
