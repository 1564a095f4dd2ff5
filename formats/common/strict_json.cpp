#include "common/strict_json.hpp"

#include "common/printable.hpp"

#include <polyquant/base/error.hpp>
#include <polyquant/base/text.hpp>

#include <fmt/format.h>

#include <unordered_set>
#include <vector>

namespace pq::hf {
namespace {

using nlohmann::json;

constexpr int kMaxDepth = 64;

// Sees every event of the parser and stops it at the first member that is repeated or too deep.
class Watch {
 public:
  explicit Watch(const std::string& where) : where_(where) {}

  bool operator()(int depth, json::parse_event_t event, const json& parsed) {
    if (depth > kMaxDepth)
      throw FormatError(fmt::format("{}: nested more than {} levels deep", where_, kMaxDepth));
    if (event == json::parse_event_t::object_start) names_.emplace_back();
    if (event == json::parse_event_t::object_end) names_.pop_back();
    if (event == json::parse_event_t::key && !names_.back().insert(parsed.get<std::string>()).second)
      throw FormatError(fmt::format("{}: {} is listed twice", where_, shown(parsed.get<std::string>())));
    return true;
  }

 private:
  const std::string& where_;
  std::vector<std::unordered_set<std::string>> names_;  // of the open objects
};

}  // namespace

json parse_strict_json(std::string_view text, const std::string& where) {
  // nlohmann takes NUL for the end of the text.
  if (!is_utf8(text) || text.find('\0') != std::string_view::npos)
    throw FormatError(where + ": is not UTF-8 text");
  Watch watch(where);
  try {
    return json::parse(text, [&](int depth, json::parse_event_t event, json& parsed) {
      return watch(depth, event, parsed);
    });
  } catch (const json::parse_error& error) {
    throw FormatError(
        fmt::format("{}: is not valid JSON at byte {}; the file is damaged or cut off, fetch it again", where,
                    error.byte == 0 ? 0 : error.byte - 1));
  }
}

}  // namespace pq::hf
