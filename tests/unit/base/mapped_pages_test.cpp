// What stays in memory of a mapped file, and of what was freed.
#include "base/freed_memory.hpp"
#include "base/support.hpp"

#include <polyquant/base/file.hpp>

#include <catch2/catch.hpp>

#include <cstdlib>
#include <fstream>
#include <string>
#include <vector>

using namespace pq;
using namespace pq::test;

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define PQ_OWN_ALLOCATOR  // of the sanitizer, which keeps what is freed
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define PQ_OWN_ALLOCATOR
#endif
#endif

namespace {

constexpr std::uint64_t kMiB = 1 << 20;

/// MiB of the file's mapping that are in memory.
std::uint64_t resident(const std::filesystem::path& path) {
  std::ifstream maps("/proc/self/smaps");
  bool is_here = false;
  for (std::string line; std::getline(maps, line);) {
    if (line.find(path.string()) != std::string::npos)
      is_here = true;
    else if (is_here && line.rfind("Rss:", 0) == 0)
      return std::strtoull(line.c_str() + 4, nullptr, 10) / 1024;
  }
  return 0;
}

void touch(const MappedFile& file) {
  unsigned sum = 0;
  for (std::uint64_t at = 0; at < file.size(); at += 4096) sum += static_cast<unsigned>(file.bytes()[at]);
  CHECK(sum == 0);
}

#ifndef PQ_OWN_ALLOCATOR
/// Bytes of this process that are no pages of files.
std::uint64_t anonymous_bytes() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);)
    if (line.rfind("RssAnon:", 0) == 0) return std::strtoull(line.c_str() + 8, nullptr, 10) * 1024;
  return 0;
}
#endif

std::filesystem::path file_of_28_mib(const TempFolder& folder) {
  const auto path = folder / "holes";
  std::ofstream(path).close();
  std::filesystem::resize_file(path, 28 * kMiB);
  return path;
}

}  // namespace

TEST_CASE("mapped file: small ranges are given back window by window, with windows behind", "[file][unit]") {
  const TempFolder folder;
  const auto path = file_of_28_mib(folder);
  const MappedFile file(path);
  touch(file);
  REQUIRE(resident(path) == 28);
  file.release(0, kMiB);
  CHECK(resident(path) == 28);  // no window has ended
  file.release(8 * kMiB - 4096, 8192);
  CHECK(resident(path) == 20);
  touch(file);  // a thread that is late comes back
  file.release(16 * kMiB - 4096, 4096);
  CHECK(resident(path) == 12);
  file.release(27 * kMiB, kMiB);
  CHECK(resident(path) == 0);  // the last window is short
}

TEST_CASE("mapped file: large ranges are given back to their last page", "[file][unit]") {
  const TempFolder folder;
  const auto path = file_of_28_mib(folder);
  const MappedFile file(path);
  touch(file);
  file.release(9 * kMiB, 2 * kMiB);
  CHECK(resident(path) == 17);
}

#ifndef PQ_OWN_ALLOCATOR
TEST_CASE("freed memory: goes back to the system although a block above it is in use", "[base][unit]") {
  std::vector<std::vector<char>> blocks;
  for (int i = 0; i < 400; ++i) blocks.emplace_back(64 * 1024, 'x');
  const std::vector<char> last(1024, 'x');
  const std::uint64_t before = anonymous_bytes();
  blocks.clear();
  give_back_freed_memory();
  if (before == 0) return;  // the system does not say
  CHECK(anonymous_bytes() + 20 * kMiB < before);
}
#endif
