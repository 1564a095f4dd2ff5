// polyquant inspect: what is in a model's files, and whether readers will like it.
#include "base/thread_pool.hpp"
#include "report/inspect_report.hpp"
#include "session.hpp"
#include "verbs.hpp"

#include <polyquant/base/error.hpp>
#include <polyquant/base/text.hpp>

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

std::size_t find_tensor(const ModelHeader& header, const std::string& name) {
  std::vector<std::string> names;
  for (std::size_t i = 0; i < header.tensors.size(); ++i) {
    if (header.tensors[i].name == name) return i;
    names.push_back(header.tensors[i].name);
  }
  throw ConfigError("the model has no tensor '" + name + "'" + suggestion(name, names) +
                    "; `polyquant inspect MODEL` lists them");
}

TensorInspection inspect_tensor(Session& session, const OpenedModel& model, std::size_t index) {
  constexpr std::int64_t kShown = 8;
  TensorInspection result;
  result.tensor = model.reader->header().tensors[index];
  const auto encoding = session.registry().find_encoding(result.tensor.encoding);
  if (!encoding) return result;
  const RowSource read = [&](std::int64_t first, Matrix out) {
    std::vector<std::byte> scratch;
    encoding->decode(model.reader->rows(index, first, out.rows, scratch), out);
    model.reader->release(index, first, out.rows);
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
  const OpenedModel model = open_model(options.path, session.registry());
  if (!options.tensor.empty()) {
    const TensorInspection tensor =
        inspect_tensor(session, model, find_tensor(model.reader->header(), options.tensor));
    return options.json ? session.print_json(tensor_json(tensor)) : session.print(tensor_text(tensor));
  }
  Inspection inspection = inspect_model(options.path, model);
  const auto find = [&](const std::string& spec) { return session.registry().find_encoding(spec); };
  if (options.check) inspection.check = check_model(*model.reader, find, session.executor());
  if (options.json)
    session.print_json(inspection_json(inspection));
  else
    session.print(inspection_text(inspection));
  if (inspection.check && !inspection.check->problems.empty())
    throw VerifyError(options.path + ": " + std::to_string(inspection.check->problems.size()) +
                      " problems were found; the list is on standard output");
}

}  // namespace

void add_inspect(CLI::App& app, Session& session) {
  const auto options = std::make_shared<Options>();
  CLI::App* verb =
      app.add_subcommand("inspect", "Show what is in a model: metadata, tensors, encodings, sizes, places.");
  verb->add_option("MODEL", options->path, "A model's file or folder.")->required()->type_name("PATH");
  verb->add_option("TENSOR", options->tensor, "Show this tensor with statistics of its weights.");
  verb->add_flag("--check", options->check,
                 "Check everything that readers rely on; exit code 5 if something is wrong.");
  verb->add_flag("--json", options->json, "Print JSON.");
  session.on(*verb, [&session, options] { inspect(session, *options); });
}

}  // namespace pq::cli
