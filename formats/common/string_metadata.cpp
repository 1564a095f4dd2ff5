#include "common/string_metadata.hpp"

#include "common/printable.hpp"

#include <polyquant/base/error.hpp>

#include <fmt/format.h>

#include <string>
#include <variant>

namespace pq::hf {

StringPairs string_metadata(const Metadata& metadata) {
  StringPairs pairs;
  for (const auto& [key, value] : metadata.entries()) {
    const auto* text = std::get_if<std::string>(&value);
    if (text == nullptr)
      throw ConfigError(fmt::format("metadata {} is of type {}; safetensors files hold strings only",
                                    shown(key), type_name(value)));
    pairs.emplace_back(key, *text);
  }
  return pairs;
}

}  // namespace pq::hf
