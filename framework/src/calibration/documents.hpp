// Texts to calibrate with or to judge on: files and folders as lists of documents.
#pragma once

#include "chat/conversations.hpp"

#include <polyquant/base/file.hpp>

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace pq {

struct Document {
  std::variant<std::string, Conversation, std::vector<std::int32_t>> content;  // text, chat, token ids
  std::string place;                                                           // FILE or FILE:LINE
};

/// The .txt and .jsonl files of a folder and of those in it, by name; of a file the file itself. `other_files` (may be nullptr) counts the others of
/// the folder. Throws FormatError for what cannot be read.
PQ_API std::vector<std::filesystem::path> text_files(const std::filesystem::path& path,
                                                     std::int64_t* other_files = nullptr);

/// Throws FormatError for a text with a zero byte: of a binary file, or one in UTF-16.
PQ_API void refuse_binary(std::string_view text, const std::string& place);

/// What a file or folder holds. Files are mapped and only looked through for line ends; a document is parsed when it is asked for, so that
/// large collections cost nothing but an index. Immutable, callable from any thread.
class DocumentList {
 public:
  /// FILE.txt is one document. FILE.jsonl has one per line, a map with one of "text", "messages" (what else it has are variables of the chat
  /// template) and "tokens". A folder has those of all such files below it, in the order of their names. Throws FormatError for missing
  /// and empty files, folders without such files, and other kinds of files.
  explicit DocumentList(const std::filesystem::path& path);

  std::int64_t size() const noexcept { return static_cast<std::int64_t>(places_.size()); }
  /// Throws FormatError "FILE:LINE: ..." for lines that are not as said above, and for files that are no text.
  Document read(std::int64_t index) const;
  /// Files of the folder that are neither .txt nor .jsonl.
  std::int64_t other_files() const noexcept { return other_files_; }

 private:
  struct Place {
    std::size_t file;
    std::uint64_t offset, bytes;
    std::int64_t line;  // 0: the whole file
  };
  void add_file(const std::filesystem::path& path);
  void add_lines(std::size_t file);

  std::vector<std::unique_ptr<MappedFile>> files_;
  std::vector<Place> places_;
  std::int64_t other_files_ = 0;
};

}  // namespace pq
