#include "model/tokenizer_ahead.hpp"

#include "tokenizer/pre_tokenizer_name.hpp"

#include <polyquant/base/file.hpp>

#include <system_error>

namespace pq {
namespace {

namespace fs = std::filesystem;

std::shared_ptr<const TokenizerJson> read(const fs::path& file, std::uint64_t limit) {
  return std::make_shared<const TokenizerJson>(
      parse_tokenizer_json(read_text_file(file, limit), file.string()));
}

bool is_wanted(const fs::path& folder, std::uint64_t limit) {
  std::error_code failed;
  const fs::path file = folder / "tokenizer.json";
  if (!fs::is_regular_file(file, failed) || fs::exists(folder / "tokenizer.model", failed)) return false;
  const std::uint64_t size = fs::file_size(file, failed);
  return !failed && size <= limit;
}

}  // namespace

TokenizerAhead::TokenizerAhead(const fs::path& folder) {
  if (!is_wanted(folder, kMaxBytes)) return;
  file_ = folder / "tokenizer.json";
  json_ = std::async(std::launch::async, read, file_, kMaxBytes).share();
  name_ = std::async(std::launch::async, [json = json_] { return pre_tokenizer_name(*json.get()); }).share();
}

std::shared_ptr<const TokenizerJson> TokenizerAhead::json(const fs::path& file) const {
  return !file_.empty() && file == file_ ? json_.get() : nullptr;
}

}  // namespace pq
