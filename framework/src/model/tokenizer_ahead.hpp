// tokenizer.json read on another thread while plugins, families and recipes are read on this one.
#pragma once

#include "tokenizer/tokenizer_json.hpp"

#include <polyquant/base/export.hpp>

#include <filesystem>
#include <future>
#include <memory>
#include <string>

namespace pq {

/// Starts at construction. What is wrong with the file is thrown only by who asks for it. The destructor waits for the threads. Its functions may
/// be called from any thread.
class PQ_API TokenizerAhead {
 public:
  /// `folder`: a Hugging Face folder, or anything else (then nothing is read). Left to the one who needs it: a tokenizer.json beside a
  /// tokenizer.model, which goes first for most families, and one of more than kMaxBytes.
  explicit TokenizerAhead(const std::filesystem::path& folder);

  /// The parsed file if it is this one, else nullptr. Throws as parse_tokenizer_json().
  std::shared_ptr<const TokenizerJson> json(const std::filesystem::path& file) const;
  /// pre_tokenizer_name() of the file; throws as it does. Only if json() has returned it.
  std::string pre_tokenizer() const { return name_.get(); }

 private:
  static constexpr std::uint64_t kMaxBytes = std::uint64_t{16} << 20;

  std::filesystem::path file_;  // "" = nothing was read
  std::shared_future<std::shared_ptr<const TokenizerJson>> json_;
  std::shared_future<std::string> name_;
};

}  // namespace pq
