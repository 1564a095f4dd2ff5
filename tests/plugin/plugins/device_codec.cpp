// A device codec for the encoding q8_0 on the backend cpu, which does by way of the host what a real one does on its device. With WRONG_BYTES,
// WRONG_VALUES or WRITES_BESIDE it has that fault.
#include <polyquant/plugin.hpp>

#include <vector>

namespace {

class HostCodec final : public pq::DeviceCodec {
 public:
  void encode(pq::Device& device, const pq::Encoding& encoding, const pq::EncodeRequest& request,
              const pq::DeviceMatrix& weights, pq::MutableBytes out) const override {
    std::vector<float> host(static_cast<std::size_t>(weights.rows() * weights.cols()));
    device.download(weights, {host.data(), weights.rows(), weights.cols(), weights.cols()});
    encoding.encoder(request)->encode({host.data(), weights.rows(), weights.cols(), weights.cols()}, out);
#ifdef WRONG_BYTES
    out.back() ^= std::byte{1};
#endif
#ifdef WRITES_BESIDE
    out.data()[out.size()] = std::byte{0};
#endif
  }
  void decode(pq::Device& device, const pq::Encoding& encoding, pq::Bytes rows,
              pq::DeviceMatrix& out) const override {
    std::vector<float> host(static_cast<std::size_t>(out.rows() * out.cols()));
    encoding.decode(rows, {host.data(), out.rows(), out.cols(), out.cols()});
#ifdef WRONG_VALUES
    host.back() *= 1.0f + 0x1p-20f;
#endif
    device.upload({host.data(), out.rows(), out.cols(), out.cols()}, out);
  }
};

}  // namespace

PQ_PLUGIN("device_codec", "1.0.0", "q8_0 on the backend cpu") {
  registry.add(pq::DeviceCodecEntry{"q8_0", "cpu", [] { return std::make_unique<HostCodec>(); }});
}
