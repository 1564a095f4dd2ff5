#include "run/failure.hpp"

#include <polyquant/base/error.hpp>

#include <fmt/format.h>

#include <new>

namespace pq {
namespace {

/// The innermost error of ours, or lack of memory; errors that get a place in the pipeline are wrapped into others.
std::exception_ptr cause_of(const std::exception_ptr& failure) {
  std::exception_ptr cause = failure;
  for (std::exception_ptr at = failure; at != nullptr;) {
    try {
      std::rethrow_exception(at);
    } catch (const std::exception& error) {
      if (dynamic_cast<const Error*>(&error) != nullptr ||
          dynamic_cast<const std::bad_alloc*>(&error) != nullptr)
        cause = at;
      const auto* outer = dynamic_cast<const std::nested_exception*>(&error);
      at = outer == nullptr ? nullptr : outer->nested_ptr();
    } catch (...) {
      break;
    }
  }
  return cause;
}

}  // namespace

bool keeps_state(const std::exception_ptr& failure, bool had_state, bool started) {
  try {
    std::rethrow_exception(cause_of(failure));
  } catch (const MetAgain&) {
    return false;
  } catch (const Interrupted&) {
    return true;
  } catch (const ConfigError&) {
    return had_state;
  } catch (const PluginError&) {
    return had_state;
  } catch (const InternalError&) {
    return had_state;
  } catch (...) {
    return had_state || started;
  }
}

std::string full_message(const std::exception& error) {
  std::string message = error.what();
  try {
    std::rethrow_if_nested(error);
  } catch (const std::exception& cause) {
    message += ": " + full_message(cause);
  } catch (...) {
    message += ": an exception of unknown type";
  }
  return message;
}

void rethrow_with_advice(const std::exception_ptr& failure, bool starts_over) {
  const char* advice = starts_over
                           ? "run the same command again; with 'inputs: quantized' it makes all tensors again"
                           : "the finished part is kept, run the same command again to continue";
  std::string message;
  try {
    std::rethrow_exception(failure);
  } catch (const std::exception& error) {
    message = fmt::format("{}; {}", full_message(error), advice);
  } catch (...) {
    throw;
  }
  try {
    std::rethrow_exception(cause_of(failure));
  } catch (const Interrupted&) {
    throw Interrupted(fmt::format("interrupted; {}", advice));
  } catch (const ResourceError&) {
    throw ResourceError(message);
  } catch (const FormatError&) {
    throw FormatError(message);
  } catch (const VerifyError&) {
    throw VerifyError(message);
  } catch (...) {
    std::rethrow_exception(failure);
  }
}

}  // namespace pq
