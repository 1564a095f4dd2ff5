// What the tests of the GGUF format share: files made byte by byte, and folders for them.
#pragma once

#include "../../support/format_plugin.hpp"

#include <polyquant/base/bytes.hpp>
#include <polyquant/base/error.hpp>
#include <polyquant/format.hpp>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace gguf_test {

/// Appends the fields of a file, little-endian.
struct Raw {
  std::string bytes;

  template <class T>
  Raw& number(T value) {
    bytes.append(reinterpret_cast<const char*>(&value), sizeof(T));
    return *this;
  }
  Raw& u8(std::uint8_t value) { return number(value); }
  Raw& u16(std::uint16_t value) { return number(value); }
  Raw& u32(std::uint32_t value) { return number(value); }
  Raw& u64(std::uint64_t value) { return number(value); }
  Raw& text(std::string_view value) {
    u64(value.size());
    bytes += value;
    return *this;
  }
  Raw& fill(std::size_t count, char value = 0) {
    bytes.append(count, value);
    return *this;
  }
  Raw& pad(std::size_t alignment = 32) { return fill((alignment - bytes.size() % alignment) % alignment); }

  /// Magic, version and counts.
  static Raw start(std::uint64_t tensors, std::uint64_t keys, std::uint32_t version = 3);
  Raw& key_u32(std::string_view key, std::uint32_t value) { return text(key).u32(4).u32(value); }
  Raw& key_text(std::string_view key, std::string_view value) { return text(key).u32(8).text(value); }
  Raw& tensor(std::string_view name, const std::vector<std::uint64_t>& dims, std::uint32_t type,
              std::uint64_t offset);
};

/// A folder that is removed with all it holds.
class Folder {
 public:
  Folder();
  ~Folder();
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  std::filesystem::path operator/(const std::string& name) const { return path_ / name; }
  std::vector<std::string> names() const;  // sorted

 private:
  std::filesystem::path path_;
};

const pq::Format& format();

void write_file(const std::filesystem::path& path, std::string_view bytes);
std::string read_file(const std::filesystem::path& path);

/// Opens a file with these bytes; it is removed at once, as the mapping keeps it.
std::unique_ptr<pq::ModelReader> open_bytes(std::string_view bytes);

/// The message of the FormatError that opening gives; "" if it succeeds.
std::string open_error(std::string_view bytes);

/// The same for many inputs in a row: the file lies in memory and has no name.
std::string quick_open_error(std::string_view bytes);

/// All rows of a tensor as stored.
std::string all_rows(const pq::ModelReader& reader, std::size_t tensor);

/// Writes a model with these bytes for each tensor and gives it its final name.
void write_model(const std::filesystem::path& path, const pq::OutputModel& model,
                 const std::vector<std::string>& data);

pq::Bytes as_bytes(std::string_view text);

}  // namespace gguf_test
