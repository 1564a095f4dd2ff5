// Backends that answer a choice and compute nothing: `absent` finds no device, `twin` has two and is preferred to the processor.
#include <polyquant/base/error.hpp>
#include <polyquant/plugin.hpp>

#include <utility>

namespace {

class ChosenOnly final : public pq::Backend {
 public:
  ChosenOnly(pq::BackendInfo info, int devices) : info_(std::move(info)), devices_(devices) {}
  const pq::BackendInfo& info() const override { return info_; }
  std::vector<pq::DeviceInfo> devices() const override {
    std::vector<pq::DeviceInfo> list;
    for (int i = 0; i < devices_; ++i) list.push_back({i, "twin " + std::to_string(i), "none", 0});
    return list;
  }
  std::unique_ptr<pq::Device> open(int, pq::Executor&) const override {
    throw pq::ResourceError("this backend is never opened");
  }

 private:
  pq::BackendInfo info_;
  int devices_;
};

void add(pq::Registry& registry, const std::string& id, int devices, int priority) {
  registry.add(pq::BackendEntry{
      id, "For a choice.", {}, [=](const pq::Node& options) {
        pq::Schema<pq::NoOptions>().parse(options, id);
        return std::make_unique<ChosenOnly>(pq::BackendInfo{id, "For a choice.", priority}, devices);
      }});
}

}  // namespace

PQ_PLUGIN("backends", "1.0.0", "Backends for a choice") {
  add(registry, "absent", 0, 20);
  add(registry, "twin", 2, 10);
}
