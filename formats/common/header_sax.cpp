#include "common/header_sax.hpp"

#include "common/printable.hpp"

#include <polyquant/base/error.hpp>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <limits>
#include <set>

namespace pq::hf {
namespace {

using nlohmann::json;

// Limits of our own, far above what models have. torch allows 64 dimensions.
constexpr std::size_t kMaxTensors = 1'000'000;
constexpr std::size_t kMaxNameBytes = 4096;
constexpr std::size_t kMaxDimensions = 64;
constexpr int kMaxIgnoredDepth = 32;

// The grammar has four levels, so a state is enough and nothing recurses:
//   { "__metadata__": {string: string, ...} | null,  name: {"dtype": "F16", "shape": [1, 2], "data_offsets": [0, 4]}, ... }
// Unknown members of a tensor are skipped, as the reference reader does.
class HeaderSax final : public nlohmann::json_sax<json> {
 public:
  HeaderSax(Header& out, const std::string& where) : out_(out), where_(where) {}

  bool null() override {
    if (level_ == Level::top && in_metadata_) return true;  // MLX writes null for "no metadata"
    return scalar("null");
  }
  bool boolean(bool) override { return scalar("a boolean"); }
  bool number_integer(number_integer_t) override { return scalar("a negative number"); }
  bool number_float(number_float_t, const string_t&) override { return scalar("no integer of 64 bits"); }
  bool binary(binary_t&) override { return scalar("binary"); }
  bool number_unsigned(number_unsigned_t value) override {
    if (level_ == Level::shape)
      add_dimension(value);
    else if (level_ == Level::offsets)
      add_offset(value);
    else
      return scalar("a number");
    return true;
  }
  bool string(string_t& value) override {
    if (level_ == Level::metadata) {
      out_.metadata.back().second = std::move(value);
    } else if (level_ == Level::tensor && field_ == kDtype) {
      tensor().dtype = find_dtype(value);
      if (tensor().dtype == nullptr) fail_tensor(fmt::format("dtype {} is not known", shown(value)));
    } else {
      return scalar("a string");
    }
    return true;
  }

  bool start_object(std::size_t) override {
    switch (level_) {
      case Level::outside:
        level_ = Level::top;
        return true;
      case Level::top:
        level_ = in_metadata_ ? Level::metadata : Level::tensor;
        fields_ = 0;
        return true;
      default:
        return enter_ignored("an object");
    }
  }
  bool end_object() override {
    if (level_ == Level::ignored) return leave_ignored();
    if (level_ == Level::tensor && fields_ != kAllFields)
      fail_tensor("dtype, shape and data_offsets must all be there");
    level_ = level_ == Level::top ? Level::outside : Level::top;
    return true;
  }
  bool start_array(std::size_t) override {
    if (level_ == Level::tensor && field_ == kShape)
      level_ = Level::shape;
    else if (level_ == Level::tensor && field_ == kOffsets)
      level_ = Level::offsets;
    else
      return enter_ignored("a list");
    return true;
  }
  bool end_array() override {
    if (level_ == Level::ignored) return leave_ignored();
    if (level_ == Level::offsets && offsets_ != 2) fail_tensor("data_offsets must be two numbers");
    level_ = Level::tensor;
    return true;
  }

  bool key(string_t& name) override {
    if (level_ == Level::top)
      begin_member(name);
    else if (level_ == Level::metadata)
      begin_metadata(name);
    else if (level_ == Level::tensor)
      begin_field(name);
    return true;
  }

  bool parse_error(std::size_t position, const std::string&, const json::exception&) override {
    throw FormatError(fmt::format(
        "{}: the header is not valid JSON at its byte {}; the file is damaged or no safetensors file", where_,
        position == 0 ? 0 : position - 1));
  }

 private:
  enum class Level { outside, top, metadata, tensor, shape, offsets, ignored };
  // Bits of fields_; kOther is never set there.
  static constexpr int kDtype = 1, kShape = 2, kOffsets = 4, kAllFields = 7, kOther = 8;

  HeaderTensor& tensor() { return out_.tensors.back(); }

  [[noreturn]] void fail(const std::string& what) const { throw FormatError(where_ + ": " + what); }
  [[noreturn]] void fail_tensor(const std::string& what) const {
    fail(fmt::format("tensor {}: {}", shown(out_.tensors.back().name), what));
  }

  void begin_member(string_t& name) {
    in_metadata_ = name == "__metadata__";
    if (in_metadata_) {
      if (has_metadata_) fail("__metadata__ is listed twice");
      has_metadata_ = true;
      return;
    }
    if (name.size() > kMaxNameBytes)
      fail(fmt::format("tensor {}: names of more than {} bytes are refused", shown(name), kMaxNameBytes));
    if (name.find('\0') != std::string::npos)
      fail(fmt::format("tensor {}: a name must not contain NUL", shown(name)));
    if (out_.tensors.size() == kMaxTensors)
      fail(fmt::format("more than {} tensors in a file are refused", kMaxTensors));
    if (!names_.insert(name).second) fail(fmt::format("tensor {} is listed twice", shown(name)));
    out_.tensors.emplace_back().name = std::move(name);
  }
  void begin_metadata(string_t& name) {
    if (!metadata_names_.insert(name).second)
      fail(fmt::format("__metadata__: {} is listed twice", shown(name)));
    out_.metadata.emplace_back(std::move(name), std::string());
  }
  void begin_field(const string_t& name) {
    field_ = name == "dtype" ? kDtype : name == "shape" ? kShape : name == "data_offsets" ? kOffsets : kOther;
    if ((fields_ & field_) != 0) fail_tensor(fmt::format("{} is listed twice", shown(name)));
    if (field_ != kOther) fields_ |= field_;
    if (field_ == kOffsets) offsets_ = 0;
  }

  void add_dimension(number_unsigned_t value) {
    // Larger than any file; the reference reader finds the overflow of the product, polyquant's shapes are signed.
    if (value > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()))
      fail_tensor(fmt::format("shape has the dimension {}: the number of elements overflows", value));
    if (tensor().shape.size() == kMaxDimensions)
      fail_tensor(fmt::format("more than {} dimensions are refused", kMaxDimensions));
    tensor().shape.push_back(static_cast<std::int64_t>(value));
  }
  void add_offset(number_unsigned_t value) {
    if (offsets_ == 2) fail_tensor("data_offsets must be two numbers");
    (offsets_++ == 0 ? tensor().begin : tensor().end) = value;
  }

  // A scalar of the kind `what` where it does not belong, unless it is in a member that is skipped.
  bool scalar(const char* what) const {
    if (level_ == Level::ignored || (level_ == Level::tensor && field_ == kOther)) return true;
    return misplaced(what);
  }
  bool misplaced(const char* what) const {
    switch (level_) {
      case Level::outside:
        fail("the header must be a JSON object; the file is damaged or no safetensors file");
      case Level::top:
        if (in_metadata_) fail(fmt::format("__metadata__ must be an object of strings, it is {}", what));
        fail_tensor(fmt::format("its entry must be an object, it is {}", what));
      case Level::metadata:
        fail(fmt::format("__metadata__: {} must be a string, it is {}", shown(out_.metadata.back().first),
                         what));
      case Level::shape:
        fail_tensor(fmt::format("shape must hold non-negative integers, one is {}", what));
      case Level::offsets:
        fail_tensor(fmt::format("data_offsets must hold non-negative integers, one is {}", what));
      default:
        break;
    }
    const char* field = field_ == kDtype   ? "dtype must be a string"
                        : field_ == kShape ? "shape must be a list of integers"
                                           : "data_offsets must be a list of integers";
    fail_tensor(fmt::format("{}, it is {}", field, what));
  }
  bool enter_ignored(const char* what) {
    if (level_ == Level::tensor && field_ == kOther)
      level_ = Level::ignored;
    else if (level_ != Level::ignored)
      return misplaced(what);
    if (++ignored_depth_ > kMaxIgnoredDepth) fail_tensor("an unknown member is nested too deeply");
    return true;
  }
  bool leave_ignored() {
    if (--ignored_depth_ == 0) level_ = Level::tensor;
    return true;
  }

  Header& out_;
  const std::string& where_;
  Level level_ = Level::outside;
  bool in_metadata_ = false;
  bool has_metadata_ = false;
  int field_ = kOther;
  int fields_ = 0;
  int offsets_ = 0;
  int ignored_depth_ = 0;
  std::set<std::string> names_, metadata_names_;  // no hash: a hostile file can make names collide
};

}  // namespace

void read_header_json(std::string_view text, const std::string& where, Header& out) {
  HeaderSax sax(out, where);
  json::sax_parse(text.begin(), text.end(), &sax);
}

}  // namespace pq::hf
