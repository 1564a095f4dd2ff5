// What an output must not take the place of.
#pragma once

#include "plan/plan.hpp"

#include <filesystem>
#include <vector>

namespace pq {

/// `path` is `folder` or lies in it; both without symbolic links.
bool is_inside(const std::filesystem::path& path, const std::filesystem::path& folder);

/// Everything that a run reads, by names without symbolic links: the model may be a folder of links into another one.
class ReadNames {
 public:
  explicit ReadNames(const Plan& plan);
  /// Throws ConfigError if writing under this name would destroy one of them, or a folder around it.
  void check_apart_from(const std::filesystem::path& path) const;

 private:
  std::filesystem::path model_;
  std::vector<std::filesystem::path> files_, inputs_;
};

/// Throws ConfigError for something that exists, unless `force`.
void check_replaceable(const std::filesystem::path& path, bool force);

/// Throws ConfigError if the folder holds anything but files of a model and what the output will write again.
void check_folder(const std::filesystem::path& folder, const PlannedOutput& output);

}  // namespace pq
