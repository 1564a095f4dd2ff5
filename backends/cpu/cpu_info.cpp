#include "cpu_device.hpp"

#include <hwy/targets.h>

#include <unistd.h>

#include <fstream>
#include <string>

namespace pq::cpu {
namespace {

/// "AMD EPYC 7B13 64-Core Processor"; "" where the system does not tell (not x86, no /proc).
std::string model_name() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);)
    if (line.rfind("model name", 0) == 0 && line.find(": ") != std::string::npos)
      return line.substr(line.find(": ") + 2);
  return "";
}

}  // namespace

DeviceInfo cpu_info() {
  const std::int64_t targets = hwy::SupportedTargets();
  const std::string target =
      hwy::TargetName(targets & -targets);  // the lowest bit is the best instruction set
  const std::string name = model_name();
  const auto pages = static_cast<std::uint64_t>(sysconf(_SC_PHYS_PAGES));
  return {0, name.empty() ? "processor" : name, target,
          pages * static_cast<std::uint64_t>(sysconf(_SC_PAGE_SIZE))};
}

}  // namespace pq::cpu
