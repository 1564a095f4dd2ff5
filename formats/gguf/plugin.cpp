// The format of llama.cpp: one file (or several parts) with typed metadata and tensors in ggml's block types.

#include "layout.hpp"
#include "limits.hpp"
#include "options.hpp"
#include "output_check.hpp"
#include "reader.hpp"
#include "writer.hpp"

#include <polyquant/plugin.hpp>

#include <fmt/format.h>

#include <cstring>

namespace pq::gguf {
namespace {

constexpr const char* kSummary = "GGUF files of llama.cpp, versions 2 and 3, single or split";

class Gguf final : public Format {
 public:
  explicit Gguf(Node options) : options_(std::move(options)) { parsed(Node()); }

  const FormatInfo& info() const override { return info_; }

  int probe(const Probe& probe) const override {
    if (probe.is_folder) return 0;
    if (probe.head.size() >= sizeof(kMagic) && std::memcmp(probe.head.data(), kMagic, sizeof(kMagic)) == 0)
      return 100;
    // A damaged file: opening it says what is wrong.
    return probe.path.extension() == ".gguf" ? 30 : 0;
  }

  std::unique_ptr<ModelReader> open(const std::filesystem::path& path) const override {
    return std::make_unique<Reader>(open_shards(path));
  }

  std::optional<std::string> rejects(const Encoding& encoding, const Shape& shape) const override {
    if (auto reason = refusal(encoding.info().spec, shape)) return reason;
    const TensorType& type = *find_type(encoding.info().spec);
    const std::uint64_t expected =
        static_cast<std::uint64_t>(cols(shape)) / type.block_elements * type.block_bytes;
    if (encoding.row_bytes(cols(shape)) == expected) return std::nullopt;
    return fmt::format("rows of {} {} take {} bytes in ggml, but the encoding makes {}", cols(shape),
                       type.name, expected, encoding.row_bytes(cols(shape)));
  }

  OutputLayout layout(const std::filesystem::path& path, const OutputModel& model) const override {
    return make_plan(path, model, parsed(model.options)).layout();
  }

  std::unique_ptr<ModelWriter> create(const std::filesystem::path& path, const OutputModel& model,
                                      bool resume) const override {
    return std::make_unique<Writer>(path, make_plan(path, model, parsed(model.options)), model, resume);
  }

 private:
  // The options of the output over those of the format.
  Options parsed(const Node& output_options) const {
    Node merged = options_.is_map() ? options_ : Node::map(output_options.mark());
    if (output_options.is_map())
      for (const Node::Member& member : output_options.members())
        merged.set(member.key, member.value, member.mark);
    Options options = options_schema().parse(merged, "gguf");
    const Node* size = merged.find("split_max_size");
    max_size(options, size == nullptr ? Mark() : size->mark());
    return options;
  }

  FormatInfo info_{"gguf", kSummary, Dialect::gguf, false, true};
  Node options_;
};

}  // namespace
}  // namespace pq::gguf

PQ_PLUGIN("gguf", "1.0.0", pq::gguf::kSummary) {
  registry.add(
      pq::FormatEntry{"gguf", pq::gguf::kSummary, pq::gguf::options_schema().table(),
                      [](const pq::Node& options) { return std::make_unique<pq::gguf::Gguf>(options); }});
}
