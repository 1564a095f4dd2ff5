#include "header.hpp"

#include "cursor.hpp"
#include "limits.hpp"
#include "quote.hpp"
#include "tensor_reader.hpp"
#include "value_io.hpp"

#include <polyquant/base/text.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <string_view>
#include <utility>
#include <variant>

namespace pq::gguf {
namespace {

constexpr std::uint64_t kMinKeyBytes = 8 + 1 + 4 + 1;  // length, one character, type, one byte of value
constexpr std::uint64_t kMinTensorBytes =
    8 + 0 + 4 + 4 + 8;  // name length, no name, no dimensions, type, offset

void read_magic(Cursor& in) {
  const Bytes magic = in.take(sizeof(kMagic), "the magic number");
  if (std::memcmp(magic.data(), kMagic, sizeof(kMagic)) != 0)
    in.fail(fmt::format("this is no GGUF file: it begins with {} instead of 'GGUF'",
                        quote({reinterpret_cast<const char*>(magic.data()), magic.size()})));
}

std::uint32_t read_version(Cursor& in) {
  const auto version = in.number<std::uint32_t>("the version");
  if (version != 0 && (version & 0xFFFF) == 0)
    in.fail(
        "the file is big-endian, only little-endian files can be read; convert it on the machine type that "
        "it was made for");
  if (version == 1)
    in.fail("GGUF version 1 is no longer read by any current program; convert the model again");
  if (version != 2 && version != 3)
    in.fail(fmt::format("GGUF version {} is unknown; versions 2 and 3 can be read", version));
  return version;
}

struct Counts {
  std::uint64_t tensors = 0, keys = 0;
};
Counts read_counts(Cursor& in) {
  Counts counts;
  counts.tensors = in.number<std::uint64_t>("the number of tensors");
  counts.keys = in.number<std::uint64_t>("the number of keys");
  // Divided rather than multiplied: the counts may be anything.
  const std::uint64_t room = in.remaining();
  if (counts.tensors > room / kMinTensorBytes || counts.keys > room / kMinKeyBytes ||
      counts.tensors * kMinTensorBytes + counts.keys * kMinKeyBytes > room)
    in.fail(fmt::format(
        "the header announces {} tensors and {} keys, which cannot be in the {} bytes that follow",
        counts.tensors, counts.keys, room));
  return counts;
}

void check_key(Cursor& in, std::string_view key) {
  if (key.empty()) in.fail("a key is empty");
  if (key.size() > kMaxKeyBytes)
    in.fail(fmt::format("a key is {} bytes long, {} are allowed", key.size(), kMaxKeyBytes));
  if (!is_utf8(key) || key.find('\0') != key.npos)
    in.fail(fmt::format("key {} is not valid UTF-8 text", quote(key)));
}

void check_unique_keys(Cursor& in, const Metadata& metadata) {
  std::vector<std::string_view> keys;
  keys.reserve(metadata.entries().size());
  for (const Metadata::Entry& entry : metadata.entries()) keys.push_back(entry.first);
  std::sort(keys.begin(), keys.end());
  const auto twice = std::adjacent_find(keys.begin(), keys.end());
  if (twice != keys.end()) in.fail(fmt::format("key {} is there twice", quote(*twice)));
}

Metadata read_metadata(Cursor& in, std::uint64_t count) {
  Metadata metadata;
  for (std::uint64_t i = 0; i < count; ++i) {
    in.set_subject(fmt::format("key {} of {}", i + 1, count));
    const std::string_view key = in.string("the key");
    check_key(in, key);
    in.set_subject("key " + quote(key));
    metadata.append(std::string(key), read_value(in));
  }
  in.set_subject("");
  check_unique_keys(in, metadata);
  return metadata;
}

std::uint64_t alignment_of(Cursor& in, const Metadata& metadata) {
  const MetaValue* value = metadata.find(kAlignmentKey);
  if (value == nullptr) return kDefaultAlignment;
  const auto* alignment = std::get_if<std::uint32_t>(value);
  if (alignment == nullptr)
    in.fail(fmt::format("key '{}' has type {}, it must be a u32", kAlignmentKey, type_name(*value)));
  if (!std::has_single_bit(*alignment))
    in.fail(fmt::format("key '{}' is {}, it must be a power of two", kAlignmentKey, *alignment));
  return *alignment;
}

}  // namespace

FileHeader read_header(Bytes bytes, const std::string& file) {
  Cursor in(bytes, file);
  FileHeader header;
  read_magic(in);
  header.version = read_version(in);
  const Counts counts = read_counts(in);
  header.metadata = read_metadata(in, counts.keys);
  header.alignment = alignment_of(in, header.metadata);
  header.tensors = read_tensors(in, counts.tensors);
  header.data_start = round_up(in.position(), header.alignment);
  check_placement(in, header, bytes.size());
  header.notes = in.take_notes();
  return header;
}

}  // namespace pq::gguf
