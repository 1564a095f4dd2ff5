#include "cpu_device.hpp"

#include <polyquant/base/error.hpp>
#include <polyquant/plugin.hpp>

namespace pq::cpu {
namespace {

class CpuBackend final : public Backend {
 public:
  const BackendInfo& info() const override { return info_; }
  std::vector<DeviceInfo> devices() const override { return {cpu_info()}; }
  std::unique_ptr<Device> open(int index, Executor& executor) const override {
    if (index != 0)
      throw ResourceError("backend 'cpu' has one device, number 0; there is no number " +
                          std::to_string(index));
    return make_cpu_device(executor);
  }

 private:
  BackendInfo info_{"cpu", "The processor, with the best instruction set that it has."};
};

}  // namespace
}  // namespace pq::cpu

PQ_PLUGIN("cpu", "0.1.0", "Heavy maths on the processor") {
  registry.add(pq::BackendEntry{
      "cpu", "The processor, with the best instruction set that it has.", {}, [](const pq::Node& options) {
        pq::Schema<pq::NoOptions>().parse(options, "cpu");  // there are none: refuses any
        return std::make_unique<pq::cpu::CpuBackend>();
      }});
}
