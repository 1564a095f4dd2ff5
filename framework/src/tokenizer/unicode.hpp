// UTF-8 and Unicode normal forms; utf8proc lives behind this header.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace pq {

/// The character at text[at], whose length in bytes is added to `at`. In text that is no valid UTF-8 it is some character; never reads past the end.
char32_t next_character(std::string_view text, std::size_t& at) noexcept;
/// Length in bytes of the character whose first byte this is.
std::size_t character_bytes(char first) noexcept;
/// The same for text that may be no UTF-8: a continuation byte is a character of its own.
std::size_t sequence_bytes(char first) noexcept;
void append_utf8(std::string& out, char32_t character);
/// `text` with every invalid byte replaced by U+FFFD, as Python's errors="replace" does for single bytes.
std::string valid_utf8(std::string_view text);

/// Length of the grapheme cluster at the start of `text`, which is valid UTF-8.
std::size_t cluster_bytes(std::string_view text) noexcept;
/// `text` in small letters, and without combining marks.
std::string lower_case(std::string_view text);
std::string without_marks(std::string_view text);

enum class NormalForm { nfc, nfd, nfkc, nfkd };
/// The normal form. `text` is valid UTF-8.
std::string normalized(std::string_view text, NormalForm form);

/// Unicode White_Space.
bool is_whitespace(char32_t character) noexcept;
/// The library's Digits: Nd, Nl, No.
bool is_numeric(char32_t character) noexcept;
/// The library's Punctuation: P* of Unicode 8.0, and ASCII's $ + < = > ^ ` | ~.
bool is_punctuation(char32_t character) noexcept;
/// Oniguruma's \w: letters, marks, Nd, Nl, connector punctuation, circled letters.
bool is_word(char32_t character) noexcept;
/// General categories.
bool is_letter(char32_t character) noexcept;         // L*
bool is_decimal_digit(char32_t character) noexcept;  // Nd
bool is_upper(char32_t character) noexcept;          // Lu
bool is_lower(char32_t character) noexcept;          // Ll
bool has_case(char32_t character) noexcept;          // Lu, Ll, Lt
bool is_printable(char32_t character) noexcept;  // as Python's str.isprintable(): no C*, no Z* but the blank

/// Simple case mappings, one character to one.
char32_t to_upper(char32_t character) noexcept;
char32_t to_lower(char32_t character) noexcept;
char32_t to_title(char32_t character) noexcept;

}  // namespace pq
