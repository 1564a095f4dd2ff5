// polyquant tokens: the token ids of a text or of a chat.
#include "base/json.hpp"
#include "chat_texts.hpp"
#include "model/open_model.hpp"
#include "model/open_tokenizer.hpp"
#include "session.hpp"
#include "verbs.hpp"

#include <polyquant/base/error.hpp>

#include <nlohmann/json.hpp>

#include <fstream>
#include <iostream>

namespace pq::cli {
namespace {

struct Options {
  std::string model, text, lines;
  ChatRequest chat;
  bool has_text = false, parse_special = false, no_special = false, json = false;
};

std::string joined(const std::vector<std::int32_t>& ids) {
  std::string line;
  for (const std::int32_t id : ids) (line += line.empty() ? "" : " ") += std::to_string(id);
  return line;
}

void print_ids(const Session& session, const Options& options, const std::vector<std::int32_t>& ids) {
  if (options.json)
    session.print_json(nlohmann::ordered_json(ids));
  else
    session.print(joined(ids) + "\n");
}

// One JSON string per line, so that a text may hold line ends.
void encode_lines(const Session& session, const Options& options, const Tokenizer& tokenizer,
                  const EncodeOptions& encode) {
  std::ifstream file;
  if (options.lines != "-") {
    file.open(options.lines);
    if (!file) throw FormatError(options.lines + " cannot be read; check the path");
  }
  std::istream& input = options.lines == "-" ? std::cin : file;
  std::string line;
  nlohmann::json document = nlohmann::json::array();
  for (std::int64_t number = 1; std::getline(input, line); ++number) {
    const std::string place = options.lines + ":" + std::to_string(number);
    const Json text = parse_json(line, place);
    if (!text.is_string())
      throw FormatError(place + ": a line must be one JSON string, got " + std::string(text.kind_name()));
    nlohmann::json ids = tokenizer.encode(text.string(), encode);
    if (options.json)
      document.push_back(std::move(ids));
    else
      session.print(ids.dump() + "\n");
  }
  if (input.bad()) throw FormatError(options.lines + " cannot be read to its end");
  if (options.json) session.print_json(document);
}

// Templates write BOS and the like themselves, as control tokens.
void encode_chats(const Session& session, const Options& options, const Tokenizer& tokenizer,
                  const OpenedModel& model) {
  nlohmann::ordered_json document = nlohmann::ordered_json::array();
  render_conversations(*model.reader, options.model, options.chat, [&](const std::string& text) {
    const std::vector<std::int32_t> ids = tokenizer.encode(text, EncodeOptions{false, true});
    if (options.json)
      document.push_back({{"text", text}, {"tokens", ids}});
    else
      session.print(joined(ids) + "\n");
  });
  if (options.json) session.print_json(document);
}

void tokens(Session& session, const Options& options) {
  if (int{options.has_text} + int{!options.lines.empty()} + int{!options.chat.file.empty()} != 1)
    throw ConfigError("give one of TEXT, --lines FILE and --messages FILE");
  const OpenedModel model = open_model(options.model, session.registry(), UnknownCodes::carry);
  const Tokenizer tokenizer = open_tokenizer(model, options.model);
  const EncodeOptions encode{!options.no_special, options.parse_special};
  if (options.has_text)
    print_ids(session, options, tokenizer.encode(options.text, encode));
  else if (!options.chat.file.empty())
    encode_chats(session, options, tokenizer, model);
  else
    encode_lines(session, options, tokenizer, encode);
}

/// Returns --messages.
CLI::Option* add_chat_options(CLI::App& verb, ChatRequest& chat) {
  CLI::Option* messages =
      verb.add_option("--messages", chat.file,
                      "Encode chats as the model's chat template writes them: FILE.json is one conversation, "
                      "FILE.jsonl one per line, each a list of messages or a map with messages, tools and "
                      "variables. Prints one line of ids per conversation.")
          ->type_name("FILE");
  verb.add_flag_callback(
          "--no-generation-prompt", [&chat] { chat.generation_prompt = false; },
          "With --messages: do not end with the begin of an answer.")
      ->needs(messages);
  verb.add_option("--template", chat.template_name,
                  "With --messages: the chat template of that name, for models with several.")
      ->needs(messages)
      ->type_name("NAME");
  return messages;
}

}  // namespace

void add_tokens(CLI::App& app, Session& session) {
  const auto options = std::make_shared<Options>();
  CLI::App* verb = app.add_subcommand(
      "tokens", "Print the token ids of a text or a chat, as the programs that run the model compute them.");
  verb->add_option("MODEL", options->model, "A model's file or folder.")->required()->type_name("PATH");
  const CLI::Option* text = verb->add_option("TEXT", options->text, "The text; it may be empty.");
  verb->add_option("--lines", options->lines,
                   "Read texts from FILE, one JSON string per line (- is standard input), and print one JSON "
                   "list per line.")
      ->type_name("FILE");
  CLI::Option* messages = add_chat_options(*verb, options->chat);
  verb->add_flag("--parse-special", options->parse_special,
                 "GGUF: control tokens written in the text, such as <|im_end|>, become that token. In "
                 "Hugging Face folders and with --messages they always do.")
      ->excludes(messages);
  verb->add_flag(
          "--no-special", options->no_special,
          "Leave out what is put around a text, such as BOS; with --messages only the template puts it "
          "there.")
      ->excludes(messages);
  verb->add_flag(
      "--json", options->json,
      "Print one JSON list; with --lines one of lists, with --messages one of maps with text and tokens.");
  session.on(*verb, [&session, options, text] {
    options->has_text = text->count() > 0;
    tokens(session, *options);
  });
}

}  // namespace pq::cli
