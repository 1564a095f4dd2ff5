// What a run will do, decided before the first weight is read.
#pragma once

#include "config/pipeline.hpp"
#include "model/view.hpp"
#include "plan/importance.hpp"
#include "plugin/registry.hpp"

#include <polyquant/base/executor.hpp>
#include <polyquant/encoding.hpp>
#include <polyquant/format.hpp>
#include <polyquant/quantizer.hpp>

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace pq {

struct PlannedCalibration;
struct PlannedFolding;
struct Site;

/// How the rows of a tensor get into the output. copy: the stored bytes. repack: the same codes and scales where every weight fits exactly
/// or but for the rounding of offsets, otherwise quantized anew. quantize: decoded and encoded.
enum class Route { copy, repack, quantize };
PQ_API std::string_view to_string(Route route);

/// One tensor of one output.
struct PlannedTensor {
  std::size_t view_index = 0;                // in the output's view
  std::shared_ptr<const Encoding> encoding;  // nullptr: raw rows that no plugin can decode (route copy)
  RowDecoder stored;                         // of the stored rows; empty if generated or unknown
  Route route = Route::quantize;
  std::string note;  // why it is not the first choice; "" otherwise
  std::shared_ptr<const TensorImportance> importance = nullptr;  // of the columns, from a file
  /// The inputs that are measured for it, one per matrix; empty = none. Without both importances all columns count equally.
  std::vector<const Site*> sites = {};
  /// `calibration.inputs: quantized`: the samples go through what its rows decode to, from the next layer on.
  bool is_followed = false;
  bool has_importance() const noexcept { return importance != nullptr || !sites.empty(); }
};

/// One output. `model.tensors`, `layout.tensors` and `tensors` are parallel.
struct PlannedOutput {
  std::filesystem::path to;
  Mark to_mark, lossless_mark;  // in the pipeline, for messages
  std::shared_ptr<const Format> format;
  std::shared_ptr<const ModelView> view;
  std::shared_ptr<const Quantizer> quantizer;  // chooses codes
  std::shared_ptr<const Quantizer> folder;  // scales channels before that; may be the same; nullptr = nobody
  std::shared_ptr<const PlannedFolding> folding;  // what it can scale
  OutputModel model;
  OutputLayout layout;
  std::vector<PlannedTensor> tensors;
  Lossless lossless = Lossless::no;
  std::string format_spec, quantizer_spec;   // with their options as they were given
  std::map<std::string, std::string> asked;  // recipe, encoding, rules, fallback: as they were given
  /// Of the inputs of its matrices.
  StatisticsNeeded needs() const;
  /// "gptq", or who scales and who chooses codes: "awq, gptq".
  std::string quantizers() const;
  std::int64_t weights() const;
  /// Of a tensor with everything that belongs to it; what a reader of the output says, too.
  std::uint64_t bytes_of(std::size_t tensor) const;
  double bits_per_weight() const;  // of the tensor data
};

/// The executable plan of a pipeline.
struct Plan {
  std::filesystem::path model;
  std::shared_ptr<const ModelReader> reader;
  std::string source_format;
  std::vector<PlannedOutput> outputs;
  std::shared_ptr<const Backend> backend;
  std::string backend_spec;  // with its options as they were given
  int device = 0;
  std::vector<std::string> plugins;  // that the plan uses: name, version, file and its time
  Effort effort = Effort::normal;
  std::filesystem::path report;
  Mark report_mark;
  std::vector<std::filesystem::path> inputs;  // what is read beside the model: pipeline, importance matrix
  std::shared_ptr<const Imatrix> imatrix;     // nullptr = none
  std::shared_ptr<const PlannedCalibration> calibration;  // nullptr = nothing is measured
  std::string calibration_hash;                           // of its samples
  std::filesystem::path work;  // folder of the journal; empty = beside the first output
  Mark work_mark;
  std::int64_t chunk_weights = 0;       // weights that one thread handles at a time
  std::uint64_t peak_memory_bytes = 0;  // estimate
  double seconds = 0;                   // estimate, by estimate_time()
  std::vector<std::string> warnings;
};

/// Makes the plan; reads headers only. `tokenizer`: of the model, read since before the plugins were loaded, if it was worth it. Throws
/// ConfigError, FormatError, ... before any work is done.
PQ_API Plan make_plan(const Pipeline& pipeline, const PluginRegistry& registry, int threads,
                      std::shared_ptr<const TokenizerAhead> tokenizer = nullptr);

/// Checks that only a run needs: outputs and reports that exist (unless `force`), that would overwrite what is read or files that are no
/// part of a model, outputs inside each other, free disk space.
PQ_API void check_outputs(const Plan& plan, bool force);

/// The part of it that may change while a run works: what has the final name of an output by now, and is neither of this run nor, with
/// `force`, a model.
PQ_API void check_final_names(const Plan& plan, bool force);

}  // namespace pq
