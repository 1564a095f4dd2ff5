#include "simd.hpp"

#include "reference.hpp"
#include "search.hpp"

#include <cstring>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "gguf_legacy/encode.cpp"
#include <hwy/foreach_target.h>

#include "careful-inl.hpp"
#include "encode_batches-inl.hpp"
#include "encode_fine_best-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace pq::gguf::HWY_NAMESPACE {
#if HWY_TARGET == HWY_SCALAR

template <class Codec>
void encode_all(const EncodeCall& call) {
  encode_rows_reference<Codec>(call);
}

#else

/// So many batches go from stage to stage together (measured with 2, 4 and 8).
constexpr std::size_t kTogether = 4;

template <class Codec, class Work>
HWY_NOINLINE void look_again_in_stages(Work& work, Effort effort) {
  HWY_ALIGN float w[kGroup * kLanes];
  const bool weighted = work.batch.importance != nullptr;
  if (weighted) load_groups(Groups{work.batch.importance}, kGroup, w);
  look_again<Codec>(work.x, weighted ? w : nullptr, work.range, effort, work.fit);
}

/// For searches in stages (codec/quick_search-inl.hpp). begin(search, range, batch, number) begins one.
template <class Codec, class Search, class Begin>
HWY_INLINE void encode_in_stages(const EncodeCall& call, Begin begin) {
  struct Work {
    HWY_ALIGN float x[kGroup * kLanes];
    Search search;
    Batch batch;
    LaneRange range;
    LaneQuickFit fit;
    Gathered<Codec> copy;
  };
  Work works[kTogether];
  Cutter<Codec> cutter(call);
  const auto batches = static_cast<std::size_t>(cutter.batches());
  for (std::size_t first = 0; first < batches; first += kTogether) {
    const std::size_t count = HWY_MIN(kTogether, batches - first);
    for (std::size_t k = 0; k < count; ++k) {
      cutter.next(works[k].batch, works[k].copy);
      works[k].range = load_weights(Groups{works[k].batch.weights}, kGroup, works[k].x);
    }
    for (std::size_t k = 0; k < count; ++k) begin(works[k].search, works[k].range, works[k].batch, first + k);
    for (std::size_t k = 0; k < count; ++k) works[k].search.scan(works[k].x);
    for (std::size_t k = 0; k < count; ++k) works[k].fit = works[k].search.finish();
    for (std::size_t k = 0; k < count; ++k) {
      Work& work = works[k];
      if (HWY_UNLIKELY(may_need_look<Codec>(work.range, work.fit)))
        look_again_in_stages<Codec>(work, call.effort);
      store_blocks<Codec>(work.x, work.fit, work.search, work.batch);
    }
    if (first + count == batches) cutter.finish(works[count - 1].copy);
  }
}

template <class Codec, bool kFast>
void encode_quickly(const EncodeCall& call) {
  constexpr const auto& kStarts = quick_starts<Codec, kFast>();
  const auto begin = [](auto& search, LaneRange range, const Batch&, std::size_t)
                         HWY_ATTR { search.begin(range); };
  if constexpr (Codec::kHasOffset)
    encode_in_stages<Codec, QuickOffsetSearch<kStarts>>(call, begin);
  else
    encode_in_stages<Codec, QuickScaleSearch<kStarts, Codec::kMinCode, Codec::kMaxCode>>(call, begin);
}

template <class Codec, const auto& kStarts>
void encode_finely(const EncodeCall& call) {
  const bool weighted = !call.importance.empty();
  const std::size_t per_row = static_cast<std::size_t>(call.rows.cols / Codec::kWeights);
  WeightPairs pairs(weighted ? per_row : 1,
                    (static_cast<std::size_t>(call.rows.rows) * per_row + kLanes - 1) / kLanes);
  encode_in_stages<Codec, FineScaleSearch<kStarts>>(
      call, [&](auto& search, LaneRange range, const Batch& batch, std::size_t number)
                HWY_ATTR { search.begin(range, pairs.of(number, batch.importance)); });
}

/// A batch of blocks that is searched in f32.
struct ThoroughBatch {
  HWY_ALIGN float x[kGroup * kLanes];
  HWY_ALIGN float w[kGroup * kLanes];
  HWY_ALIGN float centred[kGroup * kLanes];
  LaneRange range;
  const float* importance;  // w, or null if all weights count the same
};

/// What search_block() and look_again_at() find, without codes.
template <class Codec>
HWY_INLINE LaneScaleOffset search_thoroughly(ThoroughBatch& batch, Effort effort) {
  const F32 d;
  constexpr CodeRange kRange{Codec::kMinCode, Codec::kMaxCode};
  const LaneGroups groups{batch.x, batch.w, kGroup};
  const auto none = hn::Lt(hn::Zero(d), hn::Zero(d));
  LaneQuickFit fit{{hn::Zero(d), hn::Zero(d)}, none, none};
  if constexpr (!Codec::kHasOffset) {
    fit.stored.scale = search_scale(groups, batch.range.peak(), kRange, scale_starts<Codec>(effort));
  } else if (batch.importance == nullptr && effort != Effort::best) {
    QuickOffsetSearch<quick_starts<Codec, false>()> search;
    search.begin(batch.range);
    search.scan(batch.x);
    fit = search.finish();
  } else {
    fit.stored = search_scale_offset(groups, Codec::kMaxCode, offset_starts<Codec>(effort), batch.centred);
  }
  look_again<Codec>(batch.x, batch.importance, batch.range, effort, fit);
  return fit.stored;
}

/// `best` includes what `normal` finds.
template <class Codec>
HWY_NOINLINE LaneScaleOffset or_normal(ThoroughBatch& batch, LaneScaleOffset best) {
  const F32 d;
  const LaneGroups groups{batch.x, batch.w, kGroup};
  const VF highest = hn::Set(d, Codec::kMaxCode);
  const LaneScaleOffset normal = search_thoroughly<Codec>(batch, Effort::normal);
  const auto better =
      hn::Lt(offset_error(groups, normal, highest).error, offset_error(groups, best, highest).error);
  return {hn::IfThenElse(better, normal.scale, best.scale),
          hn::IfThenElse(better, normal.offset, best.offset)};
}

/// With importance, or `best`: searches in f32.
template <class Codec>
void encode_thoroughly(const EncodeCall& call) {
  const F32 d;
  const bool weighted = !call.importance.empty();
  const auto none = hn::Lt(hn::Zero(d), hn::Zero(d));
  ThoroughBatch work;
  Gathered<Codec> copy;
  work.importance = weighted ? work.w : nullptr;
  if (!weighted) std::fill(std::begin(work.w), std::end(work.w), 1.0f);
  Cutter<Codec> cutter(call);
  for (std::int64_t rest = cutter.batches(); rest > 0; --rest) {
    Batch batch;
    cutter.next(batch, copy);
    work.range = load_weights(Groups{batch.weights}, kGroup, work.x);
    if (weighted) load_groups(Groups{batch.importance}, kGroup, work.w);
    LaneScaleOffset found = search_thoroughly<Codec>(work, call.effort);
    if constexpr (Codec::kHasOffset)
      if (call.effort == Effort::best) found = or_normal<Codec>(work, found);
    store_head<Codec>(found, batch);
    store_nearest<Codec>(
        work.x, {found, none, none}, [](std::size_t) HWY_ATTR { return hn::Zero(I16()); }, batch);
  }
  cutter.finish(copy);
}

template <class Codec>
void encode_all(const EncodeCall& call) {
  if constexpr (Codec::kCodeBits == 8) {
    if (call.effort == Effort::fast) return encode_finely<Codec, kFineFast>(call);
    if (call.effort == Effort::normal) return encode_finely<Codec, kFineNormal>(call);
    return encode_finely_best<Codec>(call);
  } else {
    if (!Codec::kHasOffset && call.effort == Effort::best)
      return encode_rows_reference<Codec>(call);  // the exact search has no SIMD version
    if (!call.importance.empty() || call.effort == Effort::best) return encode_thoroughly<Codec>(call);
    if (call.effort == Effort::fast) return encode_quickly<Codec, true>(call);
    return encode_quickly<Codec, false>(call);
  }
}

#endif  // HWY_TARGET == HWY_SCALAR

void encode_q4_0(const EncodeCall& call) { encode_all<Q4_0>(call); }
void encode_q4_1(const EncodeCall& call) { encode_all<Q4_1>(call); }
void encode_q5_0(const EncodeCall& call) { encode_all<Q5_0>(call); }
void encode_q5_1(const EncodeCall& call) { encode_all<Q5_1>(call); }
void encode_q8_0(const EncodeCall& call) { encode_all<Q8_0>(call); }

}  // namespace pq::gguf::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace pq::gguf {
HWY_EXPORT(encode_q4_0);
HWY_EXPORT(encode_q4_1);
HWY_EXPORT(encode_q5_0);
HWY_EXPORT(encode_q5_1);
HWY_EXPORT(encode_q8_0);

template <>
void encode_rows<Q4_0>(const EncodeCall& call) {
  HWY_DYNAMIC_DISPATCH(encode_q4_0)(call);
}
template <>
void encode_rows<Q4_1>(const EncodeCall& call) {
  HWY_DYNAMIC_DISPATCH(encode_q4_1)(call);
}
template <>
void encode_rows<Q5_0>(const EncodeCall& call) {
  HWY_DYNAMIC_DISPATCH(encode_q5_0)(call);
}
template <>
void encode_rows<Q5_1>(const EncodeCall& call) {
  HWY_DYNAMIC_DISPATCH(encode_q5_1)(call);
}
template <>
void encode_rows<Q8_0>(const EncodeCall& call) {
  HWY_DYNAMIC_DISPATCH(encode_q8_0)(call);
}
}  // namespace pq::gguf
#endif
