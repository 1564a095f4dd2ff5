// Token types that llama.cpp corrects by the tokens' texts when it loads a file (llama-vocab.cpp, "auto-detect special tokens by text").
#include "tokenizer/gguf_vocabulary.hpp"

#include <algorithm>
#include <array>
#include <string_view>
#include <unordered_map>

namespace pq {
namespace {

using Texts = std::vector<std::string_view>;

// Tokens that end a generation are control tokens, whatever the file says.
const Texts& ends() {
  static const Texts kEnds = {"<|eot_id|>",
                              "<|im_end|>",
                              "<|end|>",
                              "<|return|>",
                              "<|call|>",
                              "<|flush|>",
                              "<|calls|>",
                              "<end_of_turn>",
                              "<|endoftext|>",
                              "</s>",
                              "<|eom_id|>",
                              "<EOT>",
                              "_<EOT>",
                              "[EOT]",
                              "[EOS]",
                              "<|end_of_text|>",
                              "<end_of_utterance>",
                              "<eos>",
                              "<turn|>",
                              "<|tool_response>",
                              "<\xEF\xBD\x9C"
                              "end\xE2\x96\x81of\xE2\x96\x81sentence\xEF\xBD\x9C>",
                              "[e~["};
  return kEnds;
}

// Of each of these kinds one token is a control token: that of the key, or the first whose text is in the list.
struct Named {
  std::array<const char*, 2> keys;
  Texts texts;
};
const std::vector<Named>& named() {
  static const std::vector<Named> kNamed = {
      {{"fim_pre", "prefix"},
       {"<|fim_prefix|>", "<fim-prefix>", "<fim_prefix>",
        "<\xEF\xBD\x9C"
        "fim\xE2\x96\x81"
        "begin\xEF\xBD\x9C>",
        "<PRE>", "\xE2\x96\x81<PRE>", "<|code_prefix|>", "<|prefix|>"}},
      {{"fim_suf", "suffix"},
       {"<|fim_suffix|>", "<fim-suffix>", "<fim_suffix>",
        "<\xEF\xBD\x9C"
        "fim\xE2\x96\x81hole\xEF\xBD\x9C>",
        "<SUF>", "\xE2\x96\x81<SUF>", "<|code_suffix|>", "<|suffix|>"}},
      {{"fim_mid", "middle"},
       {"<|fim_middle|>", "<fim-middle>", "<fim_middle>",
        "<\xEF\xBD\x9C"
        "fim\xE2\x96\x81"
        "end\xEF\xBD\x9C>",
        "<MID>", "\xE2\x96\x81<MID>", "<|code_middle|>", "<|middle|>"}},
      {{"fim_pad", nullptr}, {"<|fim_pad|>", "<fim-pad>", "<fim_pad>", "<PAD>", "[PAD]"}},
      {{"fim_rep", nullptr}, {"<|fim_repo|>", "<|repo_name|>", "<fim-repo>", "<REPO>", "<reponame>"}},
      {{"fim_sep", nullptr}, {"<|file_sep|>"}}};
  return kNamed;
}

}  // namespace

void set_attributes(GgufVocabulary& vocabulary, const Metadata& metadata) {
  vocabulary.attributes = vocabulary.types;
  std::unordered_map<std::string_view, std::size_t> ids;
  for (std::size_t id = 0; id < vocabulary.tokens.size(); ++id) ids.emplace(vocabulary.tokens[id], id);
  const auto add = [&](std::string_view text, std::uint8_t bits, bool replace = false) {
    const auto found = ids.find(text);
    if (found == ids.end()) return false;
    std::uint8_t& attributes = vocabulary.attributes[found->second];
    attributes = static_cast<std::uint8_t>(replace ? bits : attributes | bits);
    return true;
  };
  for (const Named& kind : named()) {
    const bool known = std::any_of(kind.keys.begin(), kind.keys.end(), [&](const char* key) {
      return key != nullptr && metadata.find("tokenizer.ggml." + std::string(key) + "_token_id") != nullptr;
    });
    for (const std::string_view text : kind.texts)
      if (!known && add(text, GgufVocabulary::control)) break;
  }
  for (const std::string_view text : ends()) add(text, GgufVocabulary::control);
  for (const std::string_view text : {"<|channel|>", "<|message|>", "<|start|>", "<|constrain|>"})
    add(text, GgufVocabulary::user_defined, true);
  // Tool calls: "<|end|>" ends a message, not the generation; "</s>" is text.
  const bool calls = ids.contains("<|call|>") || ids.contains("<|calls|>");
  if (calls && (ids.contains("<|return|>") || ids.contains("<|flush|>")))
    add("<|end|>", GgufVocabulary::user_defined, true);
  if (ids.contains("<|tool_response>")) add("</s>", GgufVocabulary::normal, true);
}

}  // namespace pq
