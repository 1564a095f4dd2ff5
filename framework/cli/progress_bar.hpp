// A bar with the time left, on stderr.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace pq::cli {

/// What is counted: with weights their number per second is shown, too.
enum class Progressing { weights, parts };

/// Draws at most ten times a second, only if `enabled`. One caller at a time.
class ProgressBar {
 public:
  explicit ProgressBar(bool enabled, Progressing what = Progressing::parts)
      : enabled_(enabled), what_(what), start_(Clock::now()), drawn_(start_) {}
  ~ProgressBar() { finish(); }
  ProgressBar(const ProgressBar&) = delete;
  ProgressBar& operator=(const ProgressBar&) = delete;

  void show(std::int64_t done, std::int64_t total);
  /// `note` stands between the share and the time left.
  void show(std::int64_t done, std::int64_t total, const std::string& note);
  /// Erases the bar.
  void finish();

 private:
  using Clock = std::chrono::steady_clock;
  double elapsed() const { return std::chrono::duration<double>(Clock::now() - start_).count(); }
  bool enabled_;
  Progressing what_;
  bool visible_ = false;
  Clock::time_point start_, drawn_;
};

}  // namespace pq::cli
