#include "base/json.hpp"

#include "base/json_builder.hpp"

#include <polyquant/base/error.hpp>

#include <algorithm>
#include <limits>
#include <numeric>

namespace pq {
namespace {

constexpr std::size_t kMaxDepth = 200;

/// Of members with the same key the value of the last one stays, at the place of the first, as in Python.
void drop_duplicates(Json::Object& members) {
  std::vector<std::size_t> order(members.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  const auto same = [&](std::size_t a, std::size_t b) { return members[a].first == members[b].first; };
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return members[a].first < members[b].first; });
  if (std::adjacent_find(order.begin(), order.end(), same) == order.end()) return;
  std::vector<bool> dropped(members.size(), false);
  for (std::size_t first = 0, i = 1; i < order.size(); ++i) {
    if (!same(order[first], order[i])) {
      first = i;
      continue;
    }
    members[order[first]].second = std::move(members[order[i]].second);
    dropped[order[i]] = true;
  }
  Json::Object kept;
  for (std::size_t i = 0; i < members.size(); ++i)
    if (!dropped[i]) kept.push_back(std::move(members[i]));
  members = std::move(kept);
}

nlohmann::ordered_json to_nlohmann(const Json& value) {
  using Out = nlohmann::ordered_json;
  struct Visitor {
    Out operator()(std::monostate) const { return nullptr; }
    Out operator()(bool x) const { return x; }
    Out operator()(std::int64_t x) const { return x; }
    Out operator()(double x) const { return x; }
    Out operator()(const std::string& x) const { return x; }
    Out operator()(const Json::Array& x) const {
      Out out = Out::array();
      for (const Json& item : x) out.push_back(to_nlohmann(item));
      return out;
    }
    Out operator()(const Json::Object& x) const {
      Out out = Out::object();
      for (const auto& [key, item] : x) out[key] = to_nlohmann(item);
      return out;
    }
  };
  return std::visit(Visitor{}, value.data());
}

}  // namespace

const Json* Json::find(std::string_view key) const noexcept {
  const auto* object = std::get_if<Object>(&data_);
  if (object == nullptr) return nullptr;
  for (const auto& [name, value] : *object)
    if (name == key) return &value;
  return nullptr;
}

const Json* Json::find_path(std::string_view path) const noexcept {
  if (const Json* direct = find(path)) return direct;
  for (std::size_t dot = path.find('.'); dot != std::string_view::npos; dot = path.find('.', dot + 1)) {
    const Json* child = find(path.substr(0, dot));
    if (child == nullptr) continue;
    if (const Json* found = child->find_path(path.substr(dot + 1))) return found;
  }
  return nullptr;
}

void Json::set(std::string key, Json value) {
  if (is_null()) data_ = Object();
  auto& members = std::get<Object>(data_);
  for (auto& [name, old] : members) {
    if (name != key) continue;
    old = std::move(value);
    return;
  }
  members.emplace_back(std::move(key), std::move(value));
}

std::string_view Json::kind_name() const noexcept {
  constexpr std::string_view kNames[] = {"null",     "a boolean", "a number", "a number",
                                         "a string", "a list",    "a map"};
  return kNames[data_.index()];
}

bool JsonBuilder::number_unsigned(number_unsigned_t value) {
  if (value > static_cast<number_unsigned_t>(std::numeric_limits<std::int64_t>::max()))
    return put(Json(static_cast<double>(value)));
  return put(Json(static_cast<std::int64_t>(value)));
}

bool JsonBuilder::key(string_t& name) {
  key_ = std::move(name);
  return true;
}

bool JsonBuilder::parse_error(std::size_t, const std::string&, const nlohmann::detail::exception& error) {
  error_ = error.what();
  if (const std::size_t bracket = error_.find("] "); bracket != std::string::npos)
    error_.erase(0, bracket + 2);
  return false;
}

Json* JsonBuilder::place(Json value) {
  if (open_.empty()) {
    root_ = std::move(value);
    return &root_;
  }
  Json& parent = *open_.back();
  if (parent.is_array()) return &parent.array().emplace_back(std::move(value));
  return &parent.object().emplace_back(key_, std::move(value)).second;
}

bool JsonBuilder::put(Json value) {
  place(std::move(value));
  return true;
}

bool JsonBuilder::open(Json value) {
  if (open_.size() >= kMaxDepth) {
    error_ = "nested more than " + std::to_string(kMaxDepth) + " levels deep";
    return false;
  }
  open_.push_back(place(std::move(value)));
  return true;
}

bool JsonBuilder::close() {
  if (open_.back()->is_object()) drop_duplicates(open_.back()->object());
  open_.pop_back();
  return true;
}

void read_json(std::string_view text, const std::string& source, JsonBuilder& handler) {
  if (nlohmann::json::sax_parse(text.begin(), text.end(), &handler)) return;
  throw FormatError(source + ": not valid JSON: " + handler.error());
}

Json json_object(std::initializer_list<std::pair<const char*, Json>> members) {
  Json::Object result;
  for (const auto& [key, value] : members) result.emplace_back(key, value);
  return Json(std::move(result));
}

Json parse_json(std::string_view text, const std::string& source) {
  JsonBuilder builder;
  read_json(text, source, builder);
  return std::move(builder.root());
}

std::string to_json(const Json& value, int indent) {
  return to_nlohmann(value).dump(indent, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

}  // namespace pq
