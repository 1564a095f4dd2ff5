#include "plugin/registration.hpp"

#include <polyquant/base/error.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <exception>

namespace pq {
namespace {

// Ids appear in file names, YAML and `name:key=value`, so they are plain.
bool is_id(std::string_view id) {
  const auto plain = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
  };
  return !id.empty() && id.size() <= 64 && std::all_of(id.begin(), id.end(), plain);
}

class Collector final : public Registry {
 public:
  explicit Collector(std::string owner) : owner_(std::move(owner)) {}

  void add(EncodingEntry entry) override { add_to(components_.encodings, "encoding", std::move(entry)); }
  void add(QuantizerEntry entry) override { add_to(components_.quantizers, "quantizer", std::move(entry)); }
  void add(FormatEntry entry) override { add_to(components_.formats, "format", std::move(entry)); }
  void add(BackendEntry entry) override { add_to(components_.backends, "backend", std::move(entry)); }
  void add(DeviceCodecEntry entry) override {
    if (!is_id(entry.encoding) || !is_id(entry.backend) || !entry.make)
      reject("device codec", entry.encoding);
    // Before the entry is moved: the order of arguments is not fixed.
    std::string id = entry.encoding + " on " + entry.backend;
    insert(components_.device_codecs, "device codec", std::move(id), std::move(entry));
  }

  Components take() { return std::move(components_); }

 private:
  template <class EntryType>
  void add_to(OwnedById<EntryType>& components, const char* kind, EntryType entry) {
    if (!is_id(entry.id) || !entry.make) reject(kind, entry.id);
    std::string id = entry.id;
    insert(components, kind, std::move(id), std::move(entry));
  }

  template <class EntryType>
  void insert(OwnedById<EntryType>& components, const char* kind, std::string id, EntryType entry) {
    const auto [place, added] =
        components.try_emplace(std::move(id), Owned<EntryType>{std::move(entry), owner_});
    if (!added) throw PluginError(fmt::format("it registers the {} '{}' twice", kind, place->first));
  }

  [[noreturn]] static void reject(const char* kind, const std::string& id) {
    throw PluginError(fmt::format(
        "its {} '{}' has no factory, or an id of other characters than a-z, 0-9, _ and -", kind, id));
  }

  std::string owner_;
  Components components_;
};

template <class EntryType>
void check_free(const OwnedById<EntryType>& taken, const OwnedById<EntryType>& wanted, const char* kind) {
  for (const auto& [id, added] : wanted)
    if (const auto found = taken.find(id); found != taken.end())
      throw PluginError(
          fmt::format("plugin {} provides the {} '{}', which plugin {} provides already; remove one of them",
                      added.owner, kind, id, found->second.owner));
}

template <class EntryType>
void append(std::vector<PluginStatus::Provided>& list, const OwnedById<EntryType>& components,
            const char* kind) {
  for (const auto& item :
       components) {  // no structured binding: clang 14 does not take one in a requires-expression
    if constexpr (requires { item.second.entry.summary; })
      list.push_back({kind, item.first, item.second.entry.summary});
    else
      list.push_back({kind, item.first, ""});
  }
}

}  // namespace

void Components::merge(Components&& other) {
  check_free(encodings, other.encodings, "encoding");
  check_free(quantizers, other.quantizers, "quantizer");
  check_free(formats, other.formats, "format");
  check_free(backends, other.backends, "backend");
  check_free(device_codecs, other.device_codecs, "device codec");
  encodings.merge(other.encodings);
  quantizers.merge(other.quantizers);
  formats.merge(other.formats);
  backends.merge(other.backends);
  device_codecs.merge(other.device_codecs);
}

std::vector<PluginStatus::Provided> Components::list() const {
  std::vector<PluginStatus::Provided> all;
  append(all, encodings, "encoding");
  append(all, quantizers, "quantizer");
  append(all, formats, "format");
  append(all, backends, "backend");
  append(all, device_codecs, "device codec");
  return all;
}

Components register_plugin(const PluginDescriptor& descriptor, const std::string& owner) {
  Collector collector(owner);
  try {
    descriptor.register_components(collector);
  } catch (const std::exception& error) {
    throw PluginError(fmt::format("plugin {} cannot be registered: {}", owner, error.what()));
  } catch (...) {
    throw PluginError(
        fmt::format("plugin {} cannot be registered: it threw something that is no std::exception", owner));
  }
  return collector.take();
}

}  // namespace pq
