#include "chat_reference.hpp"

#include "chat/language.hpp"
#include "chat/limits.hpp"

#include <polyquant/base/text.hpp>

#include <fmt/format.h>

namespace pq::cli {
namespace {

constexpr const char* kIntroduction = R"(# Chat templates

A chat template turns messages into the text that a model was trained on. It is a program in Jinja2, which transformers runs in jinja2's
immutable sandbox. polyquant runs it by itself, with the same output: `trim_blocks` and `lstrip_blocks` on, undefined values print as
nothing, `true` prints as `True`, `tojson` without HTML escapes. What is not listed here ends with one sentence that names the template,
its line and the construct (exit code 3).

## Where the template comes from

In the order of transformers: `chat_template.jinja` with `additional_chat_templates/*.jinja`; `chat_template` of `tokenizer_config.json`, one
text or a list of named ones; `chat_template.json`. In GGUF files: `tokenizer.chat_template` and `tokenizer.chat_template.NAME`. Without a
name, `tool_use` is taken if there are tools and such a template, else `default`.

## Variables

`messages`, `tools` and `documents` (none if there are none), `add_generation_prompt`, and the model's special tokens that are known:
`bos_token eos_token unk_token sep_token pad_token cls_token mask_token`. Whatever else the caller gives, such as `enable_thinking`, is a
variable of that name.

## Expressions

Strings, integers of 64 bits, floats, `true false none` (also capitalized), lists, tuples and dicts; `+ - * / // % ** ~`; chained
comparisons, `in`, `not in`, `is`, `and`, `or`, `not`; `a if b else c`; attributes, subscripts and slices; calls with arguments by position
and by name; filters with `|`; `"..." % values`.
)";

constexpr const char* kDifferences = R"(
## Refused

`include`, `import`, `extends`, `block`, `autoescape`, `do`, recursive loops, a tuple as a subscript, attributes of macros, printing of functions, methods, namespaces and generators, `\N{...}` and surrogates in strings, integers beyond 64 bits, and
methods that change their object (jinja2's immutable sandbox refuses those, too).

Of a text that went through `safe` or `escape`: methods, `format`, `indent`, `truncate` and `center` (all else is as in markupsafe). In
`"...".format()`: conversions and format specifications.

## Bounds of one rendering

)";

std::string limits_table() {
  const jinja::Limits limits;
  const auto row = [](std::string_view what, const std::string& bound) {
    return fmt::format("| {} | {} |\n", what, bound);
  };
  return "| what | at most |\n|---|---|\n" + row("the template", format_bytes(limits.template_bytes)) +
         row("the output", format_bytes(limits.output_bytes)) +
         row("all values that are made", format_bytes(limits.value_bytes)) +
         row("steps: operators, statements, elements looked at", std::to_string(limits.steps)) +
         row("expressions and calls inside each other", std::to_string(limits.depth)) +
         row("nesting of the template's syntax", std::to_string(jinja::kMaxSyntaxDepth)) +
         row("nesting of lists and dicts", std::to_string(jinja::kMaxValueDepth)) +
         row("numbers of a `range`", std::to_string(jinja::kMaxRange));
}

}  // namespace

std::string chat_reference() {
  std::string text = kIntroduction;
  for (const ChatLanguagePart& part : chat_language()) {
    text += fmt::format("\n## {}\n\n", part.title);
    for (std::size_t i = 0; i < part.names.size(); ++i)
      text += fmt::format("{}`{}`", i == 0 ? "" : i % 12 == 0 ? "\n" : " ", part.names[i]);
    text += "\n";
  }
  return text + kDifferences + limits_table();
}

}  // namespace pq::cli
