#include "evaluation/log_prob_file.hpp"

#include "base/thread_pool.hpp"
#include "calibration/support.hpp"
#include "evaluation/text_scores.hpp"
#include "forward/tiny_forward.hpp"
#include "model/tiny_model.hpp"

#include <polyquant/base/error.hpp>

#include <catch2/catch.hpp>

#include <cmath>
#include <limits>

using namespace pq;
using Catch::Contains;

namespace {

TextChunks some_chunks(std::int64_t context = 8, std::int64_t count = 3) {
  std::vector<std::int32_t> tokens(static_cast<std::size_t>(context * count));
  for (std::size_t i = 0; i < tokens.size(); ++i) tokens[i] = static_cast<std::int32_t>((i * 7 + 3) % 64);
  return cut_chunks(tokens, context, 0, -1);
}

/// Made-up logits.
class Invented final : public Predictions {
 public:
  explicit Invented(std::int64_t vocabulary) : vocabulary_(vocabulary) {}
  std::int64_t vocabulary() const override { return vocabulary_; }
  std::int64_t chunk_bytes(std::int64_t) const override { return 1; }
  void enter(const TextChunks&, std::size_t, std::size_t) override {}
  ConstMatrix rows(std::size_t chunk, std::int64_t first, std::int64_t count) override {
    values_.resize(static_cast<std::size_t>(count * vocabulary_));
    for (std::size_t i = 0; i < values_.size(); ++i)
      values_[i] = 5 * std::sin(static_cast<float>(chunk * 1000 + i) + shift * static_cast<float>(first + 1));
    return {values_.data(), count, vocabulary_, vocabulary_};
  }
  float shift = 1;

 private:
  std::int64_t vocabulary_;
  std::vector<float> values_;
};

TextScores scores_of(Predictions& model, Predictions* reference, const TextChunks& chunks) {
  static const auto pool = make_thread_pool(1);
  return score_text(model, reference, chunks, *pool, [](std::int64_t, const TextScores&) {});
}

void write(const std::filesystem::path& path, const TextChunks& chunks, std::int64_t vocabulary) {
  LogProbWriter writer(path, chunks, vocabulary, "engine");
  Invented model(vocabulary);
  const auto recorded = recorded_predictions(model, writer);
  scores_of(*recorded, nullptr, chunks);
  writer.seal();
}

}  // namespace

TEST_CASE("log-probabilities: a position has the bytes of the worked example", "[evaluation][reference]") {
  // Logits (2, 1, 0): scale 2 / 65535, least log p -2.40761, codes 65535, 32768 (32767.5 to even), 0, and one unused.
  const std::vector<float> logits = {2, 1, 0};
  REQUIRE(log_prob_row_bytes(3) == 16);
  std::vector<std::byte> row(16, std::byte{0xff});
  encode_log_probs(logits, 2.40760596, row);
  CHECK(load<float>(row.data()) == Approx(3.05181e-5).epsilon(1e-5));
  CHECK(load<float>(row.data() + 4) == Approx(-2.40761).epsilon(1e-5));
  CHECK(load<std::uint16_t>(row.data() + 8) == 65535);
  CHECK((load<std::uint16_t>(row.data() + 10) == 32768 || load<std::uint16_t>(row.data() + 10) == 32767));
  CHECK(load<std::uint16_t>(row.data() + 12) == 0);
  CHECK(load<std::uint16_t>(row.data() + 14) == 0);
  std::vector<float> back(3);
  decode_log_probs(row, back);
  CHECK(back[0] == Approx(-0.40761).epsilon(1e-4));
  CHECK(back[1] == Approx(-1.40761).epsilon(1e-4));
}

TEST_CASE("log-probabilities: tails are cut 24 nats below the top, equal logits have the code 0",
          "[evaluation][reference]") {
  std::vector<std::byte> row(log_prob_row_bytes(2));
  std::vector<float> back(2);
  encode_log_probs(std::vector<float>{30, -100}, 30, row);
  decode_log_probs(row, back);
  CHECK(back[0] == Approx(0).margin(1e-5));
  CHECK(back[1] == -24);
  encode_log_probs(std::vector<float>{1, 1}, 1 + std::log(2.0), row);
  decode_log_probs(row, back);
  CHECK(back[0] == Approx(-std::log(2.0)));
  const float nan = std::numeric_limits<float>::quiet_NaN();
  encode_log_probs(std::vector<float>{nan, 1}, nan, row);  // total: some bytes
}

TEST_CASE("log-probabilities: a file gives back what was written", "[evaluation][reference]") {
  const test::TemporaryFolder folder;
  const TextChunks chunks = some_chunks();
  write(folder / "r.logits", chunks, 65);
  CHECK(LogProbFile::recognises(folder / "r.logits"));
  const auto file = std::make_shared<const LogProbFile>(folder / "r.logits");
  CHECK(file->chunks() == 3);
  CHECK(file->context() == 8);
  CHECK(file->tokens() == chunks.tokens);
  CHECK(std::filesystem::file_size(folder / "r.logits") == 20 + 24 * 4 + 9 * (8 + 66 * 2) + 16);
  check_same_text(*file, chunks, 65);

  Invented reference(65), model(65);
  model.shift = 1.2f;
  const auto kept = kept_predictions(file);
  const TextScores direct = scores_of(model, &reference, chunks), read = scores_of(model, kept.get(), chunks);
  REQUIRE(direct.kld.size() == 9);
  for (std::size_t i = 0; i < direct.kld.size(); ++i) {
    CHECK(read.kld[i] == Approx(direct.kld[i]).margin(1e-3));                      // 16 bits for 24 nats
    CHECK(read.reference_nll[i] == Approx(direct.reference_nll[i]).margin(4e-4));  // half a step
    CHECK(read.same_top[i] == direct.same_top[i]);
  }
}

TEST_CASE("log-probabilities: other text, tokens and sizes are refused in a sentence",
          "[evaluation][reference]") {
  const test::TemporaryFolder folder;
  write(folder / "r.logits", some_chunks(), 65);
  const LogProbFile file(folder / "r.logits");
  CHECK_THROWS_WITH(check_same_text(file, some_chunks(10), 65),
                    Contains("r.logits was made with chunks of 8 tokens, not 10; give --context 8"));
  CHECK_THROWS_WITH(check_same_text(file, some_chunks(8, 4), 65),
                    Contains("r.logits holds 3 chunks, but 4 are to be scored; give --chunks 3"));
  CHECK_THROWS_WITH(check_same_text(file, some_chunks(), 64),
                    Contains("a vocabulary of 65 tokens, this one has 64"));
  TextChunks other = some_chunks();
  other.tokens[11] = 1;
  CHECK_THROWS_WITH(check_same_text(file, other, 65),
                    Contains("of another text, or with another tokenizer: its token 11 is 16, here it is 1"));
  check_same_text(file, some_chunks(8, 2), 65);  // fewer chunks are a part of it
}

TEST_CASE("log-probabilities: a file says what the activations were, and a mismatch is said",
          "[evaluation][reference]") {
  const test::TemporaryFolder folder;
  write(folder / "r.logits", some_chunks(), 65);
  const LogProbFile file(folder / "r.logits");
  CHECK(file.activations() == "engine");
  CHECK(other_activations(file, "engine").empty());
  CHECK_THAT(other_activations(file, "f32"),
             Contains("r.logits was made with --activations engine, this model runs with f32"));
  // Files of llama-perplexity end with the rows.
  std::string bytes = test::file_text(folder / "r.logits");
  bytes.resize(bytes.size() - 16);
  std::ofstream(folder / "theirs", std::ios::binary) << bytes;
  const LogProbFile theirs(folder / "theirs");
  CHECK(theirs.activations().empty());
  CHECK(other_activations(theirs, "f32").empty());
  std::ofstream(folder / "other", std::ios::binary) << bytes << std::string("_pq_act_bf16\0\0\0\0", 16);
  CHECK_THROWS_WITH(LogProbFile(folder / "other"), Contains("the file has"));
}

TEST_CASE("log-probabilities: damaged files are refused before anything is read", "[evaluation][reference]") {
  const test::TemporaryFolder folder;
  write(folder / "r.logits", some_chunks(), 65);
  const std::string good = test::file_text(folder / "r.logits");
  const auto refused = [&](const std::string& bytes, const std::string& message) {
    std::ofstream(folder / "bad", std::ios::binary) << bytes;
    CHECK_THROWS_WITH(LogProbFile(folder / "bad"), Contains(message));
  };
  const auto with = [&](std::size_t at, std::int32_t value) {
    std::string bytes = good;
    std::memcpy(bytes.data() + at, &value, sizeof value);
    return bytes;
  };
  refused(good.substr(0, 10), "this is no file of log-probabilities");
  refused("x" + good, "this is no file of log-probabilities");
  refused(good.substr(0, good.size() - 1), "the file has");
  refused(good + "x", "the file has");
  refused(with(8, -8), "are not possible");
  refused(with(12, 0), "are not possible");
  refused(with(12, std::numeric_limits<std::int32_t>::max()), "the file has");
  refused(with(16, std::numeric_limits<std::int32_t>::max()), "the file has");
  CHECK_FALSE(LogProbFile::recognises(folder / "none"));
  CHECK_FALSE(LogProbFile::recognises(folder / "."));
}
