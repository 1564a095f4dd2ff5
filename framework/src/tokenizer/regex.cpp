#include "tokenizer/regex.hpp"

#include <polyquant/base/error.hpp>

#include <pcre2.h>

namespace pq {
namespace {

// Unicode White_Space, as Oniguruma and Python have it.
constexpr const char* kSpaces =
    "\\t-\\r\\x20\\x{85}\\x{A0}\\x{1680}\\x{2000}-\\x{200A}\\x{2028}\\x{2029}\\x{202F}\\x{205F}\\x{3000}";
// Long runs of blanks or letters need many steps; the heap limit (KiB) keeps hostile expressions in bounds.
constexpr std::uint32_t kMatchLimit = 100'000'000;
constexpr std::uint32_t kHeapLimit = 1 << 20;
constexpr std::size_t kJitStack = std::size_t{8} << 20;

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
using JitStack = std::unique_ptr<pcre2_jit_stack, Deleter<pcre2_jit_stack, pcre2_jit_stack_free>>;

}  // namespace

struct Regex::Impl {
  Code code;
  std::string pattern;
  bool jit = false;
};

Regex::Regex(const std::string& pattern) : impl_(std::make_unique<Impl>()) {
  impl_->pattern = pattern;
  const std::string text = translated(pattern);
  int error = 0;
  PCRE2_SIZE place = 0;
  impl_->code.reset(pcre2_compile(reinterpret_cast<PCRE2_SPTR>(text.data()), text.size(),
                                  PCRE2_UTF | PCRE2_UCP | PCRE2_MULTILINE, &error, &place, nullptr));
  if (!impl_->code)
    throw FormatError("the expression '" + pattern + "' cannot be used: " + message_of(error));
  impl_->jit = pcre2_jit_compile(impl_->code.get(), PCRE2_JIT_COMPLETE) == 0;
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
      const char next = pattern[++i];
      if (next == 's')
        out += in_class ? std::string(kSpaces) : "[" + std::string(kSpaces) + "]";
      else if (next == 'S' && !in_class)
        out += "[^" + std::string(kSpaces) + "]";
      else
        (out += c) += next;
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

void Regex::for_matches(std::string_view text,
                        const std::function<void(std::size_t, std::size_t)>& visit) const {
  const MatchData data(pcre2_match_data_create_from_pattern(impl_->code.get(), nullptr));
  const MatchContext context(pcre2_match_context_create(nullptr));
  const JitStack stack(impl_->jit ? pcre2_jit_stack_create(32 * 1024, kJitStack, nullptr) : nullptr);
  if (!data || !context) throw ResourceError("not enough memory to split a text");
  pcre2_set_match_limit(context.get(), kMatchLimit);
  pcre2_set_heap_limit(context.get(), kHeapLimit);
  if (stack) pcre2_jit_stack_assign(context.get(), nullptr, stack.get());
  const auto match = [&](std::size_t at, std::uint32_t options) {
    return pcre2_match(impl_->code.get(), reinterpret_cast<PCRE2_SPTR>(text.data()), text.size(), at,
                       options | PCRE2_NO_UTF_CHECK, data.get(), context.get());
  };
  for (std::size_t at = 0; at < text.size();) {
    int count = match(at, PCRE2_NOTEMPTY);
    if (count == PCRE2_ERROR_JIT_STACKLIMIT) count = match(at, PCRE2_NOTEMPTY | PCRE2_NO_JIT);
    if (count == PCRE2_ERROR_NOMATCH) return;
    if (count < 0)
      throw FormatError("the expression '" + impl_->pattern + "' fails on a text: " + message_of(count));
    const PCRE2_SIZE* range = pcre2_get_ovector_pointer(data.get());
    visit(range[0], range[1]);
    at = range[1];
  }
}

}  // namespace pq
