// What holds for every device codec: the bytes and values of the encoding's own codec, on every device that its backend finds here.
#pragma once

#include <polyquant/testing/backend_checks.hpp>
#include <polyquant/testing/encoding_checks.hpp>

#include <cstring>
#include <memory>
#include <string>
#include <vector>

namespace pq::testing {

/// A device codec to check, with what it is for.
struct DeviceCodecSubject {
  std::shared_ptr<const DeviceCodec> codec;
  std::shared_ptr<const Encoding> encoding;
  std::shared_ptr<const Backend> backend;
};

namespace device_codec_checks {

constexpr std::int64_t kRows = 5;

/// Calls body(device, sample) for each device and every sample, of every length.
template <class Body>
void for_samples(const DeviceCodecSubject& subject, Findings& findings, Body&& body) {
  const std::vector<std::int64_t> lengths = EncodingSubject{subject.encoding, {}}.lengths();
  backend_checks::for_devices({subject.backend}, findings, [&](Device& device) {
    for (const std::int64_t cols : lengths) {
      for (const Sample& sample : ordinary_samples(kRows, cols, 23)) body(device, sample);
      for (const Sample& sample : hostile_samples(kRows, cols, 29)) body(device, sample);
    }
  });
}

inline void encodes_alike(const DeviceCodecSubject& subject, Findings& findings) {
  for_samples(subject, findings, [&](Device& device, const Sample& sample) {
    const auto weights = backend_checks::to_device(device, sample);
    const std::vector<float> importance = lognormal_importance(sample.cols, 31);
    for (const bool weighted : {false, true})
      for (const Effort effort : {Effort::fast, Effort::normal, Effort::best}) {
        const std::span<const float> columns = weighted ? std::span(importance) : std::span<const float>();
        const auto wanted = encode(*subject.encoding, sample.matrix(), columns, effort);
        GuardedBytes bytes(wanted.size());
        subject.codec->encode(device, *subject.encoding, {sample.cols, columns, effort}, *weights,
                              bytes.bytes());
        device.synchronize();
        findings.expect(bytes.copy() == wanted, sample.name, ", ", sample.cols, " columns, effort ",
                        static_cast<int>(effort), weighted ? ", with importance" : "",
                        ": other bytes than the encoding's own encoder");
        findings.expect(bytes.intact(), sample.name, ": something is written beside the bytes");
      }
  });
}

inline void decodes_alike(const DeviceCodecSubject& subject, Findings& findings) {
  for_samples(subject, findings, [&](Device& device, const Sample& sample) {
    const auto bytes = encode(*subject.encoding, sample.matrix());
    const Sample wanted = decode(*subject.encoding, bytes, sample.rows, sample.cols);
    const auto out = device.allocate(sample.rows, sample.cols);
    subject.codec->decode(device, *subject.encoding, bytes, *out);
    const Sample got = backend_checks::from_device(device, *out);
    // Bit by bit: NaN differs from itself, and -0 equals 0.
    findings.expect(
        std::memcmp(got.values.data(), wanted.values.data(), wanted.values.size() * sizeof(float)) == 0,
        sample.name, ", ", sample.cols, " columns: other values than the encoding's own decoder");
  });
}

}  // namespace device_codec_checks

/// All checks of one device codec.
inline std::vector<CheckResult> check_device_codec(const DeviceCodecSubject& subject) {
  using namespace device_codec_checks;
  std::vector<CheckResult> results;
  run_checks<DeviceCodecSubject>(
      "device codec " + subject.encoding->info().id + " on " + subject.backend->info().id, subject,
      {{"it encodes to the same bytes as the encoding", encodes_alike},
       {"it decodes to the same values as the encoding", decodes_alike}},
      results);
  return results;
}

}  // namespace pq::testing
