#include <polyquant/base/error.hpp>

#include <string_view>

namespace pq {

// Out of line, so that each type has one vtable and one typeinfo: those of the core. A plugin's throw is then caught by its type.
Error::~Error() = default;
ConfigError::~ConfigError() = default;
FormatError::~FormatError() = default;
ResourceError::~ResourceError() = default;
VerifyError::~VerifyError() = default;
PluginError::~PluginError() = default;
Interrupted::~Interrupted() = default;
InternalError::~InternalError() = default;

void assertion_failed(const char* condition, const char* message, const char* file, int line) {
  std::string_view name = file;
  name.remove_prefix(name.find_last_of('/') == std::string_view::npos ? 0 : name.find_last_of('/') + 1);
  throw InternalError("a defect of polyquant: " + std::string(message) + " (" + std::string(name) + ":" +
                      std::to_string(line) + ": " + condition + "); please report it");
}

}  // namespace pq
