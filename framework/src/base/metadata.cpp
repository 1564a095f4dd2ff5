#include <polyquant/base/error.hpp>
#include <polyquant/base/metadata.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <type_traits>

namespace pq {
namespace {

template <class T>
std::string scalar_name() {
  if constexpr (std::is_same_v<T, bool> || std::is_same_v<T, BoolArray>)
    return "bool";
  else if constexpr (std::is_same_v<T, std::string>)
    return "string";
  else if constexpr (std::is_floating_point_v<T>)
    return fmt::format("f{}", 8 * sizeof(T));
  else
    return fmt::format("{}{}", std::is_signed_v<T> ? 'i' : 'u', 8 * sizeof(T));
}

template <class T>
struct ElementOf {
  using type = void;  // a scalar
};
template <class T>
struct ElementOf<std::vector<T>> {
  using type = T;
};
template <>
struct ElementOf<BoolArray> {
  using type = bool;
};

[[noreturn]] void throw_wrong_type(std::string_view key, const MetaValue& value, std::string_view wanted) {
  throw FormatError(fmt::format("metadata key '{}' is {}, expected {}", key, type_name(value), wanted));
}

std::string quoted(std::string_view text, std::size_t limit) {
  std::string out = "\"";
  std::size_t i = 0;
  for (; i < text.size() && out.size() <= limit; ++i) {
    const char c = text[i];
    if (c == '\n')
      out += "\\n";
    else if (c == '\t')
      out += "\\t";
    else if (c == '"' || c == '\\')
      (out += '\\') += c;
    else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F)
      out += fmt::format("\\x{:02x}", static_cast<unsigned>(c));
    else
      out += c;
  }
  if (i == text.size()) return out + '"';
  // Whole UTF-8 sequences only: the rest of a cut one is completed.
  while (i < text.size() && (static_cast<unsigned char>(text[i]) & 0xC0u) == 0x80u) out += text[i++];
  return out + "...\"";
}

template <class T>
std::string element_text(const T& value, std::size_t limit) {
  if constexpr (std::is_same_v<T, std::string>)
    return quoted(value, limit);
  else if constexpr (std::is_same_v<T, bool>)
    return value ? "true" : "false";
  else if constexpr (sizeof(T) == 1)
    return std::to_string(static_cast<int>(value));  // never as a character
  else
    return fmt::format("{}", value);
}

template <class Element, class Values>
std::string array_text(const Values& values, std::size_t limit) {
  std::string out = "[";
  std::size_t shown = 0;
  for (; shown < values.size() && out.size() + 8 < limit; ++shown) {
    if (shown > 0) out += ", ";
    out += element_text<Element>(static_cast<Element>(values[shown]),
                                 limit > out.size() + 8 ? limit - out.size() - 8 : 8);
  }
  if (shown == values.size()) return out + "]";
  return fmt::format("{}{}...] ({} values)", out, shown > 0 ? ", " : "", values.size());
}

}  // namespace

const MetaValue* Metadata::find(std::string_view key) const noexcept {
  const auto same = [&](const Entry& entry) { return entry.first == key; };
  const auto found = std::find_if(entries_.begin(), entries_.end(), same);
  return found == entries_.end() ? nullptr : &found->second;
}

void Metadata::set(std::string key, MetaValue value) {
  for (Entry& entry : entries_) {
    if (entry.first != key) continue;
    entry.second = std::move(value);
    return;
  }
  entries_.emplace_back(std::move(key), std::move(value));
}

void Metadata::erase(std::string_view key) {
  std::erase_if(entries_, [&](const Entry& entry) { return entry.first == key; });
}

std::int64_t Metadata::integer(std::string_view key, std::int64_t fallback) const {
  const MetaValue* value = find(key);
  if (value == nullptr) return fallback;
  return std::visit(
      [&](const auto& v) -> std::int64_t {
        using T = std::decay_t<decltype(v)>;
        if constexpr (std::is_integral_v<T> && !std::is_same_v<T, bool>) {
          if (std::in_range<std::int64_t>(v)) return static_cast<std::int64_t>(v);
          throw FormatError(
              fmt::format("metadata key '{}' is {}, more than any value that makes sense there", key, v));
        } else {
          throw_wrong_type(key, *value, "an integer");
        }
      },
      *value);
}

double Metadata::number(std::string_view key, double fallback) const {
  const MetaValue* value = find(key);
  if (value == nullptr) return fallback;
  return std::visit(
      [&](const auto& v) -> double {
        using T = std::decay_t<decltype(v)>;
        if constexpr (std::is_arithmetic_v<T> && !std::is_same_v<T, bool>)
          return static_cast<double>(v);
        else
          throw_wrong_type(key, *value, "a number");
      },
      *value);
}

std::string Metadata::string(std::string_view key, std::string fallback) const {
  const MetaValue* value = find(key);
  if (value == nullptr) return fallback;
  if (const auto* text = std::get_if<std::string>(value)) return *text;
  throw_wrong_type(key, *value, "a string");
}

bool Metadata::boolean(std::string_view key, bool fallback) const {
  const MetaValue* value = find(key);
  if (value == nullptr) return fallback;
  if (const auto* flag = std::get_if<bool>(value)) return *flag;
  throw_wrong_type(key, *value, "a boolean");
}

std::string type_name(const MetaValue& value) {
  return std::visit(
      [](const auto& v) -> std::string {
        using T = std::decay_t<decltype(v)>;
        using Element = typename ElementOf<T>::type;
        if constexpr (std::is_void_v<Element>)
          return scalar_name<T>();
        else
          return "array of " + scalar_name<Element>();
      },
      value);
}

std::string display(const MetaValue& value, std::size_t limit) {
  return std::visit(
      [&](const auto& v) -> std::string {
        using T = std::decay_t<decltype(v)>;
        using Element = typename ElementOf<T>::type;
        if constexpr (std::is_void_v<Element>)
          return element_text<T>(v, limit);
        else if constexpr (std::is_same_v<T, BoolArray>)
          return array_text<bool>(v.values, limit);
        else
          return array_text<Element>(v, limit);
      },
      value);
}

}  // namespace pq
