#include "support.hpp"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <stdexcept>

namespace gguf_test {

namespace fs = std::filesystem;

Raw Raw::start(std::uint64_t tensors, std::uint64_t keys, std::uint32_t version) {
  Raw raw;
  raw.bytes = "GGUF";
  return raw.u32(version).u64(tensors).u64(keys);
}

Raw& Raw::tensor(std::string_view name, const std::vector<std::uint64_t>& dims, std::uint32_t type,
                 std::uint64_t offset) {
  text(name).u32(static_cast<std::uint32_t>(dims.size()));
  for (const std::uint64_t dim : dims) u64(dim);
  return u32(type).u64(offset);
}

Folder::Folder() {
  std::string pattern = (fs::temp_directory_path() / "pq-gguf-XXXXXX").string();
  if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("no temporary folder");
  path_ = pattern;
}
Folder::~Folder() {
  std::error_code ignored;
  fs::remove_all(path_, ignored);
}
std::vector<std::string> Folder::names() const {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(path_)) names.push_back(entry.path().filename().string());
  std::sort(names.begin(), names.end());
  return names;
}

const pq::Format& format() {
  static const std::unique_ptr<pq::Format> instance = pq_test::load_format("gguf", "gguf");
  return *instance;
}

void write_file(const fs::path& path, std::string_view bytes) {
  std::ofstream out(path, std::ios::binary);
  out.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  if (!out) throw std::runtime_error("cannot write " + path.string());
}

std::string read_file(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) throw std::runtime_error("cannot read " + path.string());
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

std::unique_ptr<pq::ModelReader> open_bytes(std::string_view bytes) {
  const Folder folder;
  write_file(folder / "m.gguf", bytes);
  return format().open(folder / "m.gguf");
}

std::string open_error(std::string_view bytes) {
  try {
    open_bytes(bytes);
    return "";
  } catch (const pq::FormatError& error) {
    return error.what();
  }
}

std::string quick_open_error(std::string_view bytes) {
  const int file = ::memfd_create("gguf", MFD_CLOEXEC);
  const bool written =
      file >= 0 && ::write(file, bytes.data(), bytes.size()) == static_cast<::ssize_t>(bytes.size());
  std::string message = written ? "" : "no file in memory";
  try {
    if (written) format().open("/proc/self/fd/" + std::to_string(file));
  } catch (const pq::FormatError& error) {
    message = error.what();
  }
  ::close(file);
  return message;
}

std::string all_rows(const pq::ModelReader& reader, std::size_t tensor) {
  std::vector<std::byte> scratch;
  const pq::Bytes rows = reader.rows(tensor, 0, pq::rows(reader.header().tensors.at(tensor).shape), scratch);
  return {reinterpret_cast<const char*>(rows.data()), rows.size()};
}

void write_model(const fs::path& path, const pq::OutputModel& model, const std::vector<std::string>& data) {
  const auto writer = format().create(path, model, false);
  for (std::size_t i = 0; i < data.size(); ++i) writer->write_rows(i, 0, as_bytes(data[i]));
  writer->seal();
}

pq::Bytes as_bytes(std::string_view text) { return std::as_bytes(std::span(text.data(), text.size())); }

}  // namespace gguf_test
