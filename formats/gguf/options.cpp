#include "options.hpp"

#include "common/size.hpp"

namespace pq::gguf {

const Schema<Options>& options_schema() {
  static const Schema<Options> schema =
      Schema<Options>()
          .field("split_max_size", &Options::split_max_size,
                 std::string("Begins a new file before the tensors of one exceed this size, such as 500MB "
                             "or 2GiB; empty for one file. ") +
                     hf::kSizeUnits)
          .field("split_max_tensors", &Options::split_max_tensors,
                 "Begins a new file after this many tensors; 0 for one file.", at_least(0));
  return schema;
}

std::uint64_t max_size(const Options& options, const Mark& mark) {
  return options.split_max_size.empty() ? 0 : hf::parse_size(options.split_max_size, "split_max_size", mark);
}

}  // namespace pq::gguf
