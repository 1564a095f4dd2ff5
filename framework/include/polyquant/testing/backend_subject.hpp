// A backend under test, and the way of samples to its devices and back.
#pragma once

#include <polyquant/backend.hpp>
#include <polyquant/testing/measure.hpp>

#include <memory>
#include <vector>

namespace pq::testing {

/// A backend to check.
struct BackendSubject {
  std::shared_ptr<const Backend> backend;
};

namespace backend_checks {

inline std::unique_ptr<DeviceMatrix> to_device(Device& device, const Sample& sample) {
  auto matrix = device.allocate(sample.rows, sample.cols);
  device.upload(sample.matrix(), *matrix);
  return matrix;
}

inline Sample from_device(Device& device, const DeviceMatrix& matrix) {
  Sample sample = zeros(matrix.rows(), matrix.cols());
  device.download(matrix, {sample.values.data(), sample.rows, sample.cols, sample.cols});
  return sample;
}

/// The devices; a note that the check is skipped if there are none.
inline std::vector<DeviceInfo> devices_of(const BackendSubject& subject, Findings& findings) {
  std::vector<DeviceInfo> devices = subject.backend->devices();
  if (devices.empty()) findings.skip("there is no device for it on this machine");
  return devices;
}

/// Calls body(device) for each device.
template <class Body>
void for_devices(const BackendSubject& subject, Findings& findings, Body&& body) {
  SerialExecutor executor;
  for (const DeviceInfo& info : devices_of(subject, findings))
    body(*subject.backend->open(info.index, executor));
}

}  // namespace backend_checks
}  // namespace pq::testing
