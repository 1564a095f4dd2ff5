// The errors that polyquant throws. Each kind has one exit code of the command line.
#pragma once

#include <polyquant/base/export.hpp>

#include <stdexcept>
#include <string>

namespace pq {

/// Base of all errors. The message is one sentence: what is wrong, where, and what to do.
class PQ_API Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
  ~Error() override;
  /// The exit code of the program when this error ends it.
  virtual int exit_code() const noexcept = 0;
};

/// Wrong usage or configuration: command line, pipeline, options, an output that exists already.
class PQ_API ConfigError : public Error {
 public:
  using Error::Error;
  ~ConfigError() override;
  int exit_code() const noexcept override { return 2; }
};

/// An input that cannot be read or is malformed.
class PQ_API FormatError : public Error {
 public:
  using Error::Error;
  ~FormatError() override;
  int exit_code() const noexcept override { return 3; }
};

/// Something does not fit: memory, disk, a size target.
class PQ_API ResourceError : public Error {
 public:
  using Error::Error;
  ~ResourceError() override;
  int exit_code() const noexcept override { return 4; }
};

/// A written output does not read back as planned, or a quality gate failed.
class PQ_API VerifyError : public Error {
 public:
  using Error::Error;
  ~VerifyError() override;
  int exit_code() const noexcept override { return 5; }
};

/// A plugin that is missing, incompatible or broken.
class PQ_API PluginError : public Error {
 public:
  using Error::Error;
  ~PluginError() override;
  int exit_code() const noexcept override { return 6; }
};

/// The user interrupted the run (exit code 130); what had been written under `.partial` names is kept or removed as the message says.
class PQ_API Interrupted : public Error {
 public:
  using Error::Error;
  ~Interrupted() override;
  int exit_code() const noexcept override { return 130; }
};

/// A defect of polyquant itself.
class PQ_API InternalError : public Error {
 public:
  using Error::Error;
  ~InternalError() override;
  int exit_code() const noexcept override { return 1; }
};

/// Throws InternalError; called by PQ_ASSERT.
[[noreturn]] PQ_API void assertion_failed(const char* condition, const char* message, const char* file,
                                          int line);

}  // namespace pq

/// Checks for defects of our own code; stays on in release builds, so keep it out of inner loops.
#define PQ_ASSERT(condition, message) \
  (static_cast<bool>(condition) ? void(0) : ::pq::assertion_failed(#condition, message, __FILE__, __LINE__))
