#include "value_io.hpp"

#include "limits.hpp"

#include <fmt/format.h>

#include <cstring>
#include <iterator>
#include <string>
#include <type_traits>

namespace pq::gguf {
namespace {

// Type ids of the container, section "metadata value type" of the specification.
constexpr std::uint32_t kArrayType = 9;
template <class T>
constexpr std::uint32_t type_id();  // undefined for types that the container lacks
template <>
constexpr std::uint32_t type_id<std::uint8_t>() {
  return 0;
}
template <>
constexpr std::uint32_t type_id<std::int8_t>() {
  return 1;
}
template <>
constexpr std::uint32_t type_id<std::uint16_t>() {
  return 2;
}
template <>
constexpr std::uint32_t type_id<std::int16_t>() {
  return 3;
}
template <>
constexpr std::uint32_t type_id<std::uint32_t>() {
  return 4;
}
template <>
constexpr std::uint32_t type_id<std::int32_t>() {
  return 5;
}
template <>
constexpr std::uint32_t type_id<float>() {
  return 6;
}
template <>
constexpr std::uint32_t type_id<bool>() {
  return 7;
}
template <>
constexpr std::uint32_t type_id<std::string>() {
  return 8;
}
template <>
constexpr std::uint32_t type_id<std::uint64_t>() {
  return 10;
}
template <>
constexpr std::uint32_t type_id<std::int64_t>() {
  return 11;
}
template <>
constexpr std::uint32_t type_id<double>() {
  return 12;
}

template <class T>
MetaValue read_scalar(Cursor& in) {
  if constexpr (std::is_same_v<T, bool>)
    return in.boolean();
  else if constexpr (std::is_same_v<T, std::string>)
    return std::string(in.string("a string"));
  else
    return in.number<T>("a value");
}

// The caller has checked that `count` elements of the smallest size fit into the file, so allocating by it is safe.
template <class T>
MetaValue read_elements(Cursor& in, std::uint64_t count) {
  if constexpr (std::is_same_v<T, bool>) {
    BoolArray array;
    array.values.reserve(count);
    for (std::uint64_t i = 0; i < count; ++i) array.values.push_back(in.boolean() ? 1 : 0);
    return array;
  } else if constexpr (std::is_same_v<T, std::string>) {
    std::vector<std::string> array;
    array.reserve(count);
    for (std::uint64_t i = 0; i < count; ++i) array.emplace_back(in.string("a string of the array"));
    return array;
  } else {
    const Bytes bytes = in.take(count * sizeof(T), "an array");
    std::vector<T> array(count);
    if (count > 0) std::memcpy(array.data(), bytes.data(), bytes.size());
    return array;
  }
}

struct ValueCodec {
  std::uint64_t min_bytes;  // of one element on disk
  MetaValue (*scalar)(Cursor&);
  MetaValue (*elements)(Cursor&, std::uint64_t);
};
template <class T>
constexpr ValueCodec codec_of() {
  return {std::is_same_v<T, std::string> ? 8 : sizeof(T), &read_scalar<T>, &read_elements<T>};
}
constexpr ValueCodec kCodecs[] = {  // by type id
    codec_of<std::uint8_t>(),  codec_of<std::int8_t>(),  codec_of<std::uint16_t>(), codec_of<std::int16_t>(),
    codec_of<std::uint32_t>(), codec_of<std::int32_t>(), codec_of<float>(),         codec_of<bool>(),
    codec_of<std::string>(),   {0, nullptr, nullptr},    codec_of<std::uint64_t>(), codec_of<std::int64_t>(),
    codec_of<double>()};

std::uint32_t read_type(Cursor& in) {
  const auto type = in.number<std::uint32_t>("a value type");
  if (type >= std::size(kCodecs))
    in.fail(fmt::format("value type {} at byte {} does not exist; known are 0 to {}", type,
                        in.position() - sizeof(type), std::size(kCodecs) - 1));
  return type;
}

MetaValue read_array(Cursor& in) {
  const std::uint32_t type = read_type(in);
  const auto count = in.number<std::uint64_t>("an array length");
  if (type == kArrayType)
    in.fail(
        "the value is an array of arrays, which neither llama.cpp nor polyquant reads; store it as one flat "
        "array");
  if (count > kMaxArrayElements || count * kCodecs[type].min_bytes > in.remaining())
    in.fail(
        fmt::format("an array of {} elements cannot be in the {} bytes that follow byte {}; the file is "
                    "truncated or damaged",
                    count, in.remaining(), in.position()));
  return kCodecs[type].elements(in, count);
}

void append_one(std::vector<std::byte>& out, const std::string& text) { append_string(out, text); }
void append_one(std::vector<std::byte>& out, bool value) { append_number<std::uint8_t>(out, value ? 1 : 0); }
template <class T>
void append_one(std::vector<std::byte>& out, T value) {
  append_number<T>(out, value);
}

template <class T>
void append_array(std::vector<std::byte>& out, std::uint32_t type, const std::vector<T>& values) {
  append_number(out, kArrayType);
  append_number(out, type);
  append_number<std::uint64_t>(out, values.size());
  for (const T& value : values) append_one(out, value);
}

struct Appender {
  std::vector<std::byte>& out;

  template <class T>
  void operator()(const T& value) const {
    append_number(out, type_id<T>());
    append_one(out, value);
  }
  template <class T>
  void operator()(const std::vector<T>& values) const {
    append_array(out, type_id<T>(), values);
  }
  void operator()(const BoolArray& array) const { append_array(out, type_id<bool>(), array.values); }
};

}  // namespace

MetaValue read_value(Cursor& in) {
  const std::uint32_t type = read_type(in);
  return type == kArrayType ? read_array(in) : kCodecs[type].scalar(in);
}

void append_value(std::vector<std::byte>& out, const MetaValue& value) { std::visit(Appender{out}, value); }

void append_string(std::vector<std::byte>& out, std::string_view text) {
  append_number<std::uint64_t>(out, text.size());
  append_bytes(out, std::as_bytes(std::span(text)));
}

void append_bytes(std::vector<std::byte>& out, Bytes bytes) {
  out.insert(out.end(), bytes.begin(), bytes.end());
}

}  // namespace pq::gguf
