// The pre-tokenizer Split: cuts words at matches of a pattern.
#pragma once

#include "tokenizer/pre_tokenizer.hpp"

#include <utility>

namespace pq {

/// What becomes of the matches (tokenizers: SplitDelimiterBehavior).
enum class SplitBehavior { removed, isolated, merged_with_previous, merged_with_next, contiguous };

/// `Find` is called as find(text, visit) and calls visit(begin, end) for all matches from left to right.
template <class Find>
class Split final : public PreTokenizer {
 public:
  Split(Find find, SplitBehavior behavior, bool invert)
      : find_(std::move(find)), behavior_(behavior), invert_(invert) {}

  void apply(Word word, std::vector<Word>& out, TextPool&) const override {
    State state{word, out, out.size()};
    std::size_t done = 0;
    find_(word.text, [&](std::size_t begin, std::size_t end) {
      if (done < begin) add(state, done, begin, invert_);
      add(state, begin, end, !invert_);
      done = end;
    });
    if (done < word.text.size()) add(state, done, word.text.size(), invert_);
  }

 private:
  struct State {
    const Word& word;
    std::vector<Word>& out;
    std::size_t first;  // of this word's pieces
    bool after_match = false;
  };

  // A part that matched, or a gap.
  void add(State& state, std::size_t begin, std::size_t end, bool match) const {
    const bool after_match = std::exchange(state.after_match, match);
    if (state.out.size() > state.first && joins(match, after_match)) {
      Word& last = state.out.back();
      last.text = {last.text.data(), last.text.size() + (end - begin)};
    } else if (behavior_ != SplitBehavior::removed || !match) {
      state.out.push_back({state.word.text.substr(begin, end - begin), state.word.at_start && begin == 0});
    }
  }

  bool joins(bool match, bool after_match) const {
    switch (behavior_) {
      case SplitBehavior::merged_with_previous:
        return match && !after_match;
      case SplitBehavior::merged_with_next:
        return after_match && !match;
      case SplitBehavior::contiguous:
        return match == after_match;
      default:
        return false;
    }
  }

  Find find_;
  SplitBehavior behavior_;
  bool invert_;
};

}  // namespace pq
