// The state of a run on the disk: which outputs are its own, what an interrupted run had finished, and what becomes of it all.
#pragma once

#include "plan/output_names.hpp"
#include "run/journal.hpp"

#include <vector>

namespace pq {

/// How an output starts.
enum class Start {
  anew,
  resume,  // the partial files of an interrupted run are there
  sealed   // the interrupted run had given it its final name already
};

/// Takes all outputs of a plan and its journal for this process. Throws ConfigError if another process has one of them, if the journal
/// is of another plan (unless `force`), and if something that check_final_names() refuses has appeared since the plan was checked.
class PQ_API RunState {
 public:
  RunState(const Plan& plan, bool force);

  Journal& journal() noexcept { return journal_; }
  /// Leaves under the partial names of an output what can be continued, and nothing else.
  Start prepare(std::size_t output);
  const OutputNames& names(std::size_t output) const noexcept { return claims_[output].names; }
  /// All outputs are complete, and will now be renamed. Throws ResourceError if check_final_names() would refuse what has their names by now.
  void record_sealing();
  /// Keeps everything for the next run.
  void keep() noexcept;
  /// Removes journal and claims, and the folder of --work if it was made for them; the outputs are complete or were never begun.
  void remove() noexcept;
  /// Removes partial outputs, too.
  void discard() noexcept;

 private:
  struct Claim {
    OutputNames names;
    StateFile file;
    ClaimState earlier;
  };
  static std::vector<Claim> take_outputs(const Plan& plan);
  void begin(Claim& claim);
  void remove_side_files(const PlannedOutput& output, const OutputNames& names) const;

  const Plan& plan_;
  bool force_;
  std::vector<std::filesystem::path>
      made_folders_;  // for the journal only; from the innermost to the outermost
  std::vector<Claim> claims_;
  Journal journal_;
};

}  // namespace pq
