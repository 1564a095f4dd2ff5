#include "cursor.hpp"

#include "limits.hpp"

#include <polyquant/base/error.hpp>

#include <fmt/format.h>

namespace pq::gguf {

Bytes Cursor::take(std::uint64_t count, std::string_view what) {
  if (count > remaining())
    fail(fmt::format(
        "{} at byte {} takes {} bytes, but the file ends after {} more; it is truncated or damaged", what,
        position_, count, remaining()));
  const Bytes taken = bytes_.subspan(position_, count);
  position_ += count;
  return taken;
}

std::string_view Cursor::string(std::string_view what) {
  const auto length = number<std::uint64_t>(what);
  if (length > kMaxStringBytes)
    fail(fmt::format("{} at byte {} is {} bytes long, more than the limit of {}", what,
                     position_ - sizeof(length), length, kMaxStringBytes));
  const Bytes text = take(length, what);
  return {reinterpret_cast<const char*>(text.data()), text.size()};
}

bool Cursor::boolean() {
  const auto value = number<std::uint8_t>("a boolean");
  if (value > 1)
    note(fmt::format("the boolean at byte {} is stored as {}; only 0 and 1 are defined", position_ - 1,
                     value));
  return value != 0;
}

void Cursor::fail(std::string_view message) const { throw FormatError(located(message)); }

void Cursor::note(std::string_view message) {
  constexpr std::size_t kLimit = 20;  // a damaged file could give one per byte
  if (notes_.size() < kLimit) notes_.push_back(located(message));
}

std::string Cursor::located(std::string_view message) const {
  return subject_.empty() ? fmt::format("{}: {}", file_, message)
                          : fmt::format("{}: {}: {}", file_, subject_, message);
}

}  // namespace pq::gguf
