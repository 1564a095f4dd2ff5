// Vectors at multiples of 64 bytes.
#pragma once

#include <cstddef>
#include <new>
#include <utility>
#include <vector>

namespace pq::gptq {

/// Memory at a multiple of 64 bytes. Large blocks are the system's own and go back to it: between the small ones of other threads their memory would
/// be kept, and be half as much again after some layers.
void* allocate_bytes(std::size_t bytes);
void free_bytes(void* p, std::size_t bytes) noexcept;

/// Allocates with these. What is not `zeroed` holds anything at first: whoever writes it first, on whatever thread, gets the pages.
template <class T, bool zeroed>
struct AlignedAllocator {
  using value_type = T;
  template <class U>
  struct rebind {
    using other = AlignedAllocator<U, zeroed>;
  };
  AlignedAllocator() = default;
  template <class U>
  AlignedAllocator(const AlignedAllocator<U, zeroed>&) {}
  T* allocate(std::size_t n) { return static_cast<T*>(allocate_bytes(n * sizeof(T))); }
  void deallocate(T* p, std::size_t n) { free_bytes(p, n * sizeof(T)); }
  template <class U>
  void construct(U* p) {
    if constexpr (zeroed)
      ::new (static_cast<void*>(p)) U();
    else
      ::new (static_cast<void*>(p)) U;
  }
  template <class U, class... Values>
  void construct(U* p, Values&&... values) {
    ::new (static_cast<void*>(p)) U(std::forward<Values>(values)...);
  }
  friend bool operator==(const AlignedAllocator&, const AlignedAllocator&) { return true; }
};
template <class T>
using Aligned = std::vector<T, AlignedAllocator<T, true>>;
template <class T>
using Raw = std::vector<T, AlignedAllocator<T, false>>;

}  // namespace pq::gptq
