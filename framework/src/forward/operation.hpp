// One bound operation of a graph and what it works on.
#pragma once

#include "forward/batch.hpp"
#include "forward/observer.hpp"
#include "forward/rope.hpp"
#include "forward/routing.hpp"
#include "forward/weights.hpp"

#include <polyquant/backend.hpp>

#include <map>
#include <memory>
#include <string>

namespace pq {

/// Named activations of one batch. A matrix is kept for the next batch of the same shape.
class Values {
 public:
  explicit Values(Device& device) : device_(device) {}
  DeviceMatrix& at(const std::string& name) { return *values_.at(name); }
  /// A matrix to be written whole; what it held is lost.
  DeviceMatrix& make(const std::string& name, std::int64_t rows, std::int64_t cols);
  void set(const std::string& name, std::unique_ptr<DeviceMatrix> matrix) {
    values_[name] = std::move(matrix);
  }
  std::unique_ptr<DeviceMatrix> take(const std::string& name) { return std::move(values_.at(name)); }

 private:
  Device& device_;
  std::map<std::string, std::unique_ptr<DeviceMatrix>> values_;
};

/// Tables of rotary embedding on the device, made when first asked for.
class RopeTables {
 public:
  struct Table {
    std::unique_ptr<DeviceMatrix> cosines, sines;
  };
  const Table& get(const std::string& name, const RopeSpec& spec, const Batch& batch, Device& device);
  void clear() { tables_.clear(); }

 private:
  std::map<std::string, Table> tables_;
};

/// What operations of one batch share.
struct ForwardState {
  Device& device;
  WeightCache& weights;
  const Batch& batch;
  RopeTables& ropes;
  Observer* observer = nullptr;
  Values& values;
  std::map<std::string, Routing> routings;
  MathOps& math() { return device.math(); }
};

class Operation {
 public:
  virtual ~Operation() = default;
  virtual void run(ForwardState& state) const = 0;
  /// Shows activations to the observer and computes nothing.
  virtual bool is_site() const noexcept { return false; }
};
using Operations = std::vector<std::unique_ptr<Operation>>;

}  // namespace pq
