// How conformance checks report, without any test framework.
#pragma once

#include <polyquant/base/bytes.hpp>
#include <polyquant/base/executor.hpp>
#include <polyquant/base/matrix.hpp>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <exception>
#include <functional>
#include <locale>
#include <mutex>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

namespace pq::testing {

/// The parts as one text.
template <class... Parts>
std::string join(const Parts&... parts) {
  std::ostringstream text;
  text.imbue(std::locale::classic());
  (text << ... << parts);
  return text.str();
}

/// What a check found wrong.
class Findings {
 public:
  /// Notes the parts as one sentence unless `ok`; after some the rest is only counted. Returns `ok`.
  template <class... Parts>
  bool expect(bool ok, const Parts&... parts) {
    if (!ok && ++count_ <= kMostShown) texts_.push_back(join(parts...));
    return ok;
  }
  /// The check cannot be done here, and why. (What says nothing about a component is no check of it: Check::applies.)
  void skip(std::string reason) { skipped_ = std::move(reason); }

  int count() const noexcept { return count_; }
  const std::vector<std::string>& texts() const noexcept { return texts_; }
  const std::string& skipped() const noexcept { return skipped_; }

 private:
  static constexpr int kMostShown = 5;
  int count_ = 0;
  std::vector<std::string> texts_;
  std::string skipped_;
};

/// One check of one component, done.
struct CheckResult {
  std::string subject;  // "encoding affine:bits=4"
  std::string check;    // "rows are encoded independently of each other"
  Findings findings;
  bool ok() const noexcept { return findings.count() == 0; }
};

/// One check: a sentence that shall hold, the function that tries it, and whether it says anything about the subject (nullptr: about each).
template <class Subject>
struct Check {
  const char* sentence;
  void (*run)(const Subject&, Findings&);
  bool (*applies)(const Subject&) = nullptr;
};

/// Does the checks that apply; an exception that comes out of one is a finding.
template <class Subject>
void run_checks(const std::string& name, const Subject& subject, const std::vector<Check<Subject>>& checks,
                std::vector<CheckResult>& results) {
  for (const Check<Subject>& check : checks) {
    CheckResult& result = results.emplace_back(CheckResult{name, check.sentence, {}});
    try {
      if (check.applies != nullptr && !check.applies(subject)) {
        results.pop_back();
        continue;
      }
      check.run(subject, result.findings);
    } catch (const std::exception& error) {
      result.findings.expect(false, "it throws: ", error.what());
    } catch (...) {
      result.findings.expect(false, "it throws something that is no std::exception");
    }
  }
}

/// Memory that begins at an odd address and shows whether anything was written beside it.
class GuardedBytes {
 public:
  explicit GuardedBytes(std::size_t size) : memory_(size + 2 * kGuard + 1, kPattern), size_(size) {}
  MutableBytes bytes() noexcept { return MutableBytes(memory_).subspan(begin(), size_); }
  std::vector<std::byte> copy() { return {bytes().begin(), bytes().end()}; }
  bool intact() const noexcept {
    const auto is_pattern = [](std::byte b) { return b == kPattern; };
    return std::all_of(memory_.begin(), memory_.begin() + static_cast<std::ptrdiff_t>(begin()), is_pattern) &&
           std::all_of(memory_.begin() + static_cast<std::ptrdiff_t>(begin() + size_), memory_.end(),
                       is_pattern);
  }

 private:
  static constexpr std::size_t kGuard = 64;
  static constexpr std::byte kPattern{0xA5};
  std::size_t begin() const noexcept {
    return kGuard + (reinterpret_cast<std::uintptr_t>(memory_.data()) % 2 == 0 ? 1 : 0);
  }
  std::vector<std::byte> memory_;
  std::size_t size_;
};

/// Everything on the calling thread.
class SerialExecutor final : public Executor {
 public:
  int threads() const noexcept override { return 1; }
  void for_ranges(std::int64_t count, std::int64_t grain,
                  const std::function<void(std::int64_t, std::int64_t)>& body) override {
    for (std::int64_t begin = 0; begin < count; begin += grain) body(begin, std::min(count, begin + grain));
  }
};

/// Ranges on threads of their own, the last ones first.
class ThreadsExecutor final : public Executor {
 public:
  explicit ThreadsExecutor(int threads) : threads_(threads) {}
  int threads() const noexcept override { return threads_; }
  void for_ranges(std::int64_t count, std::int64_t grain,
                  const std::function<void(std::int64_t, std::int64_t)>& body) override {
    std::atomic<std::int64_t> left{(count + grain - 1) / grain};
    std::exception_ptr error;
    std::mutex mutex;
    const auto work = [&] {
      try {
        for (std::int64_t n = --left; n >= 0; n = --left) body(n * grain, std::min(count, (n + 1) * grain));
      } catch (...) {
        const std::lock_guard lock(mutex);
        error = std::current_exception();
      }
    };
    std::vector<std::thread> threads;
    for (int t = 0; t < threads_; ++t) threads.emplace_back(work);
    for (std::thread& thread : threads) thread.join();
    if (error) std::rethrow_exception(error);
  }

 private:
  int threads_;
};

}  // namespace pq::testing
