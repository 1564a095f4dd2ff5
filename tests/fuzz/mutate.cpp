#include "mutate.hpp"

#include <algorithm>
#include <iterator>

namespace pq_fuzz {
namespace {

// SplitMix64 (Steele, Lea, Flood 2014): the same numbers everywhere, which the standard's distributions do not promise.
class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed * 0x9E3779B97F4A7C15u) {}
  std::uint64_t next() {
    std::uint64_t z = state_ += 0x9E3779B97F4A7C15u;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
  }
  std::size_t below(std::size_t limit) { return limit == 0 ? 0 : static_cast<std::size_t>(next() % limit); }

 private:
  std::uint64_t state_;
};

// Sizes and offsets at which arithmetic goes wrong.
std::uint64_t interesting(Random& random) {
  constexpr std::uint64_t kValues[] = {0,
                                       1,
                                       2,
                                       31,
                                       32,
                                       255,
                                       256,
                                       0x7FFF,
                                       0xFFFF,
                                       0x7FFFFFFF,
                                       0x80000000,
                                       0xFFFFFFFF,
                                       0x100000000,
                                       std::uint64_t{1} << 60,
                                       std::uint64_t{1} << 62,
                                       INT64_MAX,
                                       std::uint64_t{1} << 63,
                                       UINT64_MAX};
  return kValues[random.below(std::size(kValues))] + random.below(3) - 1;
}

void overwrite(std::string& data, Random& random) {
  if (data.empty()) return;
  const std::size_t at = random.below(data.size());
  const std::uint64_t value = interesting(random);
  const std::size_t width = std::size_t{1} << random.below(4);
  for (std::size_t i = 0; i < width && at + i < data.size(); ++i)
    data[at + i] = static_cast<char>(value >> (8 * i));
}

void change(std::string& data, Random& random, const std::vector<std::string>& seeds) {
  const std::size_t at = random.below(data.size() + 1);
  switch (random.below(6)) {
    case 0:  // a few bits
      if (at < data.size()) data[at] = static_cast<char>(data[at] ^ static_cast<char>(1u << random.below(8)));
      break;
    case 1:
    case 2:
      overwrite(data, random);
      break;
    case 3:  // cut out
      data.erase(at, random.below(32) + 1);
      break;
    case 4:  // repeat a part elsewhere
      data.insert(at, data.substr(random.below(data.size() + 1), random.below(64)));
      break;
    default: {  // a part of another seed
      const std::string& other = seeds[random.below(seeds.size())];
      data.replace(at, random.below(32), other.substr(random.below(other.size() + 1), random.below(64)));
    }
  }
}

}  // namespace

std::string mutated(const std::vector<std::string>& seeds, std::uint64_t number) {
  Random random(number);
  std::string data = seeds[random.below(seeds.size())];
  for (std::size_t changes = random.below(6) + 1; changes > 0; --changes) change(data, random, seeds);
  if (random.below(8) == 0) data.resize(random.below(data.size() + 1));
  return data;
}

}  // namespace pq_fuzz
