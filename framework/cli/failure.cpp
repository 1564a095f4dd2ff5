#include "session.hpp"

#include "base/printable.hpp"
#include "base/shortage.hpp"

#include <polyquant/base/error.hpp>

#include <filesystem>
#include <new>
#include <system_error>

namespace pq::cli {
namespace {

void collect(const std::exception& error, std::vector<std::string>& parts, int& code) {
  if (const auto* known = dynamic_cast<const Error*>(&error)) {
    code = known->exit_code();
    parts.emplace_back(error.what());
  } else if (dynamic_cast<const std::bad_alloc*>(&error) != nullptr) {
    code = 4;
    parts.emplace_back("out of memory");
  } else if (const auto* failed = dynamic_cast<const std::filesystem::filesystem_error*>(&error)) {
    const char* cure = cure_of_shortage(failed->code().value());
    code = cure != nullptr ? 4 : 2;  // 2: names that the system refuses
    parts.emplace_back(failed->path1().string() + ": " + failed->code().message() +
                       (cure != nullptr ? std::string("; ") + cure : ""));
  } else if (const auto* refused = dynamic_cast<const std::system_error*>(&error);
             refused != nullptr && refused->code() == std::errc::resource_unavailable_try_again) {
    code = 4;
    parts.emplace_back(
        "a thread cannot be started; free some memory, raise the limits (ulimit -v, -u), or use fewer "
        "--threads");
  } else {
    code = 1;
    parts.emplace_back(std::string("internal error: ") + error.what() + " (please report this)");
  }
  try {
    std::rethrow_if_nested(error);
  } catch (const std::exception& cause) {
    collect(cause, parts, code);
  } catch (...) {
    code = 1;
    parts.emplace_back("internal error: an exception of unknown type (please report this)");
  }
}

}  // namespace

Failure describe(const std::exception& error) {
  Failure failure;
  std::vector<std::string> parts;
  collect(error, parts, failure.exit_code);
  for (const std::string& part : parts)
    failure.message += (failure.message.empty() ? "" : ": ") + printable(part);
  return failure;
}

}  // namespace pq::cli
