// A backend: the device on which heavy maths runs.
#pragma once

#include <polyquant/base/bytes.hpp>
#include <polyquant/base/executor.hpp>
#include <polyquant/base/matrix.hpp>
#include <polyquant/math_ops.hpp>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace pq {

struct DeviceInfo {
  int index = 0;
  std::string name;    // "AMD EPYC 7B13, AVX2"
  std::string target;  // instruction set or compute capability in use: "AVX2", "sm_90"
  std::uint64_t memory_bytes = 0;
};

struct BackendInfo {
  std::string id;       // "cpu"
  std::string summary;  // one line
  int priority = 0;     // `backend: auto` takes the highest of those that have a device; the processor is 0
};

/// An open device. One caller at a time.
class Device {
 public:
  virtual ~Device() = default;
  virtual const DeviceInfo& info() const = 0;
  virtual std::unique_ptr<DeviceMatrix> allocate(
      std::int64_t rows, std::int64_t cols) = 0;  // zero-filled; ResourceError if it does not fit
  /// Copies `from` to the rows of `to` that begin at `first_row`.
  virtual void upload(ConstMatrix from, DeviceMatrix& to, std::int64_t first_row = 0) = 0;
  /// Copies the rows of `from` that begin at `first_row` to `to`. Waits for the maths that writes them.
  virtual void download(const DeviceMatrix& from, Matrix to, std::int64_t first_row = 0) = 0;
  /// The memory of the matrix, if the processor may read and write it directly; else a matrix without data. Whoever writes there does so
  /// before the maths that reads it is called.
  virtual Matrix host_memory(DeviceMatrix& matrix) = 0;
  virtual MathOps& math() = 0;
  virtual void synchronize() = 0;
};

/// Immutable, callable from any thread.
class Backend {
 public:
  virtual ~Backend() = default;
  virtual const BackendInfo& info() const = 0;
  /// The devices that work here; empty = this backend cannot run on this machine. Never throws for a missing device or driver.
  virtual std::vector<DeviceInfo> devices() const = 0;
  /// Opens one of devices(). Throws ResourceError if it has gone. `executor` must outlive the device.
  virtual std::unique_ptr<Device> open(int index, Executor& executor) const = 0;
};

class Encoding;
struct EncodeRequest;

/// Encodes and decodes rows of one encoding on one backend's device; gives exactly the bytes and values of the CPU reference.
class DeviceCodec {
 public:
  virtual ~DeviceCodec() = default;
  /// Encodes the rows of `weights`; same bytes as the encoding's own encoder.
  virtual void encode(Device& device, const Encoding& encoding, const EncodeRequest& request,
                      const DeviceMatrix& weights, MutableBytes out) const = 0;
  virtual void decode(Device& device, const Encoding& encoding, Bytes rows, DeviceMatrix& out) const = 0;
};

}  // namespace pq
