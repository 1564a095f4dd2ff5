// Projects made from folders of templates.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace pq::cli {

/// Makes the folder `target` with the files of all `folders`, which are called FILE.in: in file names NAME becomes values["name"], in texts
/// @key@ the value of the key. Throws ConfigError if the target exists or cannot be made, FormatError for a template that cannot be read or
/// that has an unknown @key@. Nothing is left behind when it throws.
std::vector<std::string> write_project(const std::vector<std::filesystem::path>& folders,
                                       const std::filesystem::path& target,
                                       const std::map<std::string, std::string>& values);

/// `text` with every @key@ replaced; `place` begins the message about an unknown one. An @ that begins no @word@ stays.
std::string fill_template(const std::string& text, const std::map<std::string, std::string>& values,
                          const std::string& place);

/// "my_plugin" -> "MyPlugin".
std::string camel_case(const std::string& snake_case);

}  // namespace pq::cli
