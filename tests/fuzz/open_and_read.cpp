#include "open_and_read.hpp"

#include <polyquant/base/error.hpp>

#include <sys/mman.h>
#include <unistd.h>

#include <stdexcept>
#include <string>
#include <vector>

namespace pq_fuzz {
namespace {

// A file without a folder, so that nothing is left behind when a run ends in a crash.
class MemoryFile {
 public:
  explicit MemoryFile(pq::Bytes bytes) : file_(::memfd_create("fuzz", MFD_CLOEXEC)) {
    if (file_ < 0 || ::write(file_, bytes.data(), bytes.size()) != static_cast<::ssize_t>(bytes.size()))
      throw std::runtime_error("no file in memory");
  }
  ~MemoryFile() { ::close(file_); }
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;
  std::string path() const { return "/proc/self/fd/" + std::to_string(file_); }

 private:
  int file_;
};

// The sum keeps the reads alive: every byte that the header promises must be there.
unsigned read_all(const pq::ModelReader& reader) {
  unsigned sum = 0;
  std::vector<std::byte> scratch;
  for (std::size_t t = 0; t < reader.header().tensors.size(); ++t) {
    const std::int64_t count = pq::rows(reader.header().tensors[t].shape);
    for (const std::byte byte : reader.rows(t, 0, count, scratch)) sum += static_cast<unsigned>(byte);
    reader.release(t, 0, count);
  }
  return sum;
}

}  // namespace

void open_and_read(const pq::Format& format, pq::Bytes input) {
  const MemoryFile file(input);
  try {
    const auto reader = format.open(file.path());
    [[maybe_unused]] volatile const unsigned sum = read_all(*reader);
    for (const pq::Metadata::Entry& entry : reader->header().metadata.entries()) pq::display(entry.second);
    reader->check();
  } catch (const pq::FormatError&) {
  }
}

}  // namespace pq_fuzz
