#include "chat/from_json.hpp"

namespace pq::jinja {

Value from_json(Runtime& runtime, const Json& json) {
  struct Visitor {
    Runtime& runtime;
    Value operator()(std::monostate) const { return {}; }
    Value operator()(bool x) const { return Value(x); }
    Value operator()(std::int64_t x) const { return Value(x); }
    Value operator()(double x) const { return Value(x); }
    Value operator()(const std::string& x) const { return runtime.text(x); }
    Value operator()(const Json::Array& x) const {
      std::vector<Value> items;
      for (const Json& item : x) items.push_back(from_json(runtime, item));
      return runtime.list(std::move(items));
    }
    Value operator()(const Json::Object& x) const {
      std::vector<std::pair<Value, Value>> items;
      for (const auto& [key, item] : x) items.emplace_back(runtime.text(key), from_json(runtime, item));
      return runtime.dict(std::move(items));
    }
  };
  return std::visit(Visitor{runtime}, json.data());
}

}  // namespace pq::jinja
