// Residual streams in a file.
#include "base/descriptor.hpp"
#include "forward/hidden_store.hpp"

#include <polyquant/base/error.hpp>
#include <polyquant/base/text.hpp>

#include <fmt/format.h>

#include <cerrno>
#include <cstdlib>

namespace pq {
namespace {

namespace fs = std::filesystem;

class FileStore final : public HiddenStore {
 public:
  FileStore(std::int64_t rows, std::int64_t cols, const fs::path& folder) : rows_(rows), cols_(cols) {
    folder_ = folder.empty() ? fs::temp_directory_path() : folder;
    std::string name = (folder_ / "polyquant-hidden-XXXXXX").string();
    file_ = Descriptor(::mkostemp(name.data(), O_CLOEXEC));
    if (!file_) fail("cannot make a file for activations", errno);
    ::unlink(name.c_str());  // it goes when it is closed, however the program ends
    int error = 0;
    do {
      error = ::posix_fallocate(file_.get(), 0, static_cast<::off_t>(offset(rows)));
    } while (error == EINTR);
    if (error != 0)
      fail(fmt::format("the activations of {} tokens need {} there", rows, format_bytes(offset(rows))),
           error);
  }

  void read(std::int64_t first, Matrix to) override {
    for_runs(first, to.rows, to.stride, [&](std::int64_t row, std::int64_t count) {
      transfer(reinterpret_cast<std::byte*>(to.data + row * to.stride), first + row, count,
               [this](std::byte* data, std::size_t size, ::off_t at) {
                 return ::pread(file_.get(), data, size, at);
               });
    });
  }
  void write(std::int64_t first, ConstMatrix from) override {
    for_runs(first, from.rows, from.stride, [&](std::int64_t row, std::int64_t count) {
      transfer(reinterpret_cast<const std::byte*>(from.data + row * from.stride), first + row, count,
               [this](const std::byte* data, std::size_t size, ::off_t at) {
                 return ::pwrite(file_.get(), data, size, at);
               });
    });
  }

 private:
  std::uint64_t offset(std::int64_t row) const {
    return static_cast<std::uint64_t>(row) * static_cast<std::uint64_t>(cols_) * sizeof(float);
  }
  /// Rows that follow each other without a gap go at once.
  template <class Body>
  void for_runs(std::int64_t first, std::int64_t count, std::int64_t stride, const Body& body) const {
    PQ_ASSERT(first >= 0 && first + count <= rows_, "rows lie in the store");
    if (stride == cols_) return body(0, count);
    for (std::int64_t row = 0; row < count; ++row) body(row, std::int64_t{1});
  }
  template <class Byte, class Call>
  void transfer(Byte* data, std::int64_t row, std::int64_t count, const Call& call) const {
    std::size_t left = offset(count);
    for (auto at = static_cast<::off_t>(offset(row)); left > 0;) {
      const ::ssize_t done = call(data, left, at);
      if (done < 0 && errno == EINTR) continue;
      if (done <= 0) fail("the file of activations cannot be read or written", done == 0 ? EIO : errno);
      data += done;
      at += done;
      left -= static_cast<std::size_t>(done);
    }
  }
  [[noreturn]] void fail(const std::string& what, int error) const {
    throw ResourceError(fmt::format("{}: {}: {}; free some space or choose another folder", folder_.string(),
                                    what, error_text(error)));
  }

  std::int64_t rows_, cols_;
  fs::path folder_;
  Descriptor file_;
};

}  // namespace

std::unique_ptr<HiddenStore> file_store(std::int64_t rows, std::int64_t cols, const fs::path& folder) {
  return std::make_unique<FileStore>(rows, cols, folder);
}

std::unique_ptr<HiddenStore> hidden_store(std::int64_t rows, std::int64_t cols, std::int64_t memory_bytes,
                                          const fs::path& folder) {
  const bool fits =
      memory_bytes < 0 || rows * cols <= memory_bytes / static_cast<std::int64_t>(sizeof(float));
  return fits ? memory_store(rows, cols) : file_store(rows, cols, folder);
}

}  // namespace pq
