#include "tokenizer/regex.hpp"

#include "tokenizer/unicode_classes.hpp"

#include <polyquant/base/error.hpp>

#include <pcre2.h>

#include <algorithm>

namespace pq {
namespace {

// Unicode White_Space, as Oniguruma and Python have it.
constexpr const char* kSpaces =
    "\\t-\\r\\x20\\x{85}\\x{A0}\\x{1680}\\x{2000}-\\x{200A}\\x{2028}\\x{2029}\\x{202F}\\x{205F}\\x{3000}";
// Long runs of blanks or letters need many steps; the heap limit (KiB) keeps hostile expressions in bounds.
constexpr std::uint32_t kMatchLimit = 100'000'000;
constexpr std::uint32_t kHeapLimit = 1 << 20;
// Steps for all places of a name where a match may begin (PCRE2 counts anew at each), less than a second; heap in KiB.
constexpr std::size_t kNameSteps = 10'000'000;
constexpr std::uint32_t kNameHeapLimit = 32 << 10;
constexpr std::uint32_t kEcmascript = PCRE2_ALT_BSUX | PCRE2_ALLOW_EMPTY_CLASS | PCRE2_MATCH_UNSET_BACKREF |
                                      PCRE2_DOLLAR_ENDONLY | PCRE2_NEVER_UTF | PCRE2_NEVER_UCP;
constexpr std::size_t kJitStack = std::size_t{32} << 20;  // address space; pages are taken as needed

std::string message_of(int code) {
  PCRE2_UCHAR text[256];
  if (pcre2_get_error_message(code, text, sizeof text) < 0) return "error " + std::to_string(code);
  return reinterpret_cast<const char*>(text);
}

template <class T, void (*Free)(T*)>
struct Deleter {
  void operator()(T* pointer) const { Free(pointer); }
};
using Code = std::unique_ptr<pcre2_code, Deleter<pcre2_code, pcre2_code_free>>;
using MatchData = std::unique_ptr<pcre2_match_data, Deleter<pcre2_match_data, pcre2_match_data_free>>;
using MatchContext =
    std::unique_ptr<pcre2_match_context, Deleter<pcre2_match_context, pcre2_match_context_free>>;
using CompileContext =
    std::unique_ptr<pcre2_compile_context, Deleter<pcre2_compile_context, pcre2_compile_context_free>>;
using JitStack = std::unique_ptr<pcre2_jit_stack, Deleter<pcre2_jit_stack, pcre2_jit_stack_free>>;

// What matching needs besides the code; one per thread, because making it takes longer than most matches.
struct Scratch {
  MatchData data{pcre2_match_data_create(1, nullptr)};
  MatchContext context{pcre2_match_context_create(nullptr)};
  JitStack stack{pcre2_jit_stack_create(32 * 1024, kJitStack, nullptr)};

  Scratch() {
    if (!data || !context) throw ResourceError("not enough memory to split a text");
    if (stack) pcre2_jit_stack_assign(context.get(), nullptr, stack.get());
  }

  void limit(bool short_texts, std::size_t bytes) const {
    const std::size_t steps = short_texts ? kNameSteps / (bytes + 1) : kMatchLimit;
    pcre2_set_match_limit(context.get(), static_cast<std::uint32_t>(steps));
    pcre2_set_heap_limit(context.get(), short_texts ? kNameHeapLimit : kHeapLimit);
  }
};

// Length of the escape at pattern[at] ('\\' and what belongs to it) if it is \p{NAME}, else 0.
std::size_t property_bytes(const std::string& pattern, std::size_t at) {
  if (pattern.compare(at, 3, "\\p{") != 0) return 0;
  const std::size_t end = pattern.find('}', at);
  return end == std::string::npos ? 0 : end + 1 - at;
}

std::string translated_escape(const std::string& escape, bool in_class) {
  std::string inner;
  if (escape == "\\s") {
    inner = kSpaces;
  } else if (escape == "\\S" && !in_class) {
    return "[^" + std::string(kSpaces) + "]";
  } else if (escape.size() > 4) {
    const std::string late = late_characters(std::string_view(escape).substr(3, escape.size() - 4));
    if (!late.empty()) inner = escape + late;
  }
  if (inner.empty()) return escape;
  return in_class ? inner : "[" + inner + "]";
}

}  // namespace

struct Regex::Impl {
  Code code;
  std::string name;  // for messages
  bool jit = false;
  bool short_texts = false;
};

Regex::Regex(const std::string& pattern, Dialect dialect, const std::string& source)
    : impl_(std::make_unique<Impl>()) {
  impl_->short_texts = dialect == Dialect::ecmascript;
  impl_->name =
      (source.empty() ? "" : source + ": ") + (impl_->short_texts ? "'" : "the expression '") + pattern + "'";
  const std::string text = dialect == Dialect::oniguruma ? translated(pattern) : pattern;
  std::uint32_t options = PCRE2_DOLLAR_ENDONLY;
  if (dialect == Dialect::oniguruma) options = PCRE2_UTF | PCRE2_UCP | PCRE2_MULTILINE;
  if (dialect == Dialect::std_unicode) options |= PCRE2_UTF;
  const CompileContext context(pcre2_compile_context_create(nullptr));
  if (!context) throw ResourceError("not enough memory for a regular expression");
  if (impl_->short_texts) {
    options = kEcmascript;
    pcre2_set_newline(context.get(), PCRE2_NEWLINE_ANYCRLF);  // what '.' is not
  }
  int error = 0;
  PCRE2_SIZE place = 0;
  impl_->code.reset(pcre2_compile(reinterpret_cast<PCRE2_SPTR>(text.data()), text.size(), options, &error,
                                  &place, context.get()));
  if (!impl_->code) throw FormatError(impl_->name + " is not a regular expression: " + message_of(error));
  // Compiled code counts fewer steps than it takes.
  impl_->jit = !impl_->short_texts && pcre2_jit_compile(impl_->code.get(), PCRE2_JIT_COMPLETE) == 0;
}

Regex::~Regex() = default;
Regex::Regex(Regex&&) noexcept = default;
Regex& Regex::operator=(Regex&&) noexcept = default;

std::string Regex::translated(const std::string& pattern) {
  std::string out;
  bool in_class = false;
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    const char c = pattern[i];
    if (c == '\\' && i + 1 < pattern.size()) {
      const std::size_t length = std::max<std::size_t>(2, property_bytes(pattern, i));
      out += translated_escape(pattern.substr(i, length), in_class);
      i += length - 1;
      continue;
    }
    if (c == '[' && !in_class) {
      in_class = true;
      out += c;
      if (i + 1 < pattern.size() && pattern[i + 1] == '^') out += pattern[++i];
      if (i + 1 < pattern.size() && pattern[i + 1] == ']') (out += '\\') += pattern[++i];
      continue;
    }
    if (c == '[' && pattern.compare(i, 2, "[:") == 0) {  // a POSIX class inside a class
      const std::size_t end = pattern.find(":]", i);
      if (end != std::string::npos) {
        out += pattern.substr(i, end + 2 - i);
        i = end + 1;
        continue;
      }
    }
    if (c == '[' && in_class) out += '\\';  // a plain bracket
    if (c == ']') in_class = false;
    out += c;
  }
  return out;
}

Regex::Match Regex::find(std::string_view text, std::size_t from, bool empty_too) const {
  if (from > text.size() || (from == text.size() && !empty_too)) return {kNone, kNone};
  thread_local const Scratch scratch;
  scratch.limit(impl_->short_texts, text.size());
  const auto* subject = reinterpret_cast<PCRE2_SPTR>(text.data());
  const std::uint32_t options = empty_too ? 0 : PCRE2_NOTEMPTY;
  int count = PCRE2_ERROR_JIT_STACKLIMIT;
  if (impl_->jit && scratch.stack)
    count = pcre2_jit_match(impl_->code.get(), subject, text.size(), from, options, scratch.data.get(),
                            scratch.context.get());
  if (count == PCRE2_ERROR_JIT_STACKLIMIT)
    count =
        pcre2_match(impl_->code.get(), subject, text.size(), from,
                    options | PCRE2_NO_UTF_CHECK | PCRE2_NO_JIT, scratch.data.get(), scratch.context.get());
  if (count == PCRE2_ERROR_NOMATCH) return {kNone, kNone};
  if (count < 0) throw FormatError(impl_->name + " fails on a text: " + message_of(count));
  const PCRE2_SIZE* range = pcre2_get_ovector_pointer(scratch.data.get());
  return {range[0], range[1]};
}

}  // namespace pq
