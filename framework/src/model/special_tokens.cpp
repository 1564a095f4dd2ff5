#include "model/special_tokens.hpp"

#include "model/tokenizer_config.hpp"

#include <polyquant/base/error.hpp>

#include <algorithm>
#include <filesystem>
#include <map>

namespace pq {
namespace {

constexpr std::uint64_t kMaxTemplateBytes = std::uint64_t{4} << 20;

// GGUF's names of the kinds; "seperator" is misspelt in the format.
const std::vector<std::pair<std::string, std::string>>& kinds() {
  static const std::vector<std::pair<std::string, std::string>> kKinds = {
      {"bos", "bos"}, {"eos", "eos"},   {"unk", "unknown"}, {"sep", "seperator"}, {"pad", "padding"},
      {"cls", "cls"}, {"mask", "mask"}, {"eot", "eot"},     {"eom", "eom"}};
  return kKinds;
}

std::string special_id(const Json& element) {
  const Json* id = element.find_path("SpecialToken.id");
  return id != nullptr && id->is_string() ? id->string() : std::string();
}

// What is added to a text, in the order found.
struct Additions {
  std::vector<std::pair<std::string, bool>> flags;
  void set(const std::string& kind, bool value) {
    for (auto& [name, flag] : flags)
      if (name == kind) {
        flag = value;
        return;
      }
    flags.emplace_back(kind, value);
  }
  void set_default(const std::string& kind, bool value) {
    for (const auto& entry : flags)
      if (entry.first == kind) return;
    flags.emplace_back(kind, value);
  }
};

class SpecialTokens {
 public:
  SpecialTokens(Metadata& metadata, Json tokenizer_config, const TokenizerJson* tokenizer,
                std::int64_t token_count)
      : metadata_(metadata),
        config_(std::move(tokenizer_config)),
        tokenizer_(tokenizer),
        token_count_(token_count) {}

  void run(const ModelFiles& files, const Json& model_config, std::vector<std::string>& warnings) {
    if (tokenizer_ != nullptr) read_post_processor();
    read_tokenizer_config(warnings);
    read_model_config(model_config, warnings);
    for (const auto& [kind, flag] : additions_.flags)
      metadata_.set("tokenizer.ggml.add_" + kind + "_token", flag);
    add_chat_templates(files);
  }

 private:
  void read_post_processor() {
    // Models of the BERT kind name only cls and sep.
    for (const auto& [to, from] : {std::pair{"bos_token", "cls_token"}, std::pair{"eos_token", "sep_token"}})
      if (token_text(config_, to).empty() && !token_text(config_, from).empty())
        config_.set(to, Json(token_text(config_, from)));
    const Json* processor = tokenizer_->rest.find("post_processor");
    if (processor == nullptr || !processor->is_object()) return;
    const Json* list = processor->find("processors");
    if (list == nullptr || !list->is_array()) return read_processor(*processor);
    for (const Json& item : list->array()) read_processor(item);
  }

  void read_processor(const Json& processor) {
    const Json* type = processor.find("type");
    if (type == nullptr) return;
    if (*type == Json("ByteLevel")) {
      additions_.set_default("bos", false);
      additions_.set_default("eos", false);
    } else if (*type == Json("RobertaProcessing")) {
      for (const char* kind : {"bos", "eos", "sep"}) additions_.set(kind, true);
    } else if (*type == Json("TemplateProcessing")) {
      read_template(processor);
    }
  }

  // "<s> $A" adds BOS, "$A </s>" adds EOS; another last token is the real EOS and the configured one ends a turn.
  void read_template(const Json& processor) {
    const Json* single = processor.find("single");
    if (single == nullptr || !single->is_array() || single->array().size() < 2) return;
    const std::string first = special_id(single->array().front());
    const std::string last = special_id(single->array().back());
    if (!first.empty()) {
      const auto known = [&] {
        return first == token_text(config_, "bos_token") || first == token_text(config_, "cls_token");
      };
      if (!known())
        for (const char* key : {"bos_token", "cls_token"})
          if (token_text(config_, key).empty()) config_.set(key, Json(first));
      additions_.set("bos", known());
    }
    if (!last.empty()) {
      if (last != token_text(config_, "eos_token")) {
        config_.set("eot_token", Json(token_text(config_, "eos_token")));
        config_.set("eos_token", Json(last));
      }
      additions_.set("eos", true);
    }
    read_pair(processor, first, last);
  }

  // A separator between two texts.
  void read_pair(const Json& processor, const std::string& first, const std::string& last) {
    const Json* pair = processor.find("pair");
    if (pair == nullptr || !pair->is_array() || pair->array().empty()) return;
    std::vector<Json> middle = pair->array();
    if (!first.empty() && special_id(middle.front()) == first) middle.erase(middle.begin());
    if (!last.empty() && !middle.empty() && special_id(middle.back()) == last) middle.pop_back();
    if (middle.size() < 3) return;
    const Json* a = middle.front().find_path("Sequence.id");
    const Json* b = middle.back().find_path("Sequence.id");
    if (a == nullptr || b == nullptr || *a != Json("A") || *b != Json("B")) return;
    const auto separates = [&](const std::string& token) {
      return !token.empty() &&
             (token == token_text(config_, "sep_token") || token == token_text(config_, "eos_token"));
    };
    bool adds = separates(special_id(middle[1])) && last.empty();
    if (middle.size() == 4) adds = adds || separates(special_id(middle[2]));
    additions_.set("sep", adds);
  }

  void set_id(const std::string& kind, const std::string& gguf, std::int64_t id,
              std::vector<std::string>& warnings) {
    if (id < 0 || id >= token_count_) {
      warnings.push_back("the " + kind + " token has the id " + std::to_string(id) + ", but there are only " +
                         std::to_string(token_count_) + " tokens; it is left out");
      return;
    }
    const std::string key = "tokenizer.ggml." + gguf + "_token_id";
    if (metadata_.find(key) == nullptr) metadata_.set(key, static_cast<std::uint32_t>(id));
  }

  void read_tokenizer_config(std::vector<std::string>& warnings) {
    for (const auto& [kind, gguf] : kinds()) {
      if (const Json* adds = config_.find("add_" + kind + "_token"); adds != nullptr && adds->is_bool())
        additions_.set_default(kind, adds->boolean());
      const std::string text = token_text(config_, kind + "_token");
      if (text.empty() || tokenizer_ == nullptr) continue;
      for (const AddedToken& token : tokenizer_->added_tokens) {
        if (token.content != text) continue;
        set_id(kind, gguf, token.id, warnings);
        break;
      }
    }
  }

  void read_model_config(const Json& model_config, std::vector<std::string>& warnings) {
    for (const auto& [kind, gguf] : kinds()) {
      const Json* id = model_config.find(kind + "_token_id");
      // A list (several end tokens) has no form in GGUF.
      if (id != nullptr && id->is_integer() && id->integer() >= 0)
        set_id(kind, gguf, id->integer(), warnings);
    }
  }

  void add_chat_templates(const ModelFiles& files) {
    const Json* templates = config_.find("chat_template");
    if (templates != nullptr && templates->is_string()) {
      metadata_.set("tokenizer.chat_template", templates->string());
      return;
    }
    std::vector<std::pair<std::string, std::string>> named;
    if (templates != nullptr && templates->is_array()) {
      for (const Json& item : templates->array()) {
        const Json* name = item.find("name");
        const Json* text = item.find("template");
        if (name != nullptr && name->is_string() && text != nullptr && text->is_string())
          named.emplace_back(name->string(), text->string());
      }
    } else if (const auto text = files.text("chat_template.jinja", kMaxTemplateBytes)) {
      named.emplace_back("default", *text);
      add_further_templates(files, named);
    } else if (const Json json = files.json("chat_template.json"); json.find("chat_template") != nullptr) {
      const Json& content = *json.find("chat_template");
      if (content.is_string()) named.emplace_back("default", content.string());
    }
    write_templates(named);
  }

  static void add_further_templates(const ModelFiles& files,
                                    std::vector<std::pair<std::string, std::string>>& named) {
    std::map<std::string, std::string> found;  // in the order of their names
    std::error_code error;
    for (const auto& entry :
         std::filesystem::directory_iterator(files.path() / "additional_chat_templates", error))
      if (entry.path().extension() == ".jinja")
        if (const auto text = files.text("additional_chat_templates/" + entry.path().filename().string(),
                                         kMaxTemplateBytes))
          found.emplace(entry.path().stem().string(), *text);
    named.insert(named.end(), found.begin(), found.end());
  }

  // GGUF keys of names: letters, digits and underscores.
  void write_templates(const std::vector<std::pair<std::string, std::string>>& named) {
    std::vector<std::string> names;
    for (const auto& [name, text] : named) {
      std::string clean;
      for (const char c : name)
        if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_')
          clean += c;
      if (clean == "default") metadata_.set("tokenizer.chat_template", text);
      if (clean.empty() || clean == "default") continue;
      names.push_back(clean);
      metadata_.set("tokenizer.chat_template." + clean, text);
    }
    if (!names.empty()) metadata_.set("tokenizer.chat_templates", names);
  }

  Metadata& metadata_;
  Json config_;
  const TokenizerJson* tokenizer_;
  std::int64_t token_count_;
  Additions additions_;
};

}  // namespace

void add_special_tokens(Metadata& metadata, const ModelFiles& files, const Json& config,
                        Json tokenizer_config, const TokenizerJson* tokenizer, std::int64_t token_count,
                        std::vector<std::string>& warnings) {
  SpecialTokens(metadata, std::move(tokenizer_config), tokenizer, token_count).run(files, config, warnings);
}

}  // namespace pq
