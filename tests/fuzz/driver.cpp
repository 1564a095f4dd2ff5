// Runs a fuzz target without libFuzzer, with any compiler:
//
//   NAME_fuzz [--seconds S] [--first N] [--only N] FOLDER-OR-FILE...
//
// replays every file, then feeds damaged versions of them for S seconds. Input N is always the same, so that a crash, which prints its
// number, can be repeated with --only N.
#include "mutate.hpp"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

namespace fs = std::filesystem;

struct Arguments {
  double seconds = 2;
  std::uint64_t first = 0;
  std::optional<std::uint64_t> only;
  std::vector<fs::path> files;  // sorted: the order decides what input N is
};

char current[256] = "start";  // what is being run, for the signal handler

void note_current(const std::string& what) { std::snprintf(current, sizeof(current), "%s", what.c_str()); }

extern "C" void report_crash(int signal) {
  // Only functions that a signal handler may call.
  constexpr std::string_view kText = "\ncrash with input ";
  [[maybe_unused]] ::ssize_t written = ::write(2, kText.data(), kText.size());
  written = ::write(2, current, std::char_traits<char>::length(current));
  written = ::write(2, "\n", 1);
  std::signal(signal, SIG_DFL);
  std::raise(signal);
}

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kSanitized = true;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer)
constexpr bool kSanitized = true;
#else
constexpr bool kSanitized = false;
#endif
#else
constexpr bool kSanitized = false;
#endif

// An allocation that follows a size in the input fails instead of passing unnoticed. Sanitizers reserve terabytes for themselves.
void limit_memory() {
  constexpr ::rlim_t kLimit = ::rlim_t{2} << 30;
  const ::rlimit limit = {kLimit, kLimit};
  if (!kSanitized) ::setrlimit(RLIMIT_AS, &limit);
}

void add_files(const fs::path& path, std::vector<fs::path>& files) {
  if (!fs::is_directory(path)) {
    files.push_back(path);
    return;
  }
  for (const auto& entry : fs::recursive_directory_iterator(path))
    if (entry.is_regular_file()) files.push_back(entry.path());
}

Arguments parse(int count, char** values) {
  Arguments arguments;
  for (int i = 1; i < count; ++i) {
    const std::string_view name = values[i];
    const bool has_value = i + 1 < count;
    if (name == "--seconds" && has_value)
      arguments.seconds = std::strtod(values[++i], nullptr);
    else if (name == "--first" && has_value)
      arguments.first = std::strtoull(values[++i], nullptr, 10);
    else if (name == "--only" && has_value)
      arguments.only = std::strtoull(values[++i], nullptr, 10);
    else
      add_files(name, arguments.files);
  }
  std::sort(arguments.files.begin(), arguments.files.end());
  return arguments;
}

std::string read(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

void run(const std::string& what, const std::string& input) {
  note_current(what);
  // A copy of exactly this size, so that sanitizers see a read past the end.
  const std::vector<std::uint8_t> data(input.begin(), input.end());
  LLVMFuzzerTestOneInput(data.data(), data.size());
}

std::uint64_t run_mutations(const std::vector<std::string>& seeds, const Arguments& arguments) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::duration<double>(arguments.seconds);
  std::uint64_t number = arguments.first;
  for (; std::chrono::steady_clock::now() < end; ++number)
    run(std::to_string(number), pq_fuzz::mutated(seeds, number));
  return number - arguments.first;
}

}  // namespace

int main(int count, char** values) {
  const Arguments arguments = parse(count, values);
  if (arguments.files.empty()) {
    std::fprintf(stderr, "no seeds; give a folder of files, as tests/fuzz/corpus/NAME\n");
    return 2;
  }
  if (!kSanitized)
    for (const int signal : {SIGSEGV, SIGABRT, SIGFPE, SIGBUS, SIGILL}) std::signal(signal, report_crash);
  limit_memory();
  std::vector<std::string> seeds;
  for (const fs::path& file : arguments.files) {
    seeds.push_back(read(file));
    run(file.string(), seeds.back());
  }
  if (arguments.only) {
    run(std::to_string(*arguments.only), pq_fuzz::mutated(seeds, *arguments.only));
    return 0;
  }
  const std::uint64_t done = run_mutations(seeds, arguments);
  std::printf("%zu seeds and %llu damaged inputs from number %llu on: no crash\n", seeds.size(),
              static_cast<unsigned long long>(done), static_cast<unsigned long long>(arguments.first));
  return 0;
}
