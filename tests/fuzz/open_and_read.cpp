#include "open_and_read.hpp"

#include "memory_file.hpp"

#include <polyquant/base/error.hpp>

#include <vector>

namespace pq_fuzz {
namespace {

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
