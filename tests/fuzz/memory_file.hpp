// A file without a folder, so that nothing is left behind when a run ends in a crash.
#pragma once

#include <polyquant/base/bytes.hpp>

#include <sys/mman.h>
#include <unistd.h>

#include <stdexcept>
#include <string>

namespace pq_fuzz {

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

}  // namespace pq_fuzz
