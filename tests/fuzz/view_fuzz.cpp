// Views of a model in the other dialect: of a GGUF file, or of a config.json with the tensors that it asks for.
#include "memory_file.hpp"

#include "../support/format_plugin.hpp"
#include "model/family.hpp"
#include "model/scope.hpp"
#include "model/tensor_links.hpp"
#include "model/view.hpp"
#include "model/view_builder.hpp"

#include <polyquant/base/error.hpp>

#include <cstdint>
#include <span>
#include <string_view>

namespace {

constexpr std::uint64_t kMaxRead = 1 << 20;

// Tensors of zeros.
class Zeros final : public pq::ModelReader {
 public:
  pq::ModelHeader content;
  const pq::ModelHeader& header() const override { return content; }
  pq::Bytes rows(std::size_t tensor, std::int64_t, std::int64_t count,
                 std::vector<std::byte>& scratch) const override {
    const std::uint64_t bytes = content.tensors[tensor].row_bytes;
    if (bytes > 0 && static_cast<std::uint64_t>(count) > kMaxRead / bytes)
      throw pq::FormatError("fuzz: so much is not read here");
    scratch.assign(static_cast<std::size_t>(count) * bytes, std::byte{0});
    return scratch;
  }
};

template <class Action>
void expect_own_errors(Action&& action) {
  try {
    action();
  } catch (const pq::Error& error) {
    if (error.exit_code() == 1) throw;  // an internal error is a defect
  }
}

void view_gguf(pq::Bytes input) {
  static const auto& format = *pq_test::load_format("gguf", "gguf").release();
  const pq_fuzz::MemoryFile file(input);
  std::shared_ptr<const pq::ModelReader> reader;
  expect_own_errors([&] { reader = format.open(file.path()); });
  if (reader == nullptr) return;
  for (const pq::Dialect dialect : {pq::Dialect::gguf, pq::Dialect::huggingface})
    expect_own_errors([&] { pq::make_view(reader, "fuzz.gguf", dialect, {}); });
}

void view_config(std::string_view text) {
  const auto reader = std::make_shared<Zeros>();
  reader->content.side_files = {
      {"config.json", {}, std::string(text)},
      {"tokenizer.json",
       {},
       R"({"added_tokens": [], "model": {"type": "BPE", "vocab": {"a": 0}, "merges": []}})"}};
  const pq::Json config = pq::parse_json(text, "config.json");
  const pq::Family* family = pq::installed_family(config);
  if (family == nullptr) return;
  const pq::Json nested = pq::with_nested(config, *family);
  pq::ConfigScope scope(&family->let, nested, family->defaults, "config.json");
  for (const pq::TensorLink& link : pq::tensor_links(*family, scope))
    for (const std::string& name : link.huggingface) {
      pq::TensorInfo info;
      info.name = name;
      info.shape = link.shape;
      info.encoding = "f32";
      info.row_bytes = 4 * static_cast<std::uint64_t>(pq::cols(link.shape));
      reader->content.tensors.push_back(std::move(info));
    }
  pq::ViewOptions options;
  options.pre_tokenizer = "gpt-2";
  pq::make_view(reader, "fuzz", pq::Dialect::gguf, options);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (text.starts_with("GGUF"))
    view_gguf(std::as_bytes(std::span(data, size)));
  else
    expect_own_errors([&] { view_config(text); });
  return 0;
}
