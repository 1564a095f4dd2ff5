// Registers an encoding, and then does what BEHAVIOUR says.
#include <polyquant/base/error.hpp>
#include <polyquant/plugin.hpp>

#include <stdexcept>

namespace {
pq::EncodingEntry entry(const char* id) {
  return {id, "makes nothing", {}, [](const pq::Node&) { return std::unique_ptr<pq::Encoding>(); }};
}
}  // namespace

#ifdef UNRESOLVED
extern "C" void pq_test_there_is_no_such_function();
#endif

PQ_PLUGIN("misbehaving", "1.0.0", "Does what it must not") {
  registry.add(entry("before_trouble"));
#if defined(THROWS_EXCEPTION)
  throw std::runtime_error("no table for today");
#elif defined(THROWS_CONFIG_ERROR)
  throw pq::ConfigError("a wrong setting");
#elif defined(THROWS_INT)
  throw 42;
#elif defined(REGISTERS_TWICE)
  registry.add(entry("before_trouble"));
#elif defined(BAD_ID)
  registry.add(entry("Bad Id"));
#elif defined(NO_FACTORY)
  registry.add(pq::EncodingEntry{"no_factory", "cannot be made", {}, nullptr});
#elif defined(UNRESOLVED)
  pq_test_there_is_no_such_function();
#endif
}
