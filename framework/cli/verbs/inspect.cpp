// polyquant inspect: what is in a model's files, and whether readers will like it.
#include "base/thread_pool.hpp"
#include "evaluation/pieces.hpp"
#include "model/named_tensor.hpp"
#include "report/inspect_report.hpp"
#include "session.hpp"
#include "verbs.hpp"

#include <polyquant/base/error.hpp>
#include <polyquant/base/log.hpp>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <string>

namespace pq::cli {
namespace {

struct Options {
  std::string path, tensor;
  bool json = false;
  bool check = false;
};

// What a part takes in its file: whole rows, or its share if it consists of columns or single weights.
double part_bytes(const RowMap::Part& part, const TensorInfo& stored, bool is_single_weights) {
  if (!is_single_weights && !part.transposed)
    return static_cast<double>(stored.row_bytes) * static_cast<double>(part.rows);
  const std::int64_t width = is_single_weights ? 1 : stored.shape[stored.shape.size() - 2];
  const auto weights = static_cast<double>(std::max<std::int64_t>(1, elements(stored.shape)));
  return static_cast<double>(stored.bytes()) * static_cast<double>(part.rows * width) / weights;
}

// A tensor of the view as a line of the listing: bytes of all its parts, the place of the first.
TensorInfo describe(const NamedTensor& named) {
  const ViewTensor& tensor = named.info();
  TensorInfo info{tensor.name, tensor.shape, tensor.encoding_name(), 0, "", 0};
  if (!tensor.generated.empty()) return info;
  const std::vector<TensorInfo>& stored = named.view->reader->header().tensors;
  double bytes = 0;
  for (const RowMap::Part& part : tensor.map.parts)
    bytes += part_bytes(part, stored[part.stored], tensor.elements);
  info.row_bytes =
      static_cast<std::uint64_t>(bytes / static_cast<double>(std::max<std::int64_t>(1, rows(tensor.shape))));
  const TensorInfo& first = stored[tensor.map.parts.front().stored];
  info.file = first.file;
  const RowMap::Part& part = tensor.map.parts.front();
  if (tensor.map.parts.size() == 1 && tensor.rows_are_stored() && part.step == 1 && first.offset != 0 &&
      tensor.map.order == RowMap::Order::natural)
    info.offset = first.offset + static_cast<std::uint64_t>(part.first_row) * first.row_bytes;
  return info;
}

TensorInspection inspect_tensor(Session& session, const NamedTensor& named) {
  constexpr std::int64_t kShown = 8;
  TensorInspection result;
  result.tensor = describe(named);
  const RowDecoder decoder = RowDecoder::find(*named.view, named.info(), [&](const std::string& spec) {
    return session.registry().find_encoding(spec);
  });
  if (!decoder.missing().empty()) return result;
  const RowSource read = [&](std::int64_t first, Matrix out) {
    std::vector<std::byte> scratch;
    read_decoded_rows(*named.view, named.tensor, first, out, decoder, scratch);
    release_rows(*named.view, named.tensor, first, out.rows);
  };
  result.statistics = tensor_statistics(result.tensor.shape, read, session.executor());
  if (elements(result.tensor.shape) == 0) return result;
  const std::int64_t width = cols(result.tensor.shape);
  result.first.resize(static_cast<std::size_t>(width));
  read(0, Matrix{result.first.data(), 1, width, width});
  result.first.resize(static_cast<std::size_t>(std::min(width, kShown)));
  return result;
}

void inspect(Session& session, const Options& options) {
  const OpenedModel model = open_model(options.path, session.registry(), UnknownCodes::carry);
  if (!model.unknown_method.empty())
    log::warning(
        fmt::format("{}: no plugin knows the quantization method '{}'; tensors are shown as they are stored",
                    options.path, model.unknown_method));
  if (!options.tensor.empty()) {
    const TensorInspection tensor =
        inspect_tensor(session, find_tensor(model.reader, options.path, options.tensor));
    return options.json ? session.print_json(tensor_json(tensor)) : session.print(tensor_text(tensor));
  }
  Inspection inspection = inspect_model(options.path, model);
  const auto find = [&](const std::string& spec) { return session.registry().find_encoding(spec); };
  if (options.check) {
    inspection.check = check_model(*model.reader, find, session.executor());
    check_family(model, options.path, *inspection.check);
  }
  if (options.json)
    session.print_json(inspection_json(inspection));
  else
    session.print(inspection_text(inspection));
  if (inspection.check && !inspection.check->problems.empty())
    throw VerifyError(options.path + ": " + std::to_string(inspection.check->problems.size()) +
                      (inspection.check->problems.size() == 1 ? " problem was" : " problems were") +
                      " found; the list is on standard output");
}

}  // namespace

void add_inspect(CLI::App& app, Session& session) {
  const auto options = std::make_shared<Options>();
  CLI::App* verb =
      app.add_subcommand("inspect", "Show what is in a model: metadata, tensors, encodings, sizes, places.");
  verb->add_option("MODEL", options->path, "A model's file or folder.")->required()->type_name("PATH");
  CLI::Option* tensor =
      verb->add_option("TENSOR", options->tensor,
                       "Show this tensor, by its stored name or that of the source framework, with "
                       "statistics of its weights.");
  verb->add_flag(
          "--check", options->check,
          "Check everything that readers rely on, in the whole model; exit code 5 if something is wrong.")
      ->excludes(tensor);
  verb->add_flag("--json", options->json, "Print JSON.");
  session.on(*verb, [&session, options] { inspect(session, *options); });
}

}  // namespace pq::cli
