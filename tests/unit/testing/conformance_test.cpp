// The conformance suite itself: a sound encoding passes, and each fault is found by the check that is meant for it.
#include <polyquant/testing/conformance.hpp>

#include <catch2/catch.hpp>

#include <atomic>

using namespace pq;
using testing::CheckResult;
using testing::TestBytes;

namespace {

enum class Fault {
  none,
  wrong_bits,
  shrinking_rows,
  writes_beside,
  depends_on_earlier_rows,
  noise,
  half_as_large,
  nan_for_zeros,
  throws_for_nan,
  importance_of_one_counts,
  zero_importance_gives_nan,
  unknown_spec,
  refuses_own_rows,
  columns_emit_others,
  columns_for_some_sizes,
  importance_is_ignored,
  packs_anything
};

// TestBytes with one fault.
class Faulty final : public Encoding {
 public:
  explicit Faulty(Fault fault) : fault_(fault), info_(inner_.info()) {
    if (fault == Fault::wrong_bits) info_.bits_per_weight = 8;
    if (fault == Fault::importance_is_ignored) info_.uses_importance = true;
    if (fault == Fault::unknown_spec) info_.spec = "test_bytes:colour=red";
  }
  const EncodingInfo& info() const override { return info_; }
  std::size_t row_bytes(std::int64_t cols) const override {
    return inner_.row_bytes(fault_ == Fault::shrinking_rows && cols > 1800 ? 32 : cols);
  }
  std::unique_ptr<RowEncoder> encoder(const EncodeRequest& request) const override {
    return std::make_unique<Encoder>(*this, request);
  }
  void decode(Bytes rows, Matrix out) const override {
    inner_.decode(rows, out);
    if (fault_ == Fault::half_as_large)
      for (float& value : out.row(0)) value *= 0.5f;
    if (fault_ == Fault::nan_for_zeros && out.row(0)[0] == 0) out.row(0)[0] = std::nanf("");
  }
  std::unique_ptr<ColumnCodec> column_codec(std::int64_t rows, std::int64_t cols,
                                            Effort effort) const override {
    if (fault_ == Fault::columns_for_some_sizes && cols > 64) return nullptr;
    if (fault_ != Fault::columns_emit_others) return inner_.column_codec(rows, cols, effort);
    return std::make_unique<OtherColumns>(inner_.column_codec(rows, cols, effort));
  }
  bool pack_affine(const AffineRow&, MutableBytes) const override { return fault_ == Fault::packs_anything; }
  std::optional<std::string> check_rows(Bytes, std::int64_t) const override {
    if (fault_ == Fault::refuses_own_rows) return "they look odd";
    return std::nullopt;
  }

 private:
  class Encoder final : public RowEncoder {
   public:
    Encoder(const Faulty& owner, const EncodeRequest& request)
        : fault_(owner.fault_), request_(request), inner_(owner.inner_.encoder(request)) {}
    void encode(ConstMatrix rows, MutableBytes out) const override {
      inner_->encode(rows, out);
      const bool weighted = !request_.importance.empty();
      // Only the memory of the check that looks for it begins at an odd address and has room there.
      if (fault_ == Fault::writes_beside && reinterpret_cast<std::uintptr_t>(out.data()) % 2 == 1)
        out.data()[out.size()] = std::byte{0};
      if (fault_ == Fault::depends_on_earlier_rows && rows.rows > 1) out[out.size() - 1] ^= std::byte{1};
      if (fault_ == Fault::noise) out[2] = static_cast<std::byte>(calls_++);
      if (fault_ == Fault::throws_for_nan && std::isnan(rows.row(0)[0])) throw InternalError("what a row");
      if (fault_ == Fault::importance_of_one_counts && weighted) out[2] ^= std::byte{1};
      if (fault_ == Fault::zero_importance_gives_nan && weighted && request_.importance[0] == 0)
        store(out.data(), std::uint16_t{0x7E00});
    }

   private:
    Fault fault_;
    EncodeRequest request_;
    std::unique_ptr<RowEncoder> inner_;
    mutable std::atomic<int> calls_{0};
  };
  class OtherColumns final : public ColumnCodec {
   public:
    explicit OtherColumns(std::unique_ptr<ColumnCodec> inner) : inner_(std::move(inner)) {}
    int fit_cols() const override { return inner_->fit_cols(); }
    int round_cols() const override { return inner_->round_cols(); }
    void fit(ConstMatrix w, std::span<const float> importance) override { inner_->fit(w, importance); }
    void round(ConstMatrix w, Matrix rounded) override { inner_->round(w, rounded); }
    void emit(std::int64_t row, MutableBytes out) const override {
      inner_->emit(row, out);
      out[2] ^= std::byte{1};
    }

   private:
    std::unique_ptr<ColumnCodec> inner_;
  };

  TestBytes inner_;
  Fault fault_;
  EncodingInfo info_;
};

testing::EncodingSubject subject_of(Fault fault) {
  const auto from_spec = [=](const std::string& spec) -> std::shared_ptr<const Encoding> {
    if (spec != "test_bytes") return nullptr;
    return std::make_shared<Faulty>(fault);
  };
  return {std::make_shared<Faulty>(fault), from_spec};
}

// The fault must be found by the check of this sentence.
void expect_finding(Fault fault, const std::string& sentence) {
  CAPTURE(sentence);
  auto checks = testing::all_encoding_checks();
  std::erase_if(checks, [&](const auto& check) { return check.sentence != sentence; });
  REQUIRE(checks.size() == 1);
  std::vector<CheckResult> results;
  testing::run_checks("faulty", subject_of(fault), checks, results);
  CHECK_FALSE(results.at(0).ok());
}

}  // namespace

TEST_CASE("conformance: a sound encoding passes everything", "[testing][unit]") {
  for (const CheckResult& result : testing::check_encoding(subject_of(Fault::none))) {
    CAPTURE(result.check, result.findings.texts());
    CHECK(result.ok());
  }
}

TEST_CASE("conformance: sizes that do not fit are found", "[testing][unit]") {
  expect_finding(Fault::wrong_bits, "bits_per_weight agrees with row_bytes");
  expect_finding(Fault::shrinking_rows, "row_bytes is pure and never falls with the length");
}

TEST_CASE("conformance: writing beside the memory that was given is found", "[testing][unit]") {
  expect_finding(Fault::writes_beside, "unaligned bytes work and nothing is written beside them");
}

TEST_CASE("conformance: bytes that depend on anything else than the row are found", "[testing][unit]") {
  expect_finding(Fault::depends_on_earlier_rows, "rows are encoded independently of each other");
  expect_finding(Fault::noise, "any thread may encode and decode");
}

TEST_CASE("conformance: wrong values are found", "[testing][unit]") {
  expect_finding(Fault::half_as_large, "decoded weights are finite and close, at every effort");
  expect_finding(Fault::nan_for_zeros, "zeros stay zero");
}

TEST_CASE("conformance: an encoder that is not total is found", "[testing][unit]") {
  expect_finding(Fault::throws_for_nan,
                 "NaN, infinities, denormals and zeros have defined bytes and finite values");
}

TEST_CASE("conformance: wrong use of the importance is found", "[testing][unit]") {
  expect_finding(Fault::importance_of_one_counts, "no importance means the same for all columns");
  expect_finding(Fault::importance_is_ignored, "importance is used if uses_importance says so");
  expect_finding(Fault::importance_of_one_counts, "importance is used if uses_importance says so");
  expect_finding(Fault::zero_importance_gives_nan, "columns of no importance are harmless");
}

TEST_CASE("conformance: names, validity and columns that do not fit are found", "[testing][unit]") {
  expect_finding(Fault::unknown_spec, "the spec names the same encoding");
  expect_finding(Fault::refuses_own_rows, "check_rows accepts what the encoder wrote");
  expect_finding(Fault::columns_for_some_sizes, "there is a column codec for every size or for none");
  expect_finding(Fault::packs_anything, "an affine row is packed exactly or refused");
  expect_finding(Fault::columns_emit_others, "the column codec emits what it rounded to");
  const std::string bad_numbers = "the column codec takes NaN, infinities, denormals and zeros";
  expect_finding(Fault::columns_emit_others, bad_numbers);
  expect_finding(Fault::refuses_own_rows, bad_numbers);
}

TEST_CASE("conformance: what an encoding does not have is not checked, and not shown as skipped",
          "[testing][unit]") {
  const auto results = testing::check_encoding(subject_of(Fault::columns_for_some_sizes));
  for (const CheckResult& result : results) {
    CAPTURE(result.check);
    CHECK(result.check != "the affine view is exact");
    CHECK(result.check != "the column codec emits what it rounded to");
    CHECK(result.findings.skipped().empty());
  }
  CHECK(results.size() + 10 == testing::all_encoding_checks().size());
}

TEST_CASE("synthetic: the same seed gives the same data, another one other data", "[testing][unit]") {
  CHECK(testing::gaussian(2, 64, 1).values == testing::gaussian(2, 64, 1).values);
  CHECK(testing::gaussian(2, 64, 1).values != testing::gaussian(2, 64, 2).values);
  CHECK(testing::Random(0).bits() ==
        0xE220A8397B1DCDAFu);  // first value of splitmix64 from seed 0, from its paper's code
}

TEST_CASE("synthetic: the sampled distributions have the variance that they claim", "[testing][unit]") {
  testing::Random random(5);
  double gaussian = 0, laplace = 0;
  constexpr int kCount = 20000;
  for (int i = 0; i < kCount; ++i) {
    const double g = random.gaussian(), l = random.laplace();
    gaussian += g * g / kCount;
    laplace += l * l / kCount;
  }
  CHECK(gaussian == Approx(1.0).margin(0.05));  // five standard deviations of the estimate
  CHECK(laplace == Approx(1.0).margin(0.08));
}
