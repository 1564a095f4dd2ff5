#include "tokenizer/tokenizer_json_writer.hpp"

#include "tokenizer/unicode.hpp"

#include <polyquant/base/error.hpp>

#include <algorithm>
#include <string_view>
#include <unordered_set>

namespace pq {
namespace {

// The merges of real vocabularies take less than ten times the bytes of their pieces.
constexpr std::size_t kMergeBytesPerByte = 64;
constexpr std::size_t kFreeMergeBytes = std::size_t{64} << 20;

void append_text(std::string& out, std::string_view text) {
  out += '"';
  for (const char c : text) {
    if (c == '"' || c == '\\')
      (out += '\\') += c;
    else if (static_cast<unsigned char>(c) >= 0x20)
      out += c;
    else if (c == '\n')
      out += "\\n";
    else if (c == '\t')
      out += "\\t";
    else {
      constexpr const char* kDigits = "0123456789abcdef";
      ((out += "\\u00") += kDigits[c >> 4]) += kDigits[c & 15];
    }
  }
  out += '"';
}

void append_flag(std::string& out, const char* key, bool value) {
  ((out += key) += value ? "true" : "false");
}

void append_added(std::string& out, const AddedToken& token) {
  out += "    {\"id\": " + std::to_string(token.id) + ", \"content\": ";
  append_text(out, token.content);
  append_flag(out, ", \"single_word\": ", token.single_word);
  append_flag(out, ", \"lstrip\": ", token.lstrip);
  append_flag(out, ", \"rstrip\": ", token.rstrip);
  append_flag(out, ", \"normalized\": ", token.normalized);
  append_flag(out, ", \"special\": ", token.special);
  out += "}";
}

void append_part(std::string& out, const char* key, const Json& value) {
  ((((out += "  \"") += key) += "\": ") += to_json(value, -1)) += ",\n";
}

void append_model(std::string& out, const TokenizerParts& parts) {
  out += "  \"model\": {\n    \"type\": \"BPE\",\n    \"dropout\": null,\n    \"unk_token\": ";
  if (parts.unk_token.empty())
    out += "null";
  else
    append_text(out, parts.unk_token);
  out += ",\n    \"continuing_subword_prefix\": null,\n    \"end_of_word_suffix\": null";
  append_flag(out, ",\n    \"fuse_unk\": ", parts.fuse_unk);
  append_flag(out, ",\n    \"byte_fallback\": ", parts.byte_fallback);
  append_flag(out, ",\n    \"ignore_merges\": ", parts.ignore_merges);
  out += ",\n    \"vocab\": {";
  const char* separator = "\n      ";
  for (const auto& [piece, id] : parts.vocab) {
    out += std::exchange(separator, ",\n      ");
    append_text(out, piece);
    out += ": " + std::to_string(id);
  }
  out += "\n    },\n    \"merges\": [";
  separator = "\n      ";
  for (const Merge& merge : parts.merges) {
    out += std::exchange(separator, ",\n      ");
    out += '[';
    append_text(out, merge.left());
    out += ", ";
    append_text(out, merge.right());
    out += ']';
  }
  out += "\n    ]\n  }\n";
}

}  // namespace

std::string write_tokenizer_json(const TokenizerParts& parts) {
  std::string out =
      "{\n  \"version\": \"1.0\",\n  \"truncation\": null,\n  \"padding\": null,\n  \"added_tokens\": [";
  const char* separator = "\n";
  for (const AddedToken& token : parts.added_tokens) {
    out += std::exchange(separator, ",\n");
    append_added(out, token);
  }
  out += "\n  ],\n";
  append_part(out, "normalizer", parts.normalizer);
  append_part(out, "pre_tokenizer", parts.pre_tokenizer);
  append_part(out, "post_processor", parts.post_processor);
  append_part(out, "decoder", parts.decoder);
  append_model(out, parts);
  return out + "}\n";
}

std::vector<Merge> merges_from_scores(const std::vector<std::pair<std::string, std::int64_t>>& vocab,
                                      const std::vector<float>& scores) {
  struct Candidate {
    float score;
    std::uint32_t left_length, right_length;  // in characters
    std::uint32_t piece, left_bytes;
  };
  std::unordered_set<std::string_view> pieces;
  std::unordered_set<std::size_t>
      lengths;  // in bytes: most cuts of a very long piece give parts of no such length
  std::size_t most = kFreeMergeBytes;
  for (const auto& entry : vocab) {
    most += kMergeBytesPerByte * entry.first.size();
    pieces.insert(entry.first);
    lengths.insert(entry.first.size());
  }
  std::size_t bytes = 0;  // looked at, or written
  std::vector<Candidate> candidates;
  for (std::size_t i = 0; i < vocab.size(); ++i) {
    const std::string_view text = vocab[i].first;
    std::uint32_t length = 0, left = 0;
    for (std::size_t at = 0; at < text.size(); at += character_bytes(text[at])) ++length;
    for (std::size_t at = character_bytes(text.empty() ? 'x' : text[0]); at < text.size();
         at += character_bytes(text[at])) {
      ++left;
      if (!lengths.contains(at) || !lengths.contains(text.size() - at)) continue;
      bytes += text.size();
      if (bytes > most)
        throw FormatError("the pieces of the vocabulary are so long that their merges take more than " +
                          std::to_string(most) + " bytes; the longest piece in question has " +
                          std::to_string(text.size()));
      if (pieces.contains(text.substr(0, at)) && pieces.contains(text.substr(at)))
        candidates.push_back(
            {scores[i], left, length - left, static_cast<std::uint32_t>(i), static_cast<std::uint32_t>(at)});
    }
  }
  std::sort(candidates.begin(), candidates.end(), [&](const Candidate& a, const Candidate& b) {
    if (a.score != b.score) return a.score > b.score;
    if (a.left_length != b.left_length) return a.left_length > b.left_length;
    if (a.right_length != b.right_length) return a.right_length > b.right_length;
    return vocab[a.piece].second < vocab[b.piece].second;
  });
  std::vector<Merge> merges;
  merges.reserve(candidates.size());
  for (const Candidate& candidate : candidates)
    merges.push_back({vocab[candidate.piece].first, candidate.left_bytes});
  return merges;
}

}  // namespace pq
