// Vectors at multiples of 64 bytes.
#pragma once

#include <cstddef>
#include <new>
#include <utility>
#include <vector>

namespace pq::gptq {

/// Allocates at multiples of 64 bytes. What is not `zeroed` holds anything at first: whoever writes it first, on whatever thread, gets the pages.
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
  T* allocate(std::size_t n) { return static_cast<T*>(::operator new(n * sizeof(T), kAlignment)); }
  void deallocate(T* p, std::size_t) { ::operator delete(p, kAlignment); }
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
  static constexpr std::align_val_t kAlignment{64};
};
template <class T>
using Aligned = std::vector<T, AlignedAllocator<T, true>>;
template <class T>
using Raw = std::vector<T, AlignedAllocator<T, false>>;

}  // namespace pq::gptq
