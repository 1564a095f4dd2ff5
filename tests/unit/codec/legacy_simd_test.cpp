#include "support.hpp"
#include "targets.hpp"

#include <gguf_legacy/reference.hpp>
#include <gguf_legacy/simd.hpp>
#include <polyquant/codec/importance.hpp>

using namespace pq::gguf;

TEMPLATE_TEST_CASE("gguf_legacy: every instruction set writes the bytes of the reference encoder",
                   "[gguf_legacy][simd]", Q4_0, Q4_1, Q5_0, Q5_1, Q8_0) {
  constexpr std::size_t kCols = 96;  // three blocks, so that batches cross rows and the last one is not full
  const std::vector<float> importance = pq::normalized_importance(codec_test::importance(kCols), 32);
  const auto kind = GENERATE(from_range(std::begin(codec_test::kKinds), std::end(codec_test::kKinds)));
  const auto effort = GENERATE(pq::Effort::fast, pq::Effort::normal, pq::Effort::best);
  const bool weighted = GENERATE(false, true);
  const std::vector<float> weights = codec_test::weights(kind, kCols * (effort == pq::Effort::best ? 2 : 7));
  INFO("kind " << static_cast<int>(kind) << ", effort " << static_cast<int>(effort) << ", importance "
               << weighted);

  const std::size_t bytes = weights.size() / 32 * sizeof(typename TestType::Block);
  std::vector<std::byte> expected(bytes);
  EncodeCall call{codec_test::matrix(weights, kCols), {}, effort, expected.data()};
  if (weighted) call.importance = importance;
  encode_rows_reference<TestType>(call);

  codec_test::for_each_target([&] {
    std::vector<std::byte> found(bytes);
    EncodeCall again = call;
    again.out = found.data();
    encode_rows<TestType>(again);
    std::size_t differing = 0;
    for (std::size_t i = 0; i < bytes; i += sizeof(typename TestType::Block))
      differing += std::memcmp(&found[i], &expected[i], sizeof(typename TestType::Block)) != 0;
    CHECK(differing == 0);
  });
}
