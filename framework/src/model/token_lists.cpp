#include "model/token_lists.hpp"

#include <polyquant/base/error.hpp>

#include <unordered_map>
#include <unordered_set>

namespace pq {
namespace {

constexpr float kPadScore = -10000.0f;                   // the converter's score of rows without a token
constexpr std::string_view kBlankSymbol = "\xC4\xA0";    // U+0120
constexpr std::string_view kMetaspace = "\xE2\x96\x81";  // U+2581

std::string replaced(std::string_view text, std::string_view from, std::string_view to) {
  std::string out;
  std::size_t at = 0;
  for (std::size_t found = text.find(from); found != std::string_view::npos; found = text.find(from, at)) {
    out.append(text.substr(at, found - at)).append(to);
    at = found + from.size();
  }
  return out.append(text.substr(at));
}

TokenList padding(std::int64_t rows, bool scores) {
  TokenList list;
  for (std::int64_t id = 0; id < rows; ++id) list.tokens.push_back("[PAD" + std::to_string(id) + "]");
  list.types.assign(list.tokens.size(), static_cast<std::int32_t>(TokenType::unused));
  if (scores) list.scores.assign(list.tokens.size(), kPadScore);
  return list;
}

void set_token(TokenList& list, std::int64_t id, std::string text, TokenType type) {
  list.tokens[static_cast<std::size_t>(id)] = std::move(text);
  list.types[static_cast<std::size_t>(id)] = static_cast<std::int32_t>(type);
}

void set_added(TokenList& list, std::int64_t id, const std::string& text, bool special) {
  if (special || looks_special(text))
    set_token(list, id, text, TokenType::control);
  else
    set_token(list, id, with_blanks(text), TokenType::user_defined);
}

// Special tokens that tokenizer_config.json names are added tokens too if they are in the vocabulary.
std::unordered_set<std::string> named_special(const Json& config) {
  std::unordered_set<std::string> names;
  const auto add = [&](const Json* entry) {
    if (entry != nullptr && entry->is_object()) entry = entry->find("content");
    if (entry != nullptr && entry->is_string()) names.insert(entry->string());
  };
  for (const char* key :
       {"bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token"})
    add(config.find(key));
  const Json* more = config.find("additional_special_tokens");
  if (more != nullptr && more->is_array())
    for (const Json& item : more->array()) add(&item);
  return names;
}

void check_id(std::int64_t id, std::int64_t rows, const std::string& text, const std::string& source) {
  if (id < rows) return;
  throw FormatError(source + ": token '" + text + "' has the id " + std::to_string(id) +
                    ", but the model has only " + std::to_string(rows) + " embedding rows (vocab_size)");
}

// Types and texts of added tokens over the plain vocabulary.
void add_added(TokenList& list, const TokenizerJson& tokenizer, const TokenizerConfig& tokenizer_config,
               std::int64_t rows) {
  std::unordered_set<std::int64_t> done;
  for (const AddedToken& token : tokenizer.added_tokens) {
    check_id(token.id, rows, token.content, tokenizer.source);
    set_added(list, token.id, token.content, token.special);
    done.insert(token.id);
  }
  for (const AddedToken& token : tokenizer_config.added_tokens()) {
    if (done.contains(token.id)) continue;
    check_id(token.id, rows, token.content, tokenizer_config.source);
    set_added(list, token.id, token.content, token.special);
    done.insert(token.id);
  }
  const auto named = named_special(tokenizer_config.json);
  for (const auto& [text, id] : tokenizer.vocab)
    if (named.contains(text) && !done.contains(id)) set_added(list, id, text, true);
}

}  // namespace

bool looks_special(std::string_view token) {
  constexpr std::string_view kOpen = "<\xEF\xBD\x9C", kClose = "\xEF\xBD\x9C>";  // U+FF5C
  return token == "<pad>" || token == "<mask>" || token == "<2mass>" || token == "[@BOS@]" ||
         (token.starts_with("<|") && token.ends_with("|>")) ||
         (token.starts_with(kOpen) && token.ends_with(kClose)) ||
         (token.starts_with("<unused") && token.ends_with(">"));
}

std::string with_blanks(std::string_view token) { return replaced(token, kMetaspace, " "); }

TokenList bpe_tokens(const TokenizerJson& tokenizer, const TokenizerConfig& tokenizer_config,
                     std::int64_t rows) {
  TokenList list = padding(rows, false);
  for (const auto& [text, id] : tokenizer.vocab) {
    check_id(id, rows, text, tokenizer.source);
    set_token(list, id, text, TokenType::normal);
  }
  add_added(list, tokenizer, tokenizer_config, rows);
  return list;
}

std::vector<std::string> gguf_merges(const TokenizerJson& tokenizer) {
  std::vector<std::string> merges;
  merges.reserve(tokenizer.merges.size());
  for (const Merge& merge : tokenizer.merges) {
    if (merge.text.find(' ') == std::string::npos) {
      std::string& text = merges.emplace_back(merge.text);
      text.insert(merge.left_bytes, 1, ' ');
    } else {
      merges.push_back(replaced(merge.left(), " ", kBlankSymbol) + " " +
                       replaced(merge.right(), " ", kBlankSymbol));
    }
  }
  return merges;
}

TokenList sentencepiece_tokens(const SentencePieceModel& model, const Json& added,
                               const TokenizerConfig& tokenizer_config, std::int64_t rows,
                               std::vector<std::string>& warnings) {
  TokenList list = padding(rows, true);
  std::int64_t dropped = 0;
  const auto set = [&](std::int64_t id, float score, const auto& write) {
    if (id >= rows) {
      ++dropped;
      return;
    }
    write();
    list.scores[static_cast<std::size_t>(id)] = score;
  };
  for (std::size_t id = 0; id < model.pieces.size(); ++id) {
    const SentencePieceModel::Piece& piece = model.pieces[id];
    // The converter asks only for unknown, control, unused and byte: user-defined pieces count as normal.
    const auto type = piece.type == SentencePieceModel::Type::user_defined
                          ? TokenType::normal
                          : static_cast<TokenType>(piece.type);
    set(static_cast<std::int64_t>(id), piece.score,
        [&] { set_token(list, static_cast<std::int64_t>(id), piece.text, type); });
  }
  if (added.is_object())
    for (const auto& [text, id] : added.object())
      if (id.is_integer() && id.integer() >= 0)
        set(id.integer(), kAddedScore, [&, &name = text, &number = id] {
          set_token(list, number.integer(), name, TokenType::user_defined);
        });
  for (const AddedToken& token : tokenizer_config.added_tokens())
    set(token.id, kAddedScore, [&] { set_added(list, token.id, token.content, token.special); });
  if (dropped > 0)
    warnings.push_back(std::to_string(dropped) + " tokens have ids above the " + std::to_string(rows) +
                       " embedding rows and are left out");
  return list;
}

void add_json_tokens(TokenList& list, const TokenizerJson& tokenizer, std::int64_t rows) {
  for (const AddedToken& token : tokenizer.added_tokens) {
    check_id(token.id, rows, token.content, tokenizer.source);
    set_token(list, token.id, token.content, token.special ? TokenType::control : TokenType::user_defined);
    list.scores[static_cast<std::size_t>(token.id)] = kAddedScore;
  }
}

TokenList llama_tokens(const TokenizerJson& tokenizer, const TokenizerConfig& tokenizer_config,
                       std::int64_t rows) {
  TokenList list = padding(rows, true);
  std::unordered_map<std::string_view, std::int64_t> rank;
  for (std::size_t i = 0; i < tokenizer.merges.size(); ++i)
    rank.emplace(tokenizer.merges[i].text, static_cast<std::int64_t>(i));
  const Json* unknown = tokenizer.rest.find_path("model.unk_token");
  for (const auto& [text, id] : tokenizer.vocab) {
    check_id(id, rows, text, tokenizer.source);
    const bool is_byte = text.size() == 6 && text.starts_with("<0x") && text.back() == '>';
    const bool is_unknown = unknown != nullptr && *unknown == Json(text);
    set_token(list, id, text,
              is_byte      ? TokenType::byte
              : is_unknown ? TokenType::unknown
                           : TokenType::normal);
    const auto merge = rank.find(text);
    list.scores[static_cast<std::size_t>(id)] =
        merge == rank.end() ? 0.0f : -static_cast<float>(merge->second);
  }
  const TokenList plain = list;
  add_added(list, tokenizer, tokenizer_config, rows);
  for (std::size_t i = 0; i < list.types.size(); ++i)
    if (list.types[i] != plain.types[i]) list.scores[i] = kAddedScore;
  return list;
}

}  // namespace pq
