// The conformance checks of backends: a plain one passes, and each fault is found by the check that is meant for it.
#include <polyquant/base/error.hpp>
#include <polyquant/host_math.hpp>
#include <polyquant/testing/conformance.hpp>

#include <catch2/catch.hpp>

using namespace pq;

namespace {

enum class Fault { none, alpha_is_ignored, beta_is_ignored, old_values_are_read, sums_by_thread };

struct Memory final : DeviceMatrix {
  Memory(std::int64_t r, std::int64_t c) : view{nullptr, r, c, c}, values(static_cast<std::size_t>(r * c)) {
    view.data = values.data();
  }
  std::int64_t rows() const override { return view.rows; }
  std::int64_t cols() const override { return view.cols; }
  Matrix view;
  std::vector<float> values;
};

float at(const DeviceMatrix& matrix, bool transposed, std::int64_t r, std::int64_t c) {
  const Matrix& view = static_cast<const Memory&>(matrix).view;
  return transposed ? view.data[c * view.cols + r] : view.data[r * view.cols + c];
}

class Math final : public HostMath {
 public:
  Math(Executor& executor, Fault fault) : HostMath(executor), fault_(fault) {}
  void gemm(const DeviceMatrix& a, bool ta, const DeviceMatrix& b, bool tb, DeviceMatrix& c, float alpha,
            float beta) override {
    const Matrix out = memory(c);
    const std::int64_t inner = ta ? a.rows() : a.cols();
    const std::int64_t parts = fault_ == Fault::sums_by_thread ? executor().threads() : 1;
    for_rows(out.rows, [&](std::int64_t i) {
      for (std::int64_t j = 0; j < out.cols; ++j) {
        float sum = 0;
        for (std::int64_t part = 0; part < parts; ++part) {
          float partial = 0;
          for (std::int64_t k = inner * part / parts; k < inner * (part + 1) / parts; ++k)
            partial += at(a, ta, i, k) * at(b, tb, k, j);
          sum += partial;
        }
        float& to = out.row(i)[static_cast<std::size_t>(j)];
        to = scaled(sum, alpha) + kept(to, beta);
      }
    });
  }
  void accumulate_gram(const DeviceMatrix& x, DeviceMatrix& h) override { gemm(x, true, x, false, h, 1, 1); }
  bool cholesky_inverse_upper(const DeviceMatrix&, DeviceMatrix&) override {
    return false;
  }  // not tested here

 protected:
  Matrix memory(DeviceMatrix& matrix) override { return static_cast<Memory&>(matrix).view; }

 private:
  float scaled(float sum, float alpha) const { return fault_ == Fault::alpha_is_ignored ? sum : alpha * sum; }
  float kept(float old, float beta) const {
    if (fault_ == Fault::old_values_are_read) return beta * old;
    if (fault_ == Fault::beta_is_ignored) return 0;
    return beta == 0 ? 0 : beta * old;
  }
  Fault fault_;
};

class MemoryDevice final : public Device {
 public:
  MemoryDevice(Executor& executor, Fault fault) : math_(executor, fault) {}
  const DeviceInfo& info() const override { return info_; }
  std::unique_ptr<DeviceMatrix> allocate(std::int64_t rows, std::int64_t cols) override {
    return std::make_unique<Memory>(rows, cols);
  }
  void upload(ConstMatrix from, DeviceMatrix& to, std::int64_t first) override {
    for (std::int64_t r = 0; r < from.rows; ++r)
      std::copy(from.row(r).begin(), from.row(r).end(), host_memory(to).row(first + r).begin());
  }
  void download(const DeviceMatrix& from, Matrix to, std::int64_t first) override {
    for (std::int64_t r = 0; r < to.rows; ++r)
      for (std::int64_t c = 0; c < to.cols; ++c)
        to.row(r)[static_cast<std::size_t>(c)] = at(from, false, first + r, c);
  }
  Matrix host_memory(DeviceMatrix& matrix) override { return static_cast<Memory&>(matrix).view; }
  MathOps& math() override { return math_; }
  void synchronize() override {}

 private:
  DeviceInfo info_{0, "memory", "plain", 0};
  Math math_;
};

class MemoryBackend final : public Backend {
 public:
  MemoryBackend(Fault fault, int devices) : fault_(fault), devices_(devices) {}
  const BackendInfo& info() const override { return info_; }
  std::vector<DeviceInfo> devices() const override {
    return std::vector<DeviceInfo>(static_cast<std::size_t>(devices_));
  }
  std::unique_ptr<Device> open(int, Executor& executor) const override {
    return std::make_unique<MemoryDevice>(executor, fault_);
  }

 private:
  BackendInfo info_{"memory", "for this test"};
  Fault fault_;
  int devices_;
};

testing::CheckResult result_of(Fault fault, const std::string& sentence, int devices = 1) {
  auto checks = testing::all_backend_checks();
  std::erase_if(checks, [&](const auto& check) { return check.sentence != sentence; });
  REQUIRE(checks.size() == 1);
  std::vector<testing::CheckResult> results;
  const testing::BackendSubject subject{std::make_shared<MemoryBackend>(fault, devices)};
  testing::run_checks("memory", subject, checks, results);
  return results.at(0);
}

constexpr const char* kGemm = "gemm is right";
constexpr const char* kThreads = "any number of threads gives the same bytes";

}  // namespace

TEST_CASE("conformance: a backend of plain loops passes", "[testing][unit]") {
  const std::string sentence =
      GENERATE(as<std::string>{}, kGemm, kThreads, "accumulate_gram is right", "attention is right");
  const auto result = result_of(Fault::none, sentence);
  CAPTURE(sentence, result.findings.texts());
  CHECK(result.ok());
  CHECK(result.findings.skipped().empty());
}

TEST_CASE("conformance: a gemm that ignores alpha or beta, or reads what beta hides, is found",
          "[testing][unit]") {
  const Fault fault = GENERATE(Fault::alpha_is_ignored, Fault::beta_is_ignored, Fault::old_values_are_read);
  CHECK_FALSE(result_of(fault, kGemm).ok());
}

TEST_CASE("conformance: sums that depend on the number of threads are found", "[testing][unit]") {
  CHECK_FALSE(result_of(Fault::sums_by_thread, kThreads).ok());
}

TEST_CASE("conformance: a backend without a device on this machine is skipped, not passed",
          "[testing][unit]") {
  for (const char* sentence : {kGemm, kThreads})
    CHECK_FALSE(result_of(Fault::none, sentence, 0).findings.skipped().empty());
}

TEST_CASE("conformance: the threads of the checks run every range once and pass exceptions on",
          "[testing][unit]") {
  testing::ThreadsExecutor executor(3);
  std::vector<int> seen(100);
  executor.for_ranges(100, 7, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) ++seen[static_cast<std::size_t>(i)];
  });
  CHECK(seen == std::vector<int>(100, 1));
  CHECK_THROWS_AS(executor.for_ranges(10, 1, [](std::int64_t, std::int64_t) { throw InternalError("x"); }),
                  InternalError);
}
