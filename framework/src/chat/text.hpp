// Python's string functions on UTF-8; positions count characters.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace pq::jinja {

/// str.isspace() of one character.
bool is_space(char32_t character) noexcept;
/// Bytes of white space at the begin and at the end.
std::size_t leading_space(std::string_view text) noexcept;
std::size_t trailing_space(std::string_view text) noexcept;

/// Number of characters, and the byte at which character `index` begins (the text's length beyond its end).
std::size_t length(std::string_view text) noexcept;
std::size_t byte_of(std::string_view text, std::size_t index) noexcept;
/// Characters [first, last).
std::string_view characters(std::string_view text, std::size_t first, std::size_t last) noexcept;
std::vector<std::string_view> split_characters(std::string_view text);

/// strip(chars); nothing = white space.
std::string_view strip(std::string_view text, const std::optional<std::string>& chars, bool left, bool right);
/// find(wanted, from) and rfind(), in bytes, npos if there is none; in linear time, unlike those of the standard library.
std::size_t find_first(std::string_view text, std::string_view wanted, std::size_t from = 0) noexcept;
std::size_t find_last(std::string_view text, std::string_view wanted);

/// Takes the parts of a text one by one, so that they are counted as they are made.
using PartSink = std::function<void(std::string_view part)>;
/// split(separator, limit) and rsplit(), which gives the last part first; no separator = white space; limit < 0 = no limit.
void split(std::string_view text, const std::optional<std::string>& separator, std::int64_t limit,
           const PartSink& sink);
void split_from_right(std::string_view text, const std::optional<std::string>& separator, std::int64_t limit,
                      const PartSink& sink);
void split_lines(std::string_view text, bool keep_ends, const PartSink& sink);
/// replace(old, new, count); count < 0 = all. Throws TemplateError beyond `limit` bytes.
std::string replace(std::string_view text, std::string_view old, std::string_view with, std::int64_t count,
                    std::size_t limit);

/// With the full mappings of Unicode ("ß" becomes "SS").
std::string upper(std::string_view text);
std::string lower(std::string_view text);
std::string capitalize(std::string_view text);
/// str.title(): a capital after every character that has no case.
std::string title(std::string_view text);
/// The filter "title": a capital after blanks, hyphens and opening brackets only.
std::string title_words(std::string_view text);
std::string swap_case(std::string_view text);

/// isalnum(), isalpha(), ...
bool all_alnum(std::string_view text);
bool all_alpha(std::string_view text);
bool all_ascii(std::string_view text);
bool all_decimal(std::string_view text);
bool all_digits(std::string_view text);
bool all_printable(std::string_view text);
bool all_space(std::string_view text);
bool is_lower_case(std::string_view text);
bool is_upper_case(std::string_view text);
bool is_title_case(std::string_view text);

/// & < > ' " as HTML entities.
std::string escape_html(std::string_view text);

}  // namespace pq::jinja
