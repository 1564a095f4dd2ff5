// Reading a header: every access is checked against the end of the file, and every refusal names the file and the place.
#pragma once

#include <polyquant/base/bytes.hpp>

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace pq::gguf {

/// A position in the bytes of one file.
class Cursor {
 public:
  Cursor(Bytes bytes, std::string file) : bytes_(bytes), file_(std::move(file)) {}

  std::uint64_t position() const noexcept { return position_; }
  std::uint64_t remaining() const noexcept { return bytes_.size() - position_; }

  /// What is being read, for messages: "key 'a.b'"; empty: the file as a whole.
  void set_subject(std::string subject) { subject_ = std::move(subject); }

  /// Takes the next `count` bytes; `what` names them if they are missing.
  Bytes take(std::uint64_t count, std::string_view what);

  template <class T>
  T number(std::string_view what) {
    return load<T>(take(sizeof(T), what).data());
  }

  /// A length and that many bytes; a view of the file.
  std::string_view string(std::string_view what);

  /// A boolean; other bytes than 0 and 1 count as true, as in ggml, and are noted.
  bool boolean();

  /// Throws FormatError "FILE: SUBJECT: MESSAGE".
  [[noreturn]] void fail(std::string_view message) const;

  /// Remembers something that does not prevent reading.
  void note(std::string_view message);
  std::vector<std::string> take_notes() noexcept { return std::move(notes_); }

 private:
  std::string located(std::string_view message) const;

  Bytes bytes_;
  std::uint64_t position_ = 0;
  std::string file_;
  std::string subject_;
  std::vector<std::string> notes_;
};

}  // namespace pq::gguf
