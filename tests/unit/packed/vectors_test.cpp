// Every packed layer of tests/golden/packed: decoded as its library decodes it, and packed again to the same bytes.
#include "packed/support.hpp"

#include "common/tensor_store.hpp"

#include <catch2/catch.hpp>

#include <fmt/format.h>

using namespace pq;
using namespace pq::test;

namespace {

std::string fnv1a(const std::vector<float>& values) {
  std::uint64_t hash = 0xcbf29ce484222325;
  for (const std::byte byte : std::as_bytes(std::span(values)))
    hash = (hash ^ std::to_integer<std::uint64_t>(byte)) * 0x100000001b3;
  return fmt::format("{:016x}", hash);
}

// The libraries round their product to f16; its own f32 value has one rounding less.
std::vector<float> rounded_to_f16(std::vector<float> values) {
  for (float& value : values) value = f16_to(f16_from(value));
  return values;
}

const nlohmann::json& any_case() {
  const auto at = GENERATE(range(std::size_t{0}, packed_cases().size()));
  return packed_cases()[at];
}

}  // namespace

TEST_CASE("packed vectors: every layer decodes to the weights of its library", "[formats][packed][golden]") {
  const nlohmann::json& golden = any_case();
  INFO(golden.at("file").get<std::string>());
  const PackedFolder folder(golden);
  const auto reader = packed_format(golden.at("library"))->open(folder.path());
  for (const auto& [name, hash] : golden.at("layers").items()) {
    const std::size_t tensor = index_of(*reader, name);
    const TensorInfo& info = reader->header().tensors[tensor];
    INFO(name << " " << info.encoding);
    const auto encoded = all_rows(*reader, tensor, rows(info.shape));
    CHECK(fnv1a(rounded_to_f16(decode_affine(info, encoded))) == hash.get<std::string>());
    CHECK(all_rows(*reader, tensor, 7) == encoded);
    const AffineOptions options = parse_affine_spec(info.encoding);
    CHECK(options.act_order == golden.at("act_order").get<bool>());
    CHECK(info.shared.empty() != options.act_order);
    CHECK(options.symmetric == golden.at("config").value("sym", false));
    CHECK(options.group == golden.at("config").at("group_size").get<std::int64_t>());
  }
}

TEST_CASE("packed vectors: every layer is packed to the bytes of its library", "[formats][packed][golden]") {
  const nlohmann::json& golden = any_case();
  INFO(golden.at("file").get<std::string>());
  const PackedFolder folder(golden);
  const std::string id = golden.at("library");
  const auto format = packed_format(id);
  const auto reader = format->open(folder.path());
  OutputModel model = output_of(*reader);
  model.options = Node::map();
  if (id == "gptq")
    model.options.set("checkpoint_format", Node::scalar(golden.at("config").at("checkpoint_format")));
  const TempFolder target;
  const auto writer = format->create(target / "out", model, false);
  for (std::size_t t = 0; t < model.tensors.size(); ++t) write_tensor(*writer, *reader, t, 5);
  writer->seal();
  const hf::TensorStore expected(folder.path()), found(target / "out");
  const bool is_gemm = id == "gptq" || golden.at("config").at("version") == "gemm";
  CHECK(found.tensors().size() == expected.tensors().size());
  for (std::size_t i = 0; is_gemm && i < expected.tensors().size(); ++i) {
    const hf::StoredTensor& tensor = expected.tensors()[i];
    INFO(tensor.name);
    const auto at = found.find(tensor.name);
    REQUIRE(at);
    CHECK(found.tensors()[*at].shape == tensor.shape);
    CHECK(found.tensors()[*at].dtype == tensor.dtype);
    CHECK(std::ranges::equal(found.bytes(*at), expected.bytes(i)));
  }
  // Whatever the packing, the layers are the same.
  const auto again = format->open(target / "out");
  for (std::size_t t = 0; t < model.tensors.size(); ++t) {
    const std::size_t at = index_of(*again, model.tensors[t].name);
    CHECK(again->header().tensors[at].encoding == model.tensors[t].encoding);
    CHECK(again->header().tensors[at].shared == reader->header().tensors[t].shared);
    CHECK(all_rows(*again, at, 64) == all_rows(*reader, t, 64));
  }
}
