// A GGUF file whose tokenizer is used, and written out as the tokenizer files of a Hugging Face folder, which must be whole.
#include "memory_file.hpp"

#include "../support/format_plugin.hpp"
#include "model/tokenizer_export.hpp"
#include "tokenizer/tokenizer.hpp"

#include <polyquant/base/error.hpp>
#include <polyquant/base/text.hpp>

#include <cstdint>
#include <span>
#include <stdexcept>

namespace {

constexpr const char* kText = "Hi  <s>a\xC3\xA9 \xE2\x96\x81 12\n\nab\xE4\xB8\xAD\xFF\xF0\x9F\x99\x82</s>";

void use(const pq::Tokenizer& tokenizer) {
  for (const bool parse_special : {false, true}) {
    const auto ids = tokenizer.encode(kText, {true, parse_special});
    for (const std::int32_t id : ids)
      if (id < 0 || id >= tokenizer.facts().size) throw std::logic_error("a token id is out of range");
    tokenizer.decode(ids, !parse_special);
  }
}

template <class Action>
void expect_own_errors(Action&& action) {
  try {
    action();
  } catch (const pq::Error& error) {
    if (error.exit_code() == 1) throw;  // an internal error is a defect
  }
}

void check_files(const pq::Metadata& metadata) {
  std::vector<std::string> warnings;
  for (const pq::SideFile& file : pq::export_tokenizer(metadata, "fuzz.gguf", warnings)) {
    if (!file.name.ends_with(".json")) continue;
    if (!pq::is_utf8(file.content)) throw std::logic_error(file.name + " is no UTF-8");
    try {
      pq::parse_json(file.content, file.name);
    } catch (const pq::FormatError& error) {
      throw std::logic_error(error.what());
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const auto& format = *pq_test::load_format("gguf", "gguf").release();
  const pq_fuzz::MemoryFile file(std::as_bytes(std::span(data, size)));
  std::unique_ptr<pq::ModelReader> reader;
  expect_own_errors([&] { reader = format.open(file.path()); });
  if (reader == nullptr) return 0;
  const pq::Metadata& metadata = reader->header().metadata;
  expect_own_errors([&] { use(pq::Tokenizer(pq::read_gguf_vocabulary(metadata, "fuzz.gguf"))); });
  expect_own_errors([&] { check_files(metadata); });
  return 0;
}
