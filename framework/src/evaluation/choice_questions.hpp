// Questions with several answers of which one is right, from .jsonl files.
#pragma once

#include <polyquant/base/export.hpp>

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace pq {

/// One answer: how probable is the continuation behind the context?
struct Choice {
  std::string context;
  std::string continuation;     // with the blank that joins it
  std::int64_t characters = 0;  // of the continuation, without that blank: what acc_norm divides by
};

struct ChoiceQuestion {
  std::vector<Choice> choices;
  std::size_t right = 0;
  bool one_context = true;  // all choices continue the same context
  std::string place;        // FILE:LINE
};

/// The question of one line, of three kinds that its keys tell apart:
///   {"ctx_a", "ctx_b", "activity_label", "endings": [..], "label": 0..}   HellaSwag's own file, prepared as lm-evaluation-harness does
///   {"context": "..", "choices": ["..", ..], "label": 0..}                one context, several continuations (MMLU, ARC)
///   {"contexts": ["..", ..], "continuation": "..", "label": 0..}          several contexts, one continuation (WinoGrande)
/// The last two have an optional "delimiter" between context and continuation, a blank by default. Throws FormatError "PLACE: ...".
PQ_API ChoiceQuestion parse_question(std::string_view line, const std::string& place);

/// All questions of a file. Throws FormatError for a missing or empty file and for the first line that is no question.
PQ_API std::vector<ChoiceQuestion> read_questions(const std::filesystem::path& path);

/// `count` of the questions, evenly spread over the list; 0 or too many = all.
PQ_API std::vector<ChoiceQuestion> spread_questions(std::vector<ChoiceQuestion> questions,
                                                    std::int64_t count);

/// HellaSwag's texts: marks such as "[title]" and "[step]" go, and double blanks.
PQ_API std::string without_wikihow_marks(std::string_view text);
/// The first character in title case, the others in lower case (Python's str.capitalize).
PQ_API std::string capitalized(std::string_view text);

}  // namespace pq
