#include "run/peak_memory.hpp"

#include <sys/resource.h>

#include <charconv>
#include <fstream>
#include <string>

namespace pq {
namespace {

/// "VmHWM:   36860 kB". Unlike ru_maxrss it does not start with the size of the process that started this one.
std::uint64_t high_water_mark() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.rfind("VmHWM:", 0) != 0) continue;
    const std::size_t digits = line.find_first_of("0123456789");
    std::uint64_t kibibytes = 0;
    if (digits != std::string::npos)
      std::from_chars(line.data() + digits, line.data() + line.size(), kibibytes);
    return kibibytes * 1024;
  }
  return 0;
}

}  // namespace

std::uint64_t peak_memory_bytes() {
  if (const std::uint64_t bytes = high_water_mark(); bytes > 0) return bytes;
  rusage usage{};
  if (getrusage(RUSAGE_SELF, &usage) != 0) return 0;
  return static_cast<std::uint64_t>(usage.ru_maxrss) * 1024;
}

}  // namespace pq
