#include "tokenizer/gguf_vocabulary.hpp"

#include "tokenizer/gguf_arrays.hpp"
#include "tokenizer/gguf_splitter.hpp"
#include "tokenizer/token_limit.hpp"

#include <polyquant/base/error.hpp>

#include <algorithm>
#include <array>
#include <unordered_set>

namespace pq {
namespace {

const std::string kPrefix = "tokenizer.ggml.";

class Reader {
 public:
  Reader(const Metadata& metadata, const std::string& source) : metadata_(metadata) {
    vocabulary_.source = source;
  }

  GgufVocabulary read() {
    read_kind();
    read_tokens();
    read_flags();
    read_ids();
    set_attributes(vocabulary_, metadata_);
    std::string name = metadata_.string("general.name", "");
    for (char& c : name)
      if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    vocabulary_.strips_right = name.find("phi-3") != name.npos || name.find("phi3") != name.npos;
    return std::move(vocabulary_);
  }

 private:
  // read_gguf_vocabulary() puts the file in front, as with the messages of Metadata.
  [[noreturn]] static void fail(const std::string& what) { throw FormatError(what); }

  void read_kind() {
    const std::string model = metadata_.string(kPrefix + "model", "");
    if (model.empty()) fail("the file has no tokenizer (tokenizer.ggml.model is missing)");
    vocabulary_.pre = metadata_.string(kPrefix + "pre", "default");
    if (model == "gemma4") vocabulary_.pre = model;
    if (model == "llama")
      vocabulary_.kind = GgufVocabulary::Kind::llama;
    else if (model == "t5")
      vocabulary_.kind = GgufVocabulary::Kind::t5;
    else if (model != "gpt2" && model != "gemma4")
      fail("the tokenizer '" + model +
           "' (tokenizer.ggml.model) is not supported; known: gpt2, llama, t5, gemma4");
    is_gemma4_ = model == "gemma4";
    if (vocabulary_.kind == GgufVocabulary::Kind::gpt2) read_pre_tokenizer();
  }

  void read_pre_tokenizer() {
    auto known = gguf_pre_tokenizer(vocabulary_.pre);
    if (!known)
      fail("the pre-tokenizer '" + vocabulary_.pre +
           "' (tokenizer.ggml.pre) is not known; convert the model again with a known one, or set "
           "tokenizer.ggml.pre");
    pre_ = *std::move(known);
  }

  void read_tokens() {
    const auto* tokens = tokenizer_array<std::string>(metadata_, "tokens");
    if (tokens == nullptr || tokens->empty()) fail("tokenizer.ggml.tokens is missing");
    if (tokens->size() > static_cast<std::size_t>(kMaxTokens))
      fail("tokenizer.ggml.tokens has too many entries");
    vocabulary_.tokens = *tokens;
    std::unordered_set<std::string_view> seen;
    for (std::size_t id = 0; id < tokens->size(); ++id) {
      std::string& token = vocabulary_.tokens[id];
      if (token.empty()) token = "[EMPTY_" + std::to_string(id) + "]";
      if (!seen.insert(token).second) fail("tokenizer.ggml.tokens has '" + token + "' twice");
    }
    read_scores(tokens->size());
    read_types(tokens->size());
    if (vocabulary_.kind != GgufVocabulary::Kind::gpt2) return;
    const auto* merges = tokenizer_array<std::string>(metadata_, "merges");
    if (merges != nullptr)
      vocabulary_.merges = *merges;
    else if (!pre_.merges_optional)
      fail("tokenizer.ggml.merges is missing, which a tokenizer of the kind gpt2 needs");
  }

  void check_length(const char* key, std::size_t have, std::size_t need) const {
    if (have < need)
      fail(kPrefix + key + " has " + std::to_string(have) + " entries, tokens has " + std::to_string(need));
  }

  void read_scores(std::size_t count) {
    vocabulary_.scores.assign(count, 0.0f);
    auto scores = tokenizer_scores(metadata_);
    if (!scores) return;
    check_length("scores", scores->size(), count);
    scores->resize(count);
    vocabulary_.scores = *std::move(scores);
  }

  void read_types(std::size_t count) {
    vocabulary_.types.assign(count, GgufVocabulary::normal);
    const auto* types = tokenizer_array<std::int32_t>(metadata_, "token_type");
    if (types == nullptr) return;
    check_length("token_type", types->size(), count);
    constexpr std::array<std::uint8_t, 7> kAttributes = {0,
                                                         GgufVocabulary::normal,
                                                         GgufVocabulary::unknown,
                                                         GgufVocabulary::control,
                                                         GgufVocabulary::user_defined,
                                                         GgufVocabulary::unused,
                                                         GgufVocabulary::byte};
    for (std::size_t id = 0; id < count; ++id) {
      const std::int32_t type = (*types)[id];
      vocabulary_.types[id] =
          type >= 0 && type <= 6 ? kAttributes[static_cast<std::size_t>(type)] : std::uint8_t{0};
    }
  }

  void read_flags() {
    GgufVocabulary& v = vocabulary_;
    if (v.kind == GgufVocabulary::Kind::gpt2) {
      v.add_bos = pre_.add_bos;
      v.metaspace = pre_.metaspace;
    } else if (v.kind == GgufVocabulary::Kind::llama) {
      v.add_bos = v.add_space_prefix = true;
    } else {
      v.add_eos = true;
      if (const auto* bytes = metadata_.find(kPrefix + "precompiled_charsmap")) read_character_map(*bytes);
    }
    v.add_space_prefix = metadata_.boolean(kPrefix + "add_space_prefix", v.add_space_prefix);
    v.remove_extra_whitespaces = metadata_.boolean(kPrefix + "remove_extra_whitespaces", false);
    v.add_bos = metadata_.boolean(kPrefix + "add_bos_token", v.add_bos) || pre_.always_bos;
    v.add_eos = metadata_.boolean(kPrefix + "add_eos_token", v.add_eos);
  }

  void read_character_map(const MetaValue& value) {
    if (const auto* bytes = std::get_if<std::vector<std::uint8_t>>(&value))
      vocabulary_.character_map.assign(bytes->begin(), bytes->end());
    else if (const auto* chars = std::get_if<std::vector<std::int8_t>>(&value))
      vocabulary_.character_map.assign(chars->begin(), chars->end());
    else
      fail("tokenizer.ggml.precompiled_charsmap is " + type_name(value) + ", not an array of bytes");
  }

  // The default of the kind, unless the file names a token that exists.
  std::int32_t id_of(const char* name, std::int32_t fallback) const {
    const auto count = static_cast<std::int64_t>(vocabulary_.tokens.size());
    if (fallback >= count) fallback = -1;
    const std::int64_t id = metadata_.integer(kPrefix + name + "_token_id", fallback);
    return id >= 0 && id < count ? static_cast<std::int32_t>(id) : fallback;
  }

  void read_ids() {
    GgufVocabulary& v = vocabulary_;
    const bool llama = v.kind == GgufVocabulary::Kind::llama, t5 = v.kind == GgufVocabulary::Kind::t5;
    const bool no_default_bos = is_gemma4_ || !pre_.default_bos;
    v.bos = id_of("bos", llama ? 1 : t5 || no_default_bos ? -1 : 11);
    v.eos = id_of("eos", llama ? 2 : t5 ? 1 : is_gemma4_ ? -1 : 11);
    v.unknown_id = id_of("unknown", llama ? 0 : t5 ? 2 : -1);
    v.padding = id_of("padding", t5 ? 0 : -1);
    if (v.add_bos && v.bos < 0) fail("add_bos_token is set, but there is no tokenizer.ggml.bos_token_id");
    if (v.add_eos && v.eos < 0) fail("add_eos_token is set, but there is no tokenizer.ggml.eos_token_id");
  }

  const Metadata& metadata_;
  GgufVocabulary vocabulary_;
  GgufPreTokenizer pre_;  // of kind gpt2
  bool is_gemma4_ = false;
};

}  // namespace

GgufVocabulary read_gguf_vocabulary(const Metadata& metadata, const std::string& source) {
  try {
    return Reader(metadata, source).read();
  } catch (const FormatError& error) {
    throw FormatError(source + ": " + error.what());
  }
}

}  // namespace pq
