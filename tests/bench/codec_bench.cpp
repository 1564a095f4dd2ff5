// Speed and error of the encoders on given rows, one thread. Used by encoders.py, which runs ggml on the same rows.
//
//   codec_bench ROWS.f32 COLS [--importance FILE.f32] [--effort fast|normal|best] [--only ID] [--seconds S] [--dump FILE]
//
// Prints one JSON object per encoding. Error: sum w (x - y)^2 / sum w x^2 of the decoded values.
#include <gguf_iq/encoding.hpp>
#include <gguf_k/encoding.hpp>
#include <gguf_legacy/encoding.hpp>
#include <gguf_ternary/encoding.hpp>
#include <microscaling/encoding.hpp>

#include <hwy/targets.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

namespace {

struct Arguments {
  std::string rows, importance, only, dump, target;
  std::int64_t cols = 0;
  pq::Effort effort = pq::Effort::normal;
  double seconds = 0.5;
};

std::vector<float> read_floats(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  const std::vector<char> bytes{std::istreambuf_iterator<char>(file), {}};
  std::vector<float> values(bytes.size() / sizeof(float));
  if (!values.empty()) std::memcpy(values.data(), bytes.data(), values.size() * sizeof(float));
  return values;
}

/// CPU time of this thread: other work on the machine does not count.
double cpu_seconds() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

/// Median seconds of a call; at least five calls after a first one that warms up.
template <class F>
double median_seconds(double budget, const F& call) {
  call();
  std::vector<double> times;
  const double begin = cpu_seconds();
  for (double now = begin; times.size() < 5 || now - begin < budget;) {
    call();
    const double after = cpu_seconds();
    times.push_back(after - now);
    now = after;
  }
  std::nth_element(times.begin(), times.begin() + static_cast<std::ptrdiff_t>(times.size() / 2), times.end());
  return times[times.size() / 2];
}

/// Restricts Highway's choice to one instruction set; false if this machine or build has none of that name.
bool use_target(const std::string& name) {
  for (std::int64_t rest = hwy::SupportedTargets(); rest != 0; rest &= rest - 1) {
    if (name != hwy::TargetName(rest & -rest)) continue;
    hwy::SetSupportedTargetsForTest(rest & -rest);
    hwy::GetChosenTarget().Update(hwy::SupportedTargets());
    return true;
  }
  return false;
}

double relative_error(pq::ConstMatrix x, pq::ConstMatrix y, const std::vector<float>& importance) {
  double error = 0, norm = 0;
  for (std::int64_t r = 0; r < x.rows; ++r) {
    for (std::int64_t c = 0; c < x.cols; ++c) {
      const double w =
          importance.empty() ? 1.0 : static_cast<double>(importance[static_cast<std::size_t>(c)]);
      const double a = static_cast<double>(x.data[r * x.stride + c]),
                   b = static_cast<double>(y.data[r * y.stride + c]);
      error += w * (a - b) * (a - b);
      norm += w * a * a;
    }
  }
  return norm > 0 ? error / norm : error;
}

void bench(const pq::Encoding& encoding, const Arguments& arguments, const std::vector<float>& rows,
           const std::vector<float>& importance) {
  const std::int64_t cols = arguments.cols, count = static_cast<std::int64_t>(rows.size()) / cols;
  const pq::ConstMatrix x{rows.data(), count, cols, cols};
  std::vector<std::byte> bytes(encoding.row_bytes(cols) * static_cast<std::size_t>(count));
  std::vector<float> back(rows.size());
  const pq::Matrix y{back.data(), count, cols, cols};
  const auto encoder = encoding.encoder({cols, importance, arguments.effort});
  const double encode = median_seconds(arguments.seconds, [&] { encoder->encode(x, bytes); });
  const double decode = median_seconds(arguments.seconds, [&] { encoding.decode(bytes, y); });
  const double weights = static_cast<double>(rows.size());
  std::printf(
      "{\"encoding\": \"%s\", \"encode_weights_per_second\": %.4g, \"decode_weights_per_second\": %.4g, "
      "\"relative_error\": %.8g}\n",
      encoding.info().spec.c_str(), weights / encode, weights / decode, relative_error(x, y, importance));
  if (!arguments.dump.empty()) {
    std::ofstream file(arguments.dump + "." + encoding.info().id, std::ios::binary);
    file.write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
  }
}

/// Bytes per second of the best copy loop at hand, on arrays that fit into no cache: the limit for a decoder.
double memory_bandwidth(double seconds) {
  std::vector<char> from(std::size_t{1} << 28, 1), to(from.size());
  return 2.0 * static_cast<double>(from.size()) /
         median_seconds(seconds, [&] { std::memcpy(to.data(), from.data(), from.size()); });
}

}  // namespace

int main(int argc, char** argv) {
  Arguments arguments;
  if (argc < 3) {
    std::fprintf(stderr,
                 "usage: codec_bench ROWS.f32 COLS [--importance FILE] [--effort E] [--only ID] [--seconds "
                 "S] [--dump FILE]\n");
    return 2;
  }
  arguments.rows = argv[1];
  arguments.cols = std::atoll(argv[2]);
  for (int i = 3; i + 1 < argc; i += 2) {
    const std::string key = argv[i], value = argv[i + 1];
    if (key == "--importance")
      arguments.importance = value;
    else if (key == "--only")
      arguments.only = value;
    else if (key == "--target")
      arguments.target = value;
    else if (key == "--dump")
      arguments.dump = value;
    else if (key == "--seconds")
      arguments.seconds = std::atof(value.c_str());
    else if (key == "--effort")
      arguments.effort = value == "fast"   ? pq::Effort::fast
                         : value == "best" ? pq::Effort::best
                                           : pq::Effort::normal;
  }
  const std::vector<float> rows = read_floats(arguments.rows);
  const std::vector<float> importance =
      arguments.importance.empty() ? std::vector<float>{} : read_floats(arguments.importance);
  if (rows.empty() || arguments.cols <= 0 || rows.size() % static_cast<std::size_t>(arguments.cols) != 0 ||
      (!importance.empty() && importance.size() != static_cast<std::size_t>(arguments.cols))) {
    std::fprintf(stderr, "codec_bench: %s does not hold whole rows of %s columns\n", argv[1], argv[2]);
    return 2;
  }
  if (!arguments.target.empty() && !use_target(arguments.target)) {
    std::fprintf(stderr, "codec_bench: this machine has no instruction set %s\n", arguments.target.c_str());
    return 2;
  }
  if (arguments.only == "memory") {
    std::printf("{\"copy_bytes_per_second\": %.4g}\n", memory_bandwidth(arguments.seconds));
    return 0;
  }
  using namespace pq::gguf;
  using namespace pq::gguf_iq;
  using namespace pq::gguf_ternary;
  using namespace pq::microscaling;
  for (const auto make :
       {make_q4_0,  make_q4_1,    make_q5_0,  make_q5_1,   make_q8_0,   make_q2_k,    make_q3_k,
        make_q4_k,  make_q5_k,    make_q6_k,  make_iq1_s,  make_iq1_m,  make_iq2_xxs, make_iq2_xs,
        make_iq2_s, make_iq3_xxs, make_iq3_s, make_iq4_nl, make_iq4_xs, make_tq1_0,   make_tq2_0,
        make_q1_0,  make_q2_0,    make_mxfp4, make_nvfp4}) {
    const auto encoding = make();
    if (arguments.cols % encoding->info().block_cols != 0) continue;
    if (arguments.only.empty() || arguments.only == encoding->info().id)
      bench(*encoding, arguments, rows, importance);
  }
}
