#include "aligned.hpp"

#include <sys/mman.h>

namespace pq::gptq {
namespace {

constexpr std::size_t kLarge = 1 << 20;
constexpr std::align_val_t kAlignment{64};

}  // namespace

void* allocate_bytes(std::size_t bytes) {
  if (bytes < kLarge) return ::operator new(bytes, kAlignment);
  void* p = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (p == MAP_FAILED) throw std::bad_alloc();
  return p;
}

void free_bytes(void* p, std::size_t bytes) noexcept {
  if (bytes < kLarge)
    ::operator delete(p, kAlignment);
  else
    ::munmap(p, bytes);
}

}  // namespace pq::gptq
