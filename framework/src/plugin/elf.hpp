// The part of a shared library's file that is read before it is loaded: which plugin symbol does it export?
#pragma once

#include <polyquant/base/bytes.hpp>
#include <polyquant/base/export.hpp>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace pq {

/// An exported data symbol of a shared library.
struct LibrarySymbol {
  std::string name;
  std::uint64_t size = 0;  // of the object that it names
};

/// The exported data symbols whose names begin with `prefix`. Throws PluginError with the reason ("it is no ELF file") if the bytes are
/// no complete shared library of this machine's kind; reads nothing outside of `file`, whatever the headers claim.
PQ_API std::vector<LibrarySymbol> exported_symbols(Bytes file, std::string_view prefix);

}  // namespace pq
