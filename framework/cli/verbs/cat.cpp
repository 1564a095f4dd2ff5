// polyquant cat: the decoded weights of one tensor, as f32 on standard output.
#include "evaluation/pieces.hpp"
#include "model/named_tensor.hpp"
#include "model/open_model.hpp"
#include "plugin/registry.hpp"
#include "session.hpp"
#include "verbs.hpp"

#include <polyquant/base/error.hpp>

#include <unistd.h>

#include <charconv>

namespace pq::cli {
namespace {

struct Options {
  std::string path, tensor, rows;
};

struct RowRange {
  std::int64_t first = 0;
  std::int64_t last = 0;  // exclusive
};

std::int64_t parse_row(std::string_view text, std::int64_t fallback, const std::string& whole) {
  if (text.empty()) return fallback;
  std::int64_t row = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), row);
  if (error != std::errc() || end != text.data() + text.size())
    throw ConfigError("--rows must be FIRST:LAST with row numbers, LAST exclusive, such as 0:16, got '" +
                      whole + "'");
  return row;
}

RowRange parse_rows(const std::string& text, std::int64_t rows) {
  if (text.empty()) return {0, rows};
  const std::size_t colon = text.find(':');
  const std::string_view view = text;
  const RowRange range{parse_row(view.substr(0, colon), 0, text),
                       colon == std::string::npos ? -1 : parse_row(view.substr(colon + 1), rows, text)};
  if (colon == std::string::npos || range.first < 0 || range.first > range.last || range.last > rows)
    throw ConfigError("--rows must be FIRST:LAST with 0 <= FIRST <= LAST <= " + std::to_string(rows) +
                      ", the number of the tensor's rows, got '" + text + "'");
  return range;
}

void cat(Session& session, const Options& options) {
  if (::isatty(STDOUT_FILENO) == 1)
    throw ConfigError(
        "the weights are binary (little-endian f32) and would garble the terminal; redirect them: polyquant "
        "cat ... > rows.f32");
  const OpenedModel model = open_model(options.path, session.registry());
  const NamedTensor found = find_tensor(model.reader, options.path, options.tensor);
  const ViewTensor& tensor = found.info();
  const RowDecoder decoder = RowDecoder::find(
      *found.view, tensor, [&](const std::string& spec) { return session.registry().find_encoding(spec); });
  if (!decoder.missing().empty())
    throw PluginError("tensor '" + options.tensor + "' is stored as " + decoder.missing() +
                      ", which no plugin decodes; name the folder of its plugin with --plugin-path "
                      "(`polyquant plugins` lists what is loaded)");
  const RowRange range = parse_rows(options.rows, rows(tensor.shape));
  const std::int64_t width = cols(tensor.shape);
  std::vector<Piece> pieces;
  if (width > 0) append_pieces(pieces, 0, range.last - range.first, piece_rows(tensor));
  std::vector<float> weights;
  std::vector<std::byte> scratch;
  for (const Piece& piece : pieces) {
    const std::int64_t first = range.first + piece.first;
    weights.resize(static_cast<std::size_t>(piece.count * width));
    read_decoded_rows(*found.view, found.tensor, first, Matrix{weights.data(), piece.count, width, width},
                      decoder, scratch);
    session.print({reinterpret_cast<const char*>(weights.data()), weights.size() * sizeof(float)});
    release_rows(*found.view, found.tensor, first, piece.count);
  }
}

}  // namespace

void add_cat(CLI::App& app, Session& session) {
  const auto options = std::make_shared<Options>();
  CLI::App* verb = app.add_subcommand(
      "cat", "Write the decoded weights of one tensor to standard output, as rows of little-endian f32.");
  verb->add_option("MODEL", options->path, "A model's file or folder.")->required()->type_name("PATH");
  verb->add_option("TENSOR", options->tensor,
                   "Name in the source framework, such as model.embed_tokens.weight, or as stored.")
      ->required();
  verb->add_option("--rows", options->rows, "Only rows FIRST to LAST, LAST exclusive.")
      ->type_name("FIRST:LAST");
  session.on(*verb, [&session, options] { cat(session, *options); });
}

}  // namespace pq::cli
