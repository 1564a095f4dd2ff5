// Importance matrix files for tests.
#pragma once

#include "built_plugins.hpp"
#include "calibration/imatrix.hpp"

#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

namespace pq::test {

class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "pq-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("no temporary folder");
    path_ = name;
  }
  ~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  std::filesystem::path operator/(const std::string& name) const { return path_ / name; }

 private:
  std::filesystem::path path_;
};

/// Bytes of the older kind of file, written field by field.
class LegacyBytes {
 public:
  LegacyBytes& number(std::int32_t value) { return raw(&value, sizeof value); }
  LegacyBytes& text(const std::string& value) {
    number(static_cast<std::int32_t>(value.size()));
    return raw(value.data(), value.size());
  }
  LegacyBytes& values(const std::vector<float>& v) {
    number(static_cast<std::int32_t>(v.size()));
    return raw(v.data(), v.size() * sizeof(float));
  }
  LegacyBytes& entry(const std::string& name, std::int32_t calls, const std::vector<float>& v) {
    return text(name).number(calls).values(v);
  }
  std::filesystem::path write(const std::filesystem::path& path) const {
    std::ofstream(path, std::ios::binary) << bytes_;
    return path;
  }
  std::string bytes_;

 private:
  LegacyBytes& raw(const void* from, std::size_t size) {
    bytes_.append(static_cast<const char*>(from), size);
    return *this;
  }
};

inline std::shared_ptr<const Imatrix> open_imatrix(const std::filesystem::path& path) {
  return Imatrix::open(path, registry());
}

inline void write_gguf_imatrix(const std::filesystem::path& path, const ImatrixData& data) {
  write_imatrix(path, data, *registry().format(Node::scalar("gguf")));
}

inline std::string file_text(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

}  // namespace pq::test
