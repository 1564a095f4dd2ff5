#include "common/tensor_store.hpp"

#include "common/printable.hpp"

#include <polyquant/base/error.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <set>
#include <system_error>

namespace pq::hf {
namespace {

namespace fs = std::filesystem;

// An index has about 100 bytes per tensor; the largest models have some 100,000.
constexpr std::uint64_t kMaxIndexBytes = 256ull << 20;

bool is_there(const fs::path& path) {
  std::error_code error;
  return fs::exists(path, error);
}

// Why a folder without safetensors' names cannot be opened, with the way out.
[[noreturn]] void refuse_folder(const fs::path& folder) {
  if (is_there(folder / "pytorch_model.bin") || is_there(folder / "pytorch_model.bin.index.json"))
    throw FormatError(fmt::format(
        "{}: holds only pytorch_model.bin, which polyquant does not read; convert it in Python with "
        "transformers.AutoModelForCausalLM.from_pretrained(FOLDER, "
        "torch_dtype='auto').save_pretrained(NEW_FOLDER)",
        folder.string()));
  std::set<std::string> others;
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    if (name.ends_with(".safetensors") || name.ends_with(".gguf")) others.insert(name);
  }
  if (error) throw FormatError(fmt::format("{}: cannot be listed: {}", folder.string(), error.message()));
  const std::string missing =
      fmt::format("{}: has neither {} nor {}", folder.string(), kIndexFile, kSingleFile);
  if (others.empty()) throw FormatError(missing + "; the download is incomplete, or this is no model folder");
  throw FormatError(fmt::format("{}; to open another file in it, give its path, such as {}", missing,
                                (folder / *others.begin()).string()));
}

}  // namespace

TensorStore::TensorStore(const fs::path& path, const std::string& base) : path_(path) {
  std::error_code error;
  is_folder_ = fs::is_directory(path, error);
  const std::string index = base + std::string(kIndexEnd), single = base + std::string(kFileEnd);
  if (is_folder_ && is_there(path / index)) {
    const WeightMap weights =
        parse_index(read_text_file(path / index, kMaxIndexBytes), (path / index).string());
    add_shards(weights, index);
    index_names();
    check_index(weights, index);
    return;
  }
  if (is_folder_ && !is_there(path / single)) refuse_folder(path);
  if (!is_folder_ && !is_there(path)) throw FormatError(path.string() + " does not exist");
  add_shard(is_folder_ ? path / single : path);
  index_names();
}

TensorStore::TensorStore(const fs::path& path, const std::vector<fs::path>& shards) : path_(path) {
  std::error_code error;
  is_folder_ = fs::is_directory(path, error);
  for (const fs::path& shard : shards) add_shard(shard);
  index_names();
}

void TensorStore::add_shard(const fs::path& file) {
  shards_.push_back(std::make_unique<MappedFile>(file));
  Header header = parse_header(shards_.back()->bytes(), file.string());
  for (HeaderTensor& tensor : header.tensors)
    tensors_.push_back({std::move(tensor.name), tensor.dtype, std::move(tensor.shape), shards_.size() - 1,
                        header.data_begin + tensor.begin, tensor.end - tensor.begin});
  for (auto& [key, value] : header.metadata)
    if (metadata_names_.insert(key).second) metadata_.emplace_back(std::move(key), std::move(value));
}

void TensorStore::add_shards(const WeightMap& weights, const std::string& index) {
  std::set<std::string> files;
  for (const auto& entry : weights) files.insert(entry.second);
  for (const std::string& file : files)
    if (!is_there(path_ / file))
      throw FormatError(
          fmt::format("{}: the shard {} is not in the folder; the download is incomplete, fetch this file",
                      (path_ / index).string(), shown(file)));
  for (const std::string& file : files) add_shard(path_ / file);
}

void TensorStore::index_names() {
  by_name_.resize(tensors_.size());
  std::iota(by_name_.begin(), by_name_.end(), std::size_t{0});
  std::sort(by_name_.begin(), by_name_.end(),
            [&](std::size_t a, std::size_t b) { return tensors_[a].name < tensors_[b].name; });
  for (std::size_t i = 1; i < by_name_.size(); ++i) {
    const StoredTensor& a = tensors_[by_name_[i - 1]];
    const StoredTensor& b = tensors_[by_name_[i]];
    if (a.name == b.name)
      throw FormatError(fmt::format("{}: tensor {} is both in {} and in {}", path_.string(), shown(a.name),
                                    shown(shard_name(a.shard)), shown(shard_name(b.shard))));
  }
}

std::optional<std::size_t> TensorStore::find(std::string_view name) const noexcept {
  const auto found =
      std::lower_bound(by_name_.begin(), by_name_.end(), name,
                       [&](std::size_t i, std::string_view wanted) { return tensors_[i].name < wanted; });
  if (found == by_name_.end() || tensors_[*found].name != name) return std::nullopt;
  return *found;
}

// The index and the shards must name the same tensors in the same files. Takes the map by value: what is found is crossed out.
void TensorStore::check_index(WeightMap weights, const std::string& index) const {
  for (const StoredTensor& tensor : tensors_) {
    const std::string place =
        fmt::format("{}: tensor {}", (path_ / shard_name(tensor.shard)).string(), shown(tensor.name));
    const auto listed = weights.find(tensor.name);
    if (listed == weights.end())
      throw FormatError(
          fmt::format("{} is not listed in {}; fetch the shard and the index again", place, index));
    if (listed->second != shard_name(tensor.shard))
      throw FormatError(fmt::format("{} should be in {} by {}; fetch the shards and the index again", place,
                                    shown(listed->second), index));
    weights.erase(listed);
  }
  if (!weights.empty())
    throw FormatError(
        fmt::format("{}: tensor {} should be in {}, but is not there; fetch the shard and the index again",
                    (path_ / index).string(), shown(weights.begin()->first), shown(weights.begin()->second)));
}

Bytes TensorStore::bytes(std::size_t tensor, std::uint64_t begin, std::uint64_t count) const {
  const StoredTensor& stored = tensors_.at(tensor);
  PQ_ASSERT(begin <= stored.bytes && count <= stored.bytes - begin, "the range lies in the tensor");
  return shards_[stored.shard]->bytes(stored.offset + begin, count);
}

void TensorStore::release(std::size_t tensor, std::uint64_t begin, std::uint64_t count) const noexcept {
  const StoredTensor& stored = tensors_[tensor];
  shards_[stored.shard]->release(stored.offset + begin, count);
}

}  // namespace pq::hf
