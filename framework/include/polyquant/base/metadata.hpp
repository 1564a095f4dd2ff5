// Typed key-value metadata in file order, wide enough for every GGUF type and for safetensors' strings.
#pragma once

#include <polyquant/base/export.hpp>

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace pq {

/// One metadata value. The alternative is the type in the file; writers keep it. Arrays hold one type only; `std::vector<bool>` is
/// avoided: an array of booleans is `BoolArray`.
struct BoolArray {
  std::vector<std::uint8_t> values;  // 0 or 1
  bool operator==(const BoolArray&) const = default;
};
using MetaValue =
    std::variant<std::uint8_t, std::int8_t, std::uint16_t, std::int16_t, std::uint32_t, std::int32_t, float,
                 bool, std::string, std::uint64_t, std::int64_t, double, std::vector<std::uint8_t>,
                 std::vector<std::int8_t>, std::vector<std::uint16_t>, std::vector<std::int16_t>,
                 std::vector<std::uint32_t>, std::vector<std::int32_t>, std::vector<float>, BoolArray,
                 std::vector<std::string>, std::vector<std::uint64_t>, std::vector<std::int64_t>,
                 std::vector<double>>;

/// Metadata of a model file: unique keys in file order. Plain data, no synchronisation of its own.
class PQ_API Metadata {
 public:
  using Entry = std::pair<std::string, MetaValue>;

  const std::vector<Entry>& entries() const noexcept { return entries_; }
  bool empty() const noexcept { return entries_.empty(); }
  /// The value of `key`, or nullptr.
  const MetaValue* find(std::string_view key) const noexcept;
  /// Appends, or replaces the value where the key stands.
  void set(std::string key, MetaValue value);
  /// Appends without looking for `key`, in constant time: for readers, which check all keys of a file for duplicates at once.
  void append(std::string key, MetaValue value) { entries_.emplace_back(std::move(key), std::move(value)); }
  /// Removes `key` if it is there.
  void erase(std::string_view key);

  /// Typed look-ups; any integer type that fits is accepted. Absent key: `fallback`. Wrong type: FormatError naming key and type.
  std::int64_t integer(std::string_view key, std::int64_t fallback) const;
  double number(std::string_view key, double fallback) const;
  std::string string(std::string_view key, std::string fallback) const;
  bool boolean(std::string_view key, bool fallback) const;

 private:
  std::vector<Entry> entries_;
};

/// "u32", "string", "array of f32", ...: the type's name in messages and listings.
PQ_API std::string type_name(const MetaValue& value);

/// The value for people: strings in quotes, arrays as their first elements and length, at most about `limit` characters.
PQ_API std::string display(const MetaValue& value, std::size_t limit = 80);

}  // namespace pq
