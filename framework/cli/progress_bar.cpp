#include "progress_bar.hpp"

#include <cstdio>
#include <string>

namespace pq::cli {

void ProgressBar::show(std::int64_t done, std::int64_t total) {
  if (what_ != Progressing::weights) return show(done, total, "");
  char speed[64];
  std::snprintf(speed, sizeof speed, "%.0f M weights/s", static_cast<double>(done) / elapsed() * 1e-6);
  show(done, total, speed);
}

void ProgressBar::show(std::int64_t done, std::int64_t total, const std::string& note) {
  constexpr auto kInterval = std::chrono::milliseconds(100);
  constexpr int kWidth = 40;
  const Clock::time_point now = Clock::now();
  if (!enabled_ || total <= 0 || now - drawn_ < kInterval) return;
  drawn_ = now;
  visible_ = true;
  const double share = static_cast<double>(done) / static_cast<double>(total);
  const double left = share > 0 ? elapsed() * (1 - share) / share : 0;
  const int filled = static_cast<int>(share * kWidth);
  const std::string bar = std::string(static_cast<std::size_t>(filled), '#') +
                          std::string(static_cast<std::size_t>(kWidth - filled), '.');
  std::fprintf(stderr, "\r[%s] %5.1f %%  %s%s%.0f s left \x1b[K", bar.c_str(), share * 100, note.c_str(),
               note.empty() ? "" : ", ", left);
  std::fflush(stderr);
}

void ProgressBar::finish() {
  if (visible_) std::fputs("\r\x1b[K", stderr);
  visible_ = false;
}

}  // namespace pq::cli
