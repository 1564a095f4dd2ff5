#include "chat/chat_template.hpp"

#include "chat/evaluator.hpp"
#include "chat/from_json.hpp"
#include "chat/parser.hpp"

#include <polyquant/base/error.hpp>
#include <polyquant/base/text.hpp>

namespace pq {

struct ChatTemplate::Parsed {
  jinja::Statements statements;
  std::string source;
  jinja::Limits limits;
};

namespace {

[[noreturn]] void fail(const std::string& source, const jinja::TemplateError& error) {
  const std::string place = error.line() == 0 ? "" : "line " + std::to_string(error.line()) + ": ";
  throw FormatError(source + ": " + place + error.what());
}

jinja::ScopePtr globals(jinja::Runtime& runtime, const Json& messages, const ChatOptions& options) {
  const auto scope = std::make_shared<jinja::Scope>(nullptr);
  for (const jinja::Builtin& function : jinja::functions())
    scope->set(std::string(function.name),
               jinja::Value(runtime.make<jinja::BoundBuiltin>(function, std::nullopt)));
  scope->set("messages", from_json(runtime, messages));
  scope->set("tools", from_json(runtime, options.tools));
  scope->set("documents", from_json(runtime, options.documents));
  scope->set("add_generation_prompt", jinja::Value(options.add_generation_prompt));
  for (const auto& [name, value] : options.variables) scope->set(name, from_json(runtime, value));
  return scope;
}

}  // namespace

ChatTemplate::ChatTemplate(std::string_view text, std::string source, jinja::Limits limits) {
  if (text.size() > limits.template_bytes)
    throw FormatError(source + ": the template is larger than " + format_bytes(limits.template_bytes));
  if (!is_utf8(text)) throw FormatError(source + ": the template is not valid UTF-8");
  auto parsed = std::make_unique<Parsed>();
  parsed->source = std::move(source);
  parsed->limits = limits;
  try {
    parsed->statements = jinja::parse_template(text);
  } catch (const jinja::TemplateError& error) {
    fail(parsed->source, error);
  }
  parsed_ = std::move(parsed);
}

ChatTemplate::~ChatTemplate() = default;
ChatTemplate::ChatTemplate(ChatTemplate&&) noexcept = default;
ChatTemplate& ChatTemplate::operator=(ChatTemplate&&) noexcept = default;

std::string ChatTemplate::render(const Json& messages, const ChatOptions& options) const {
  if (!messages.is_array())
    throw FormatError("the messages must be a list of maps with role and content, not " +
                      std::string(messages.kind_name()));
  jinja::Runtime runtime(parsed_->limits);
  runtime.now = options.now;
  jinja::Evaluator evaluator(runtime);
  std::string out;
  try {
    const auto scope = std::make_shared<jinja::Scope>(globals(runtime, messages, options));
    evaluator.run(parsed_->statements, scope, out);
  } catch (const jinja::TemplateError& error) {
    fail(parsed_->source, error);
  }
  return out;
}

}  // namespace pq
