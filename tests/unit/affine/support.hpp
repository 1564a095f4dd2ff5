// Encodings of the affine tests.
#pragma once

#include "affine/encoding.hpp"

#include <polyquant/testing/encoding_view_checks.hpp>

#include <catch2/catch.hpp>

#include <memory>
#include <string>

namespace affine_test {

inline std::shared_ptr<const pq::Encoding> from_spec(const std::string& spec) {
  pq::Node values = pq::Node::map();
  for (std::size_t begin = spec.find(':') + 1; begin != 0 && begin < spec.size();) {
    const std::size_t end = std::min(spec.find(',', begin), spec.size()), equals = spec.find('=', begin);
    values.set(spec.substr(begin, equals - begin),
               pq::Node::scalar(spec.substr(equals + 1, end - equals - 1)));
    begin = end + 1;
  }
  return pq::affine::make_affine(values);
}

/// "affine:" with these options.
inline std::shared_ptr<const pq::Encoding> make(const std::string& options) {
  return from_spec("affine:" + options);
}

inline std::vector<std::byte> bytes_of(std::initializer_list<int> values) {
  std::vector<std::byte> bytes;
  for (const int value : values) bytes.push_back(static_cast<std::byte>(value));
  return bytes;
}

inline std::vector<float> decoded(const pq::Encoding& encoding, pq::Bytes row, std::int64_t cols) {
  return pq::testing::decode(encoding, row, 1, cols).values;
}

}  // namespace affine_test
