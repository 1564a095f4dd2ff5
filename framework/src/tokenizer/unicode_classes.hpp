// General categories of characters, by the Unicode versions that tokenizers have.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace pq {

/// What tokenizers ask about a character. `other` is all else: separators, control, private and unassigned characters.
enum class CharClass : std::uint8_t { other, letter, mark, number, punctuation, symbol };

/// By Unicode 16.0, as the tokenizers library 0.23 has it.
CharClass char_class(char32_t character) noexcept;
/// By Unicode 15.1, as llama.cpp has it (src/unicode-data.cpp).
CharClass char_class_15(char32_t character) noexcept;

/// The characters of a property (L, N, P, S, M, Lu, Ll, Lt, Lm, Lo) that PCRE2 with Unicode 14.0 may not know, as ranges for a
/// bracket expression. Empty for other properties.
std::string late_characters(std::string_view property);

}  // namespace pq
