// A config.json of transformers 4, of transformers 5, an old one, and one without the class defaults are the same model.
#include "model/family.hpp"
#include "model/tiny_model.hpp"

#include <catch2/catch.hpp>

#include <fstream>

using namespace pq;

namespace {

Json without(const Json& object, const std::vector<std::string>& keys) {
  Json::Object kept;
  for (const auto& [key, value] : object.object())
    if (std::find(keys.begin(), keys.end(), key) == keys.end()) kept.emplace_back(key, value);
  return Json(std::move(kept));
}

void rename(Json& object, const std::string& from, const std::string& to) {
  for (auto& member : object.object())
    if (member.first == from) member.first = to;
}

// One `rope_parameters`, or one per layer type where the layers differ.
Json version5(Json config) {
  rename(config, "torch_dtype", "dtype");
  if (config.find("rope_parameters") != nullptr || config.find("rope_theta") == nullptr) return config;
  Json rope = config.find("rope_scaling") == nullptr || config.find("rope_scaling")->is_null()
                  ? json_object({{"rope_type", Json("default")}})
                  : *config.find("rope_scaling");
  rename(rope, "type", "rope_type");
  for (const char* key : {"rope_theta", "partial_rotary_factor"})
    if (const Json* value = config.find(key)) rope.set(key, *value);
  if (const Json* local = config.find("rope_local_base_freq"))
    rope = json_object(
        {{"full_attention", rope},
         {"sliding_attention", json_object({{"rope_type", Json("default")}, {"rope_theta", *local}})}});
  config = without(config, {"rope_theta", "rope_scaling", "rope_local_base_freq", "partial_rotary_factor"});
  config.set("rope_parameters", rope);
  return config;
}

Json version4(Json config) {
  rename(config, "dtype", "torch_dtype");
  const Json* found = config.find("rope_parameters");
  if (found == nullptr) return config;
  const Json* full = found->find("full_attention");
  const Json rope = full == nullptr ? *found : *full;
  const Json* local = found->find_path("sliding_attention.rope_theta");
  if (local != nullptr && *local != *rope.find("rope_theta")) config.set("rope_local_base_freq", *local);
  for (const char* key : {"rope_theta", "partial_rotary_factor"})
    if (const Json* value = rope.find(key)) config.set(key, *value);
  const Json scaling = without(rope, {"rope_theta", "partial_rotary_factor"});
  config.set("rope_scaling", *scaling.find("rope_type") == Json("default") ? Json() : scaling);
  return without(config, {"rope_parameters"});
}

Json old(const Json& config) {
  Json result = version4(config);
  for (auto& [key, value] : result.object())
    if (key == "rope_scaling" && value.is_object()) rename(value, "rope_type", "type");
  return result;
}

Json minimal(const Json& config) {
  const Json full = version4(config);
  const Json& defaults = find_family(installed_families(), config)->defaults;
  std::vector<std::string> keys;
  for (const auto& [key, value] : full.object())
    if (const Json* usual = defaults.find(key); usual != nullptr && *usual == value) keys.push_back(key);
  return without(full, keys);
}

std::shared_ptr<const ModelView> view_of(const std::string& name, const Json& config) {
  const tiny::Copy copy(name);
  std::ofstream(copy.path() / "config.json") << to_json(config);
  ViewOptions options = tiny::options(name);
  options.name = "Tiny";
  return make_view(tiny::open_folder(copy.path()), copy.path(), Dialect::gguf, options);
}

// The keys but for "general.", which come from the folder's name.
std::vector<std::string> own_keys(const ModelView& view) {
  std::vector<std::string> keys;
  for (const auto& entry : view.metadata.entries())
    if (!entry.first.starts_with("general.")) keys.push_back(entry.first);
  return keys;
}

}  // namespace

TEST_CASE("config styles: versions 4 and 5, old and minimal ones give the same GGUF", "[model][golden]") {
  const std::string name = GENERATE(from_range(tiny::checkpoints()));
  const auto [style, convert] = GENERATE(table<std::string, Json (*)(Json)>({
      {"v5", [](Json config) { return version5(std::move(config)); }},
      {"v4", [](Json config) { return version4(std::move(config)); }},
      {"v4old", [](Json config) { return old(config); }},
      {"minimal", [](Json config) { return minimal(config); }},
  }));
  const Json config = tiny::config(name), other = convert(config);
  INFO(name << " as " << style << ": " << to_json(other));
  const auto expected = view_of(name, config), found = view_of(name, other);
  REQUIRE(found->tensors.size() == expected->tensors.size());
  for (std::size_t i = 0; i < found->tensors.size(); ++i) {
    CHECK(found->tensors[i].name == expected->tensors[i].name);
    CHECK(found->tensors[i].shape == expected->tensors[i].shape);
    CHECK(found->tensors[i].generated == expected->tensors[i].generated);
  }
  CHECK(own_keys(*found) == own_keys(*expected));
  for (const auto& [key, value] : expected->metadata.entries()) {
    if (key.starts_with("general.")) continue;
    INFO(key);
    REQUIRE(found->metadata.find(key) != nullptr);
    CHECK((*found->metadata.find(key) == value ? "equal" : display(*found->metadata.find(key))) == "equal");
  }
  CHECK(found->warnings == expected->warnings);
}
