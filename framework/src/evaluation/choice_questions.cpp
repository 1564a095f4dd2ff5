#include "evaluation/choice_questions.hpp"

#include "base/json.hpp"

#include <polyquant/base/error.hpp>
#include <polyquant/base/file.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace pq {
namespace {

constexpr const char* kKinds =
    "a line is a map with 'label' and one of 'endings' (HellaSwag), 'choices' (with 'context') and "
    "'contexts' "
    "(with 'continuation')";

/// The members of one line; whatever is wrong is said with its place.
class Line {
 public:
  Line(const Json& value, const std::string& place) : value_(value), place_(place) {}

  [[noreturn]] void refuse(const std::string& what) const {
    throw FormatError(fmt::format("{}: {}", place_, what));
  }
  const std::string& place() const { return place_; }
  bool has(const char* key) const { return value_.find(key) != nullptr; }

  const std::string& text(const char* key) const { return text_of(member(key), key); }
  std::vector<std::string> texts(const char* key) const {
    const Json& list = member(key);
    if (!list.is_array() || list.array().size() < 2)
      refuse(fmt::format("'{}' must be a list of at least two texts", key));
    std::vector<std::string> result;
    for (const Json& item : list.array()) result.push_back(text_of(item, key));
    return result;
  }
  /// A number below `count`; HellaSwag's copies on the Hub have it as a text.
  std::size_t label(std::size_t count) const {
    const Json& label = member("label");
    std::int64_t number = label.is_integer() ? label.integer() : -1;
    if (label.is_string()) {
      const std::string& text = label.string();
      const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
      if (error != std::errc() || end != text.data() + text.size()) number = -1;
    }
    if (number < 0 || static_cast<std::size_t>(number) >= count)
      refuse(fmt::format("'label' must be the number of the right choice, 0 to {}, not {}", count - 1,
                         to_json(label, 0)));
    return static_cast<std::size_t>(number);
  }

 private:
  const Json& member(const char* key) const {
    const Json* found = value_.find(key);
    if (found == nullptr) refuse(fmt::format("'{}' is missing; {}", key, kKinds));
    return *found;
  }
  const std::string& text_of(const Json& value, const char* key) const {
    if (!value.is_string()) refuse(fmt::format("'{}' must hold texts, not {}", key, value.kind_name()));
    return value.string();
  }

  const Json& value_;
  const std::string& place_;
};

Choice joined(std::string context, const std::string& delimiter, const std::string& continuation) {
  // Continuation bytes (10xxxxxx) begin no character.
  const auto characters = std::count_if(continuation.begin(), continuation.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xc0u) != 0x80u;
  });
  return {std::move(context), delimiter + continuation, std::max<std::int64_t>(1, characters)};
}

ChoiceQuestion hellaswag(const Line& line) {
  const std::string context = line.text("ctx_a") + " " + capitalized(line.text("ctx_b"));
  const std::string query = without_wikihow_marks(line.text("activity_label") + ": " + context);
  ChoiceQuestion question;
  for (const std::string& ending : line.texts("endings"))
    question.choices.push_back(joined(query, " ", without_wikihow_marks(ending)));
  return question;
}

ChoiceQuestion neutral(const Line& line) {
  const std::string delimiter = line.has("delimiter") ? line.text("delimiter") : " ";
  ChoiceQuestion question;
  if (line.has("choices")) {
    for (const std::string& choice : line.texts("choices"))
      question.choices.push_back(joined(line.text("context"), delimiter, choice));
  } else {
    question.one_context = false;
    for (std::string& context : line.texts("contexts"))
      question.choices.push_back(joined(std::move(context), delimiter, line.text("continuation")));
  }
  return question;
}

bool is_blank(std::string_view line) { return line.find_first_not_of(" \t\r") == std::string_view::npos; }

}  // namespace

ChoiceQuestion parse_question(std::string_view text, const std::string& place) {
  const Json value = parse_json(text, place);
  const Line line(value, place);
  if (int{line.has("endings")} + int{line.has("choices")} + int{line.has("contexts")} != 1)
    line.refuse(kKinds);
  ChoiceQuestion question = line.has("endings") ? hellaswag(line) : neutral(line);
  question.right = line.label(question.choices.size());
  question.place = place;
  for (const Choice& choice : question.choices)
    if (choice.continuation.find_first_not_of(' ') == std::string::npos) line.refuse("a choice is empty");
  return question;
}

std::vector<ChoiceQuestion> read_questions(const std::filesystem::path& path) {
  const MappedFile file(path);
  const std::string_view text(reinterpret_cast<const char*>(file.bytes().data()), file.bytes().size());
  std::vector<ChoiceQuestion> questions;
  std::int64_t number = 1;
  for (std::size_t begin = 0; begin < text.size(); ++number) {
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    const std::string_view line = text.substr(begin, end - begin);
    if (!is_blank(line))
      questions.push_back(parse_question(line, fmt::format("{}:{}", path.string(), number)));
    begin = end + 1;
  }
  if (questions.empty())
    throw FormatError(fmt::format("{}: there is no question in it; {}", path.string(), kKinds));
  return questions;
}

std::vector<ChoiceQuestion> spread_questions(std::vector<ChoiceQuestion> questions, std::int64_t count) {
  const auto all = static_cast<std::int64_t>(questions.size());
  if (count <= 0 || count >= all) return questions;
  std::vector<ChoiceQuestion> chosen;
  for (std::int64_t i = 0; i < count; ++i)
    chosen.push_back(std::move(questions[static_cast<std::size_t>(i * all / count)]));
  return chosen;
}

}  // namespace pq
