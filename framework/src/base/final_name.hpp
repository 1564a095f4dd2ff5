// The last step of an output: its final name.
#pragma once

#include <filesystem>

namespace pq {

/// Throws ResourceError "FROM: cannot be renamed to its final name: REASON".
[[noreturn]] void throw_not_renamed(const std::filesystem::path& from, int error);

/// Renames a file or folder to a name that nothing has; throws ResourceError if something has it by now, which stays as it is.
void rename_new(const std::filesystem::path& from, const std::filesystem::path& to);

/// Something has this name, be it a link that leads nowhere.
bool is_taken(const std::filesystem::path& path) noexcept;

}  // namespace pq
