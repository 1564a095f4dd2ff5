#include "model/tiny_model.hpp"

#include "golden_dir.hpp"
#include "tokenizer/sha256.hpp"

#include <polyquant/base/error.hpp>
#include <polyquant/base/file.hpp>
#include <polyquant/base/half.hpp>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <sstream>

namespace pq::tiny {
namespace {

class Reader final : public ModelReader {
 public:
  explicit Reader(MemoryModel model) : model_(std::move(model)) {}
  const ModelHeader& header() const override { return model_.header; }
  Bytes rows(std::size_t tensor, std::int64_t first, std::int64_t count,
             std::vector<std::byte>&) const override {
    const std::uint64_t bytes = model_.header.tensors[tensor].row_bytes;
    return Bytes(model_.data[tensor])
        .subspan(static_cast<std::uint64_t>(first) * bytes, static_cast<std::uint64_t>(count) * bytes);
  }

 private:
  MemoryModel model_;
};

template <class Store, float (*To)(Store), Store (*From)(float)>
class FloatEncoding final : public Encoding {
 public:
  explicit FloatEncoding(std::string id) { info_.id = info_.spec = std::move(id); }
  const EncodingInfo& info() const override { return info_; }
  std::size_t row_bytes(std::int64_t cols) const override {
    return static_cast<std::size_t>(cols) * sizeof(Store);
  }
  std::unique_ptr<RowEncoder> encoder(const EncodeRequest&) const override {
    struct Rows final : RowEncoder {
      void encode(ConstMatrix rows, MutableBytes out) const override {
        std::byte* at = out.data();
        for (std::int64_t r = 0; r < rows.rows; ++r)
          for (const float x : rows.row(r)) {
            store(at, From(x));
            at += sizeof(Store);
          }
      }
    };
    return std::make_unique<Rows>();
  }
  void decode(Bytes rows, Matrix out) const override {
    const std::byte* at = rows.data();
    for (std::int64_t r = 0; r < out.rows; ++r)
      for (float& x : out.row(r)) {
        x = To(load<Store>(at));
        at += sizeof(Store);
      }
  }

 private:
  EncodingInfo info_;
};

float same_to(float x) { return x; }
float same_from(float x) { return x; }

std::string name_of(const std::string& dtype) {
  return dtype == "BF16" ? "bf16" : dtype == "F16" ? "f16" : dtype == "F32" ? "f32" : dtype;
}

template <class T>
void append(std::string& out, const T& value) {
  out.append(reinterpret_cast<const char*>(&value), sizeof value);
}

}  // namespace

std::filesystem::path folder(const std::string& name) { return pq_test::golden_dir() / "tiny" / name; }

std::shared_ptr<const ModelReader> open_memory(MemoryModel model) {
  return std::make_shared<Reader>(std::move(model));
}

std::vector<std::string> checkpoints() {
  const auto path = pq_test::golden_dir() / "tiny" / "index.json";
  const Json index = parse_json(read_text_file(path, 1 << 20), "index.json");
  std::vector<std::string> names;
  for (const Json& entry : index.array()) names.push_back(entry.find("name")->string());
  return names;
}

Json golden(const std::string& name) {
  return parse_json(read_text_file(folder(name) / "gguf.json", 1 << 24), name + "/gguf.json");
}

Json config(const std::string& name) {
  return parse_json(read_text_file(folder(name) / "config.json", 1 << 20), name + "/config.json");
}

ViewOptions options(const std::string& name) {
  ViewOptions options;
  const Json expected = golden(name);
  if (const Json* pre = expected.find("fixed_pre"); pre != nullptr && pre->is_string())
    options.pre_tokenizer = pre->string();
  return options;
}

std::shared_ptr<const ModelView> gguf_view_of(const std::string& name) {
  return make_view(open_folder(folder(name)), folder(name), Dialect::gguf, options(name));
}

namespace {

void add_tensors(const std::filesystem::path& path, MemoryModel& model) {
  const MappedFile file(path);
  const auto header_bytes = load<std::uint64_t>(file.bytes().data());
  const Bytes text = file.bytes(8, header_bytes);
  const Json header =
      parse_json({reinterpret_cast<const char*>(text.data()), text.size()}, path.filename().string());
  for (const auto& [name, entry] : header.object()) {
    if (name == "__metadata__") continue;
    TensorInfo info;
    info.name = name;
    for (const Json& size : entry.find("shape")->array()) info.shape.push_back(size.integer());
    info.encoding = name_of(entry.find("dtype")->string());
    info.row_bytes = float_encoding(info.encoding)->row_bytes(cols(info.shape));
    info.file = path.filename().string();
    info.offset =
        8 + header_bytes + static_cast<std::uint64_t>(entry.find("data_offsets")->array()[0].integer());
    const Bytes bytes = file.bytes(info.offset, info.bytes());
    model.data.emplace_back(bytes.begin(), bytes.end());
    model.header.tensors.push_back(std::move(info));
  }
}

}  // namespace

std::shared_ptr<const ModelReader> open_folder(const std::filesystem::path& path) {
  MemoryModel model;
  std::vector<std::filesystem::path> shards;
  for (const auto& entry : std::filesystem::directory_iterator(path)) {
    if (entry.path().extension() == ".safetensors")
      shards.push_back(entry.path());
    else if (entry.is_regular_file())
      model.header.side_files.push_back({entry.path().filename().string(), entry.path(), ""});
  }
  std::sort(shards.begin(), shards.end());
  for (const auto& shard : shards) add_tensors(shard, model);
  return open_memory(std::move(model));
}

std::shared_ptr<const Encoding> float_encoding(const std::string& spec) {
  if (spec == "f32") return std::make_shared<FloatEncoding<float, same_to, same_from>>("f32");
  if (spec == "f16") return std::make_shared<FloatEncoding<std::uint16_t, f16_to, f16_from>>("f16");
  if (spec == "bf16") return std::make_shared<FloatEncoding<std::uint16_t, bf16_to, bf16_from>>("bf16");
  return nullptr;
}

std::vector<std::byte> encoded(const ModelView& view, std::size_t index, const std::string& encoding) {
  const ViewTensor& tensor = view.tensors[index];
  const std::int64_t count = rows(tensor.shape), width = cols(tensor.shape);
  std::vector<std::byte> scratch;
  if (tensor.rows_are_stored() && tensor.stored_encoding == encoding) {
    const Bytes bytes = read_encoded_rows(view, index, 0, count, scratch);
    return {bytes.begin(), bytes.end()};
  }
  std::vector<float> weights(static_cast<std::size_t>(count * width));
  const Matrix matrix{weights.data(), count, width, width};
  const auto decoder = float_encoding(tensor.stored_encoding);
  read_decoded_rows(view, index, 0, matrix, decoder.get(), scratch);
  const auto target = float_encoding(encoding);
  std::vector<std::byte> out(target->row_bytes(width) * static_cast<std::size_t>(count));
  target->encoder({width, {}, Effort::normal})->encode(matrix, out);
  return out;
}

MemoryModel written(const ModelView& view, const std::string& encoding) {
  MemoryModel model;
  model.header.dialect = view.dialect;
  model.header.metadata = view.metadata;
  model.header.side_files = view.side_files;
  for (std::size_t i = 0; i < view.tensors.size(); ++i) {
    TensorInfo info;
    info.name = view.tensors[i].name;
    info.shape = view.tensors[i].shape;
    info.encoding = view.tensors[i].keep_f32 ? "f32" : encoding;
    info.row_bytes = float_encoding(info.encoding)->row_bytes(cols(info.shape));
    model.data.push_back(encoded(view, i, info.encoding));
    model.header.tensors.push_back(std::move(info));
  }
  return model;
}

Json side_file(const ModelView& view, const std::string& name) {
  for (const SideFile& file : view.side_files)
    if (file.name == name) return parse_json(file.content, name);
  return Json();
}

std::string array_sha256(const MetaValue& value) {
  std::string bytes;
  if (const auto* strings = std::get_if<std::vector<std::string>>(&value)) {
    for (const std::string& text : *strings) {
      append(bytes, static_cast<std::uint64_t>(text.size()));
      bytes += text;
    }
  }
  if (const auto* numbers = std::get_if<std::vector<std::int32_t>>(&value))
    for (const auto x : *numbers) append(bytes, x);
  if (const auto* numbers = std::get_if<std::vector<float>>(&value))
    for (const auto x : *numbers) append(bytes, x);
  if (const auto* flags = std::get_if<BoolArray>(&value))
    for (const auto x : flags->values) append(bytes, x);
  return sha256_hex(std::as_bytes(std::span(bytes)));
}

Copy::Copy(const std::string& name) {
  std::string pattern = (std::filesystem::temp_directory_path() / "pq-tiny-XXXXXX").string();
  if (mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("no temporary folder");
  path_ = pattern;
  for (const auto& entry : std::filesystem::directory_iterator(folder(name))) {
    if (entry.path().extension() == ".safetensors")
      std::filesystem::create_symlink(entry.path(), path_ / entry.path().filename());
    else
      std::filesystem::copy_file(entry.path(), path_ / entry.path().filename());
  }
}

Copy::~Copy() {
  std::error_code error;
  std::filesystem::remove_all(path_, error);
}

void Copy::replace(const std::string& file, const std::string& from, const std::string& to) const {
  std::string text = read_text_file(path_ / file, 1 << 20);
  const std::size_t at = text.find(from);
  if (at == std::string::npos) throw std::runtime_error("'" + from + "' is not in " + file);
  text.replace(at, from.size(), to);
  std::ofstream(path_ / file, std::ios::binary) << text;
}

}  // namespace pq::tiny
