// polyquant-conformance PLUGIN.so...: all checks of everything that the plugins register. One line per check, the findings below it. Exit code 0: all
// hold, 1: some do not, 2: wrong usage, 6: a plugin cannot be loaded, 77: all hold that can be done on this machine, but some cannot.
#include "plugin/registry.hpp"

#include <polyquant/testing/conformance.hpp>

#include <algorithm>
#include <cstdio>
#include <exception>
#include <string_view>

namespace {

using namespace pq;
using testing::CheckResult;

constexpr int kSkipped = 77;  // what CTest shows as skipped: polyquant_add_plugin() says so

struct Totals {
  int checks = 0, failed = 0, skipped = 0;
};

void print(const std::vector<CheckResult>& results, Totals& totals) {
  for (const CheckResult& result : results) {
    const testing::Findings& findings = result.findings;
    const bool skipped = result.ok() && !findings.skipped().empty();
    totals.checks += 1;
    totals.failed += result.ok() ? 0 : 1;
    totals.skipped += skipped ? 1 : 0;
    std::printf("%s %s: %s", result.ok() ? (skipped ? "skip" : "ok  ") : "FAIL", result.subject.c_str(),
                result.check.c_str());
    std::printf(skipped ? " (%s)\n" : "%s\n", findings.skipped().c_str());
    for (const std::string& text : findings.texts()) std::printf("       %s\n", text.c_str());
    const int more = findings.count() - static_cast<int>(findings.texts().size());
    if (more > 0) std::printf("       and %d more\n", more);
  }
}

void check_encodings(const PluginRegistry& registry, Totals& totals) {
  const auto from_spec = [&](const std::string& spec) { return registry.find_encoding(spec); };
  for (const EncodingEntry* entry : registry.encodings()) {
    print(testing::check_entry("encoding", *entry), totals);
    for (const Node& options : testing::option_variants(entry->options)) {
      std::shared_ptr<const Encoding> encoding;
      try {
        encoding = entry->make(options);
      } catch (const ConfigError&) {
        continue;  // a choice that needs another one
      }
      if (encoding) print(testing::check_encoding({encoding, from_spec}), totals);
    }
  }
}

void check_quantizers(const PluginRegistry& registry, Totals& totals) {
  for (const QuantizerEntry* entry : registry.quantizers()) {
    print(testing::check_entry("quantizer", *entry), totals);
    std::vector<std::shared_ptr<const Encoding>> encodings = {std::make_shared<testing::TestBytes>(),
                                                              std::make_shared<testing::PlainFloats>()};
    for (const EncodingEntry* encoding : registry.encodings()) encodings.push_back(encoding->make(Node()));
    for (const auto& encoding : encodings)
      print(testing::check_quantizer({entry->make(Node()), encoding}), totals);
  }
}

/// Encoding and backend may be in other plugins than the device codec: those of the search path.
void check_device_codecs(const PluginRegistry& registry, Totals& totals) {
  if (registry.device_codecs().empty()) return;
  PluginRegistry others;
  others.load_folders(plugin_search_path({}));
  for (const auto& [encoding, backend] : registry.device_codecs()) {
    const auto has = [&](const PluginRegistry& from, auto entries, const std::string& id) {
      const auto list = (from.*entries)();
      return std::any_of(list.begin(), list.end(), [&](const auto* entry) { return entry->id == id; });
    };
    const auto& encodings = has(registry, &PluginRegistry::encodings, encoding) ? registry : others;
    const auto& backends = has(registry, &PluginRegistry::backends, backend) ? registry : others;
    print(testing::check_device_codec({registry.device_codec(encoding, backend),
                                       encodings.encoding(Node::scalar(encoding)),
                                       backends.backend(Node::scalar(backend))}),
          totals);
  }
}

void check_formats(const PluginRegistry& registry, Totals& totals) {
  for (const FormatEntry* entry : registry.formats()) {
    print(testing::check_entry("format", *entry), totals);
    for (const Node& options : testing::option_variants(entry->options))
      print(testing::check_format({entry->make(options)}), totals);
  }
}

Totals check_all(const PluginRegistry& registry) {
  Totals totals;
  check_encodings(registry, totals);
  check_quantizers(registry, totals);
  check_formats(registry, totals);
  for (const BackendEntry* entry : registry.backends()) {
    print(testing::check_entry("backend", *entry), totals);
    print(testing::check_backend({entry->make(Node())}), totals);
  }
  check_device_codecs(registry, totals);
  return totals;
}

}  // namespace

int main(int argc, char** argv) {
  const bool asks = argc > 1 && (std::string_view(argv[1]) == "--help" || std::string_view(argv[1]) == "-h");
  if (argc < 2 || asks) {
    std::fputs(
        "usage: polyquant-conformance PLUGIN.so...\nAll checks of everything that the plugins register.\n",
        asks ? stdout : stderr);
    return asks ? 0 : 2;
  }
  try {
    PluginRegistry registry;
    for (int i = 1; i < argc; ++i) registry.load(argv[i]);
    const Totals totals = check_all(registry);
    std::printf("%d checks, %d failed, %d skipped\n", totals.checks, totals.failed, totals.skipped);
    return totals.failed > 0 ? 1 : totals.skipped > 0 ? kSkipped : 0;
  } catch (const Error& error) {
    std::fprintf(stderr, "polyquant-conformance: %s\n", error.what());
    return error.exit_code();
  } catch (const std::exception& error) {
    std::fprintf(stderr, "polyquant-conformance: %s\n", error.what());
    return 1;
  }
}
