// What an output must not take the place of.
#pragma once

#include "plan/plan.hpp"

#include <filesystem>
#include <string_view>
#include <vector>

namespace pq {

/// `path` is `folder` or lies in it; both without symbolic links.
bool is_inside(const std::filesystem::path& path, const std::filesystem::path& folder);

/// Everything that a run reads, by names without symbolic links: the model may be a folder of links into another one.
class PQ_API ReadNames {
 public:
  explicit ReadNames(const Plan& plan);
  /// `files`: of the model, and what lies beside it; `inputs`: whatever else is read.
  ReadNames(const std::filesystem::path& model, const std::vector<std::filesystem::path>& files,
            const std::vector<std::filesystem::path>& inputs);
  /// Throws ConfigError if writing under this name would destroy one of them, or a folder around it.
  void check_apart_from(const std::filesystem::path& path) const;

 private:
  std::filesystem::path model_;
  std::vector<std::filesystem::path> files_, inputs_;
};

/// Throws ConfigError for something that exists, unless `force`; names `others`, which the user will stumble over next.
void check_replaceable(const std::filesystem::path& path, bool force,
                       const std::vector<std::filesystem::path>& others = {});

/// Throws ConfigError for a symbolic link: a rename would replace it and leave alone what it points to, which is hardly ever meant.
void refuse_link(const std::filesystem::path& path);

/// Throws ConfigError if the folder that the path would be made in is none, or cannot be written.
void check_creatable(const std::filesystem::path& path);

/// All checks of a file that is written beside a run, such as a report: before the work, so that nothing is worked out in vain. Throws
/// ConfigError.
PQ_API void check_new_file(const std::filesystem::path& path, const ReadNames& read, bool force);

/// Makes the folder of `path`. Throws ConfigError "the folder ... cannot be made: REASON; CURE".
PQ_API void make_parent_folder(const std::filesystem::path& path, std::string_view cure);

/// The nearest thing above `path` that exists.
std::filesystem::path existing_folder(const std::filesystem::path& path);

/// Throws ConfigError if the folder holds anything but files of a model and what the output will write again.
void check_folder(const std::filesystem::path& folder, const PlannedOutput& output);

}  // namespace pq
