#include "tokenizer/tokenizer.hpp"

#include "tokenizer/sha256.hpp"
#include "tokenizer/tokenizer_engine.hpp"
#include "tokenizer/unicode.hpp"

#include <polyquant/base/error.hpp>

#include <mutex>

namespace pq {
namespace {

constexpr std::string_view kMark = "\xE2\x96\x81";  // U+2581

}  // namespace

// Scratch memory, with the words it remembers, is kept for the next call.
struct Tokenizer::Impl {
  std::unique_ptr<const TokenizerEngine> engine;
  std::mutex mutex;
  std::vector<std::unique_ptr<EncodeScratch>> free;

  std::unique_ptr<EncodeScratch> take() {
    const std::lock_guard lock(mutex);
    if (free.empty()) return std::make_unique<EncodeScratch>();
    auto scratch = std::move(free.back());
    free.pop_back();
    return scratch;
  }
  void give(std::unique_ptr<EncodeScratch> scratch) {
    const std::lock_guard lock(mutex);
    free.push_back(std::move(scratch));
  }
  void check(std::int32_t id) const {
    if (id < 0 || id >= engine->facts().size)
      throw ConfigError("there is no token " + std::to_string(id) + "; ids go from 0 to " +
                        std::to_string(engine->facts().size - 1));
  }
};

Tokenizer::Tokenizer(const TokenizerJson& file, const TokenizerRules& rules)
    : impl_(std::make_unique<Impl>()) {
  impl_->engine = make_huggingface_engine(file, rules);
}
Tokenizer::Tokenizer(const SentencePieceModel& model, const TokenizerRules& rules, const std::string& source)
    : impl_(std::make_unique<Impl>()) {
  impl_->engine = make_sentencepiece_engine(model, rules, source);
}
Tokenizer::Tokenizer(const GgufVocabulary& vocabulary) : impl_(std::make_unique<Impl>()) {
  impl_->engine = make_gguf_engine(vocabulary);
}
Tokenizer::~Tokenizer() = default;
Tokenizer::Tokenizer(Tokenizer&&) noexcept = default;

std::vector<std::int32_t> Tokenizer::encode(std::string_view text, const EncodeOptions& options) const {
  std::vector<std::int32_t> ids;
  auto scratch = impl_->take();
  impl_->engine->encode(text, options, *scratch, ids);
  scratch->words.clear();
  scratch->pool.clear();
  impl_->give(std::move(scratch));
  return ids;
}

std::string Tokenizer::decode(std::span<const std::int32_t> ids, bool skip_special) const {
  std::string text;
  for (const std::int32_t id : ids) {
    impl_->check(id);
    impl_->engine->append_piece(id, skip_special, text);
  }
  if (facts().leading_blank && text.starts_with(' ')) text.erase(0, 1);
  return valid_utf8(text);
}

std::string Tokenizer::token(std::int32_t id) const {
  impl_->check(id);
  return impl_->engine->token(id);
}

const TokenizerFacts& Tokenizer::facts() const noexcept { return impl_->engine->facts(); }

std::string fingerprint(const std::vector<std::int32_t>& ids) {
  std::string text = "[";
  for (const std::int32_t id : ids) text += (text.size() > 1 ? ", " : "") + std::to_string(id);
  text += "]";
  return sha256_hex(std::as_bytes(std::span(text)));
}

int byte_of_piece(std::string_view piece) noexcept {
  const auto digit = [](char c) {
    return c >= '0' && c <= '9' ? c - '0' : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
  };
  if (piece.size() != 6 || !piece.starts_with("<0x") || piece[5] != '>') return -1;
  const int high = digit(piece[3]), low = digit(piece[4]);
  return high < 0 || low < 0 ? -1 : high * 16 + low;
}

std::string piece_of_byte(int byte) {
  constexpr const char* kDigits = "0123456789ABCDEF";
  return {'<', '0', 'x', kDigits[byte / 16], kDigits[byte % 16], '>'};
}

void append_with_blanks(std::string_view text, std::string& out) {
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t mark = std::min(text.find(kMark, at), text.size());
    out += text.substr(at, mark - at);
    if (mark < text.size()) out += ' ';
    at = mark + kMark.size();
  }
}

std::string marked_blanks(std::string_view text, bool prefix) {
  std::string out;
  out.reserve(text.size() + text.size() / 2);
  if (prefix) out += kMark;
  for (const char c : text)
    if (c == ' ')
      out += kMark;
    else
      out += c;
  return out;
}

}  // namespace pq
