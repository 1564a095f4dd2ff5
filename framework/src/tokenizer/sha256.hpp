// SHA-256 (FIPS 180-4).
#pragma once

#include <polyquant/base/bytes.hpp>

#include <string>

namespace pq {

/// The digest of `data` as 64 lower-case hexadecimal digits. Callable from any thread.
std::string sha256_hex(Bytes data);

}  // namespace pq
