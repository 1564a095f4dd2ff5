#include "report/json_values.hpp"

#include <polyquant/base/error.hpp>
#include <polyquant/base/file.hpp>

#include <array>
#include <charconv>
#include <cmath>
#include <stdexcept>
#include <type_traits>

namespace pq {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::uint64_t kMaxFileBytes = 64ull << 20;
constexpr int kMaxDepth = 64;  // the library prints nested values by recursion

template <class T>
Json value_of(const T& value) {
  if constexpr (std::is_floating_point_v<T>)
    return json_number(value);
  else
    return Json(value);
}
template <class T>
Json value_of(const std::vector<T>& values) {
  Json list = Json::array();
  for (const T& value : values) list.push_back(value_of(value));
  return list;
}
Json value_of(const BoolArray& values) {
  Json list = Json::array();
  for (const std::uint8_t value : values.values) list.push_back(value != 0);
  return list;
}

}  // namespace

Json json_number(double value) { return std::isfinite(value) ? Json(value) : Json(); }

Json json_number(float value) {
  std::array<char, 32> text = {};
  double shortest = 0;
  if (!std::isfinite(value)) return {};
  const auto written = std::to_chars(text.data(), text.data() + text.size(), value);
  std::from_chars(text.data(), written.ptr, shortest);
  return shortest;
}

Json json_of(const Metadata& metadata) {
  // Keys are unique: looking for each among all others would take the square of their number.
  Json::object_t result;
  for (const auto& [key, value] : metadata.entries())
    static_cast<std::vector<Json::object_t::value_type>&>(result).emplace_back(
        key, std::visit([](const auto& v) { return value_of(v); }, value));
  return result;
}

Json json_file_or_null(const std::filesystem::path& file) {
  try {
    const auto shallow = [](int depth, Json::parse_event_t, Json&) {
      if (depth > kMaxDepth) throw std::length_error("too deep");
      return true;
    };
    return Json::parse(read_text_file(file, kMaxFileBytes), shallow);
  } catch (const Error&) {
  } catch (const Json::exception&) {
  } catch (const std::length_error&) {
  }
  return {};
}

}  // namespace pq
