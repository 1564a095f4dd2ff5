#include "calibration/documents.hpp"

#include <polyquant/base/error.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <string_view>

namespace pq {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kMaxDocumentBytes = std::uint64_t{1} << 30;

std::string_view text_of(Bytes bytes) { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }

bool is_blank(std::string_view line) { return line.find_first_not_of(" \t\r") == std::string_view::npos; }

std::vector<std::int32_t> tokens_of(const Json& value, const std::string& place) {
  const auto wrong = [&](const std::string& got) {
    throw FormatError(place + ": 'tokens' must be a list of token ids, not " + got);
  };
  if (!value.is_array()) wrong(std::string(value.kind_name()));
  std::vector<std::int32_t> tokens;
  tokens.reserve(value.array().size());
  for (const Json& id : value.array()) {
    if (!id.is_integer() || id.integer() < 0 || id.integer() > std::numeric_limits<std::int32_t>::max())
      wrong("one with " + to_json(id, 0));
    tokens.push_back(static_cast<std::int32_t>(id.integer()));
  }
  return tokens;
}

Document document_of(const Json& value, std::string_view line, const std::string& place) {
  constexpr const char* kCure = "a line is a map with one of 'text', 'messages' and 'tokens'";
  const Json *text = value.find("text"), *messages = value.find("messages"), *tokens = value.find("tokens");
  const int count = int{text != nullptr} + int{messages != nullptr} + int{tokens != nullptr};
  if (count != 1)
    throw FormatError(
        fmt::format("{}: {}, this one has {} of them", place, kCure, count == 0 ? "none" : "several"));
  if (messages != nullptr) return {parse_conversations(line, place, false).front(), place};
  if (tokens != nullptr) return {tokens_of(*tokens, place), place};
  if (!text->is_string())
    throw FormatError(fmt::format("{}: 'text' must be a text, not {}", place, text->kind_name()));
  return {text->string(), place};
}

bool has_text_ending(const fs::path& path) {
  return path.extension() == ".txt" || path.extension() == ".jsonl";
}

}  // namespace

std::vector<fs::path> text_files(const fs::path& path, std::int64_t* other_files) {
  std::error_code failed;
  if (!fs::is_directory(path, failed)) return {path};
  std::vector<fs::path> found;
  for (fs::recursive_directory_iterator at(path, failed), end; !failed && at != end; at.increment(failed)) {
    const bool is_text = has_text_ending(at->path());
    std::error_code unknown;  // of a link that leads nowhere, or to itself
    const fs::file_status status = at->status(unknown);
    if (unknown && is_text) throw FormatError(at->path().string() + ": cannot be read: " + unknown.message());
    if (!fs::is_regular_file(status)) continue;
    if (is_text)
      found.push_back(at->path());
    else if (other_files != nullptr)
      ++*other_files;
  }
  if (failed) throw FormatError(path.string() + ": cannot be read: " + failed.message());
  if (found.empty()) throw FormatError(path.string() + ": the folder has no .txt or .jsonl file");
  std::sort(found.begin(), found.end());
  return found;
}

void refuse_binary(std::string_view text, const std::string& place) {
  const std::size_t at = text.find('\0');
  if (at == std::string_view::npos) return;
  throw FormatError(
      fmt::format("{}: byte {} is 0, as in binary files and in UTF-16, but a text is expected; convert it to "
                  "UTF-8 or name another file",
                  place, at));
}

DocumentList::DocumentList(const fs::path& path) {
  std::error_code ignored;
  if (!fs::is_directory(path, ignored) && !has_text_ending(path)) {
    MappedFile readable(path);  // a missing file is said to be missing
    throw FormatError(path.string() +
                      ": texts are read from .txt and .jsonl files and from folders of them; "
                      "rename the file if it is one of these");
  }
  for (const fs::path& file : text_files(path, &other_files_)) add_file(file);
  if (places_.empty()) throw FormatError(path.string() + ": there is no text in it");
}

void DocumentList::add_file(const fs::path& path) {
  files_.push_back(std::make_unique<MappedFile>(path));
  const std::size_t file = files_.size() - 1;
  const std::uint64_t bytes = files_.back()->size();
  if (path.extension() == ".jsonl")
    add_lines(file);
  else if (bytes > 0)
    places_.push_back({file, 0, bytes, 0});
}

void DocumentList::add_lines(std::size_t file) {
  const std::string_view text = text_of(files_[file]->bytes());
  std::int64_t line = 1;
  for (std::size_t begin = 0; begin < text.size(); ++line) {
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    if (!is_blank(text.substr(begin, end - begin))) places_.push_back({file, begin, end - begin, line});
    begin = end + 1;
  }
}

Document DocumentList::read(std::int64_t index) const {
  const Place& at = places_[static_cast<std::size_t>(index)];
  const MappedFile& file = *files_[at.file];
  const std::string place =
      at.line == 0 ? file.path().string() : fmt::format("{}:{}", file.path().string(), at.line);
  if (at.bytes > kMaxDocumentBytes)
    throw FormatError(fmt::format("{}: one document of {} bytes is more than {}; split it", place, at.bytes,
                                  kMaxDocumentBytes));
  const std::string_view text = text_of(file.bytes(at.offset, at.bytes));
  refuse_binary(text, place);
  if (at.line == 0) return {std::string(text), place};
  return document_of(parse_json(text, place), text, place);
}

}  // namespace pq
