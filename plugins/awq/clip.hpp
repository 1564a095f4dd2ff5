// The search for clipping: smaller ranges of weights, where the outputs lose less with them.
#pragma once

#include <polyquant/encoding.hpp>

#include <cstdint>

namespace pq::awq {

/// Encodes rows whose weights are limited to a share of the largest magnitude of their group: 1, 0.95, ..., 0.55 (the shares of AutoAWQ). Each block has
/// the share with the smallest error d G d^T of the outputs of its row, block after block, twice; so the error is never that of all shares 1 or more.
/// `encoding` must not share anything between rows. Each row's bytes depend on that row only.
void encode_clipped(const Encoding& encoding, const RowEncoder& encoder, ConstMatrix gram, ConstMatrix rows,
                    MutableBytes out);

/// Bytes that a call needs beside rows and their bytes.
std::uint64_t clipping_bytes(const Encoding& encoding, std::int64_t cols);

}  // namespace pq::awq
