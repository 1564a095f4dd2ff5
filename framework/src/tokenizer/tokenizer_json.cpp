#include "tokenizer/tokenizer_json.hpp"

#include "base/json_builder.hpp"
#include "tokenizer/token_limit.hpp"

#include <polyquant/base/error.hpp>

namespace pq {
namespace {

// Takes model.vocab and model.merges out of the stream of events.
class Reader final : public JsonBuilder {
 public:
  explicit Reader(TokenizerJson& out) : out_(out) {}

  bool key(string_t& name) override {
    if (table_ == Table::vocab) {
      piece_ = std::move(name);
      return true;
    }
    if (depth() == 1) top_ = name;
    return JsonBuilder::key(name);
  }

  bool start_object(std::size_t size) override {
    if (table_ != Table::none) return false;
    if (in_model() && last_key() == "vocab") {
      table_ = Table::vocab;
      return true;
    }
    return JsonBuilder::start_object(size);
  }

  bool end_object() override {
    if (table_ == Table::none) return JsonBuilder::end_object();
    table_ = Table::none;
    return true;
  }

  bool start_array(std::size_t size) override {
    if (table_ == Table::merges || table_ == Table::pieces) {
      pair_.clear();
      return !std::exchange(in_pair_, true);
    }
    if (in_model() && last_key() == "merges")
      table_ = Table::merges;
    else if (in_model() && last_key() == "vocab")
      table_ = Table::pieces;
    else
      return JsonBuilder::start_array(size);
    return true;
  }

  bool end_array() override {
    if (table_ == Table::none) return JsonBuilder::end_array();
    if (!in_pair_) {
      table_ = Table::none;
      return true;
    }
    in_pair_ = false;
    if (table_ == Table::pieces) return pair_.size() == 1 && out_.scores.size() == out_.vocab.size();
    if (pair_.size() != 2) return false;
    add_merge(pair_[0], pair_[1]);
    return true;
  }

  bool string(string_t& value) override {
    if (table_ == Table::none) return JsonBuilder::string(value);
    if (table_ == Table::pieces && in_pair_) {
      pair_.push_back(value);
      out_.vocab.emplace_back(std::move(value), static_cast<std::int64_t>(out_.vocab.size()));
      return true;
    }
    if (table_ != Table::merges) return false;
    if (in_pair_) {
      pair_.push_back(std::move(value));
      return true;
    }
    // "left right": divided by the first blank behind the first character. Further blanks belong to the right symbol.
    const std::size_t blank = value.find(' ', 1);
    if (blank == std::string::npos || blank + 1 == value.size()) return false;
    add_merge(value.substr(0, blank), value.substr(blank + 1));
    return true;
  }

  bool number_integer(number_integer_t value) override {
    return table_ == Table::none ? JsonBuilder::number_integer(value)
                                 : add_number(static_cast<double>(value), value);
  }
  bool number_unsigned(number_unsigned_t value) override {
    if (table_ == Table::none) return JsonBuilder::number_unsigned(value);
    return add_number(static_cast<double>(value), value > static_cast<number_unsigned_t>(kMaxTokens)
                                                      ? -1
                                                      : static_cast<std::int64_t>(value));
  }
  bool number_float(number_float_t value, const string_t& text) override {
    return table_ == Table::none ? JsonBuilder::number_float(value, text) : add_number(value, -1);
  }
  bool boolean(bool value) override { return table_ == Table::none && JsonBuilder::boolean(value); }
  bool null() override { return table_ == Table::none && JsonBuilder::null(); }

  bool in_table() const { return table_ != Table::none; }

 private:
  enum class Table { none, vocab, pieces, merges };

  bool in_model() const { return depth() == 2 && top_ == "model"; }

  void add_merge(const std::string& left, const std::string& right) {
    out_.merges.push_back({left + right, static_cast<std::uint32_t>(left.size())});
  }

  bool add_number(double score, std::int64_t id) {
    if (table_ == Table::pieces && in_pair_) {
      out_.scores.push_back(score);
      return true;
    }
    if (table_ != Table::vocab || id < 0 || id >= kMaxTokens) return false;
    out_.vocab.emplace_back(std::move(piece_), id);
    return true;
  }

  TokenizerJson& out_;
  std::string top_, piece_;
  std::vector<std::string> pair_;
  Table table_ = Table::none;
  bool in_pair_ = false;
};

bool flag(const Json& token, std::string_view key) {
  const Json* value = token.find(key);
  return value != nullptr && value->is_bool() && value->boolean();
}

std::vector<AddedToken> added_tokens(const Json& root, const std::string& source) {
  std::vector<AddedToken> tokens;
  const Json* list = root.find("added_tokens");
  if (list == nullptr || list->is_null()) return tokens;
  if (!list->is_array()) throw FormatError(source + ": 'added_tokens' must be a list");
  for (const Json& item : list->array()) {
    const Json* id = item.find("id");
    const Json* content = item.find("content");
    if (id == nullptr || !id->is_integer() || id->integer() < 0 || id->integer() >= kMaxTokens ||
        content == nullptr || !content->is_string())
      throw FormatError(source + ": every entry of 'added_tokens' needs an 'id' and a 'content'");
    tokens.push_back({id->integer(), content->string(), flag(item, "special"), flag(item, "normalized"),
                      flag(item, "single_word"), flag(item, "lstrip"), flag(item, "rstrip")});
  }
  return tokens;
}

}  // namespace

std::string TokenizerJson::model_type() const {
  const Json* type = rest.find_path("model.type");
  if (type != nullptr && type->is_string()) return type->string();
  return scores.empty() ? "BPE" : "Unigram";  // old files name no type
}

bool TokenizerJson::model_flag(std::string_view key) const {
  const Json* model = rest.find("model");
  return model != nullptr && flag(*model, key);
}

TokenizerJson parse_tokenizer_json(std::string_view text, const std::string& source) {
  TokenizerJson result;
  result.source = source;
  Reader reader(result);
  try {
    read_json(text, source, reader);
  } catch (const FormatError&) {
    if (reader.in_table())
      throw FormatError(source + ": 'model.vocab' or 'model.merges' has an entry of a wrong kind");
    throw;
  }
  result.rest = std::move(reader.root());
  if (!result.rest.is_object() || result.rest.find("model") == nullptr)
    throw FormatError(source + ": 'model' is missing, so this is no tokenizer of the tokenizers library");
  result.added_tokens = added_tokens(result.rest, source);
  return result;
}

}  // namespace pq
