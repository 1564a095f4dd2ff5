// The file is checked before the system's loader sees it. These tests stay with that check: nothing is loaded.
#include "plugin/elf.hpp"

#include "support.hpp"

#include <polyquant/abi.hpp>
#include <polyquant/testing/synthetic.hpp>

#include <elf.h>
#include <catch2/catch.hpp>

using namespace pq;

namespace {

std::vector<std::byte> library() {
  const std::string text = test::read_file(test::plugin("variant_plain"));
  const auto bytes = std::as_bytes(std::span(text.data(), text.size()));
  return {bytes.begin(), bytes.end()};
}

// The exact size on the heap, so that the address sanitizer sees every read beyond it.
bool is_refused(std::vector<std::byte> bytes) {
  bytes.shrink_to_fit();
  try {
    exported_symbols(bytes, "polyquant_plugin_abi_");
    return false;
  } catch (const PluginError&) {
    return true;
  }
}

}  // namespace

TEST_CASE("elf: finds the plugin's symbol and its size", "[plugin][elf]") {
  const auto symbols = exported_symbols(library(), "polyquant_plugin_abi_");
  REQUIRE(symbols.size() == 1);
  CHECK(symbols[0].name == "polyquant_plugin_abi_" + std::to_string(PQ_ABI_VERSION));
  CHECK(symbols[0].size == 5 * sizeof(void*));
  CHECK(exported_symbols(library(), "no_such_prefix").empty());
}

TEST_CASE("elf: every cut is refused", "[plugin][elf]") {
  const std::vector<std::byte> whole = library();
  for (std::size_t size = 0; size < whole.size(); size += size < 128 ? 1 : 97) {
    const bool refused = is_refused({whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size)});
    if (!refused) FAIL_CHECK("cut to " << size << " of " << whole.size() << " bytes it is accepted");
  }
}

TEST_CASE("elf: other kinds of ELF files are refused", "[plugin][elf]") {
  const auto changed = [](std::size_t offset, unsigned char value) {
    std::vector<std::byte> bytes = library();
    bytes[offset] = std::byte{value};
    return bytes;
  };
  CHECK(is_refused(changed(EI_CLASS, ELFCLASS32)));
  CHECK(is_refused(changed(EI_DATA, ELFDATA2MSB)));
  CHECK(is_refused(changed(offsetof(Elf64_Ehdr, e_type), ET_EXEC)));
  CHECK(is_refused(changed(offsetof(Elf64_Ehdr, e_type), ET_REL)));
  CHECK(is_refused(changed(offsetof(Elf64_Ehdr, e_machine), EM_SPARC)));
  CHECK(is_refused(changed(offsetof(Elf64_Ehdr, e_shentsize), 1)));
}

TEST_CASE("elf: damaged headers and tables never lead out of the file", "[plugin][elf]") {
  const std::vector<std::byte> whole = library();
  const auto header = load<Elf64_Ehdr>(whole.data());
  // Where headers and tables are: the file's begin, the section headers, and the dynamic symbols (among the first 4 KiB).
  const auto sections = static_cast<std::size_t>(header.e_shoff);
  testing::Random random(2026);
  int refused = 0;
  for (int i = 0; i < 800; ++i) {
    std::vector<std::byte> bytes = whole;
    for (int n = 0; n < 4; ++n) {
      const std::size_t area = random.below(3);
      const std::size_t at = area == 0   ? random.below(64 + 56 * 9)
                             : area == 1 ? random.below(4096)
                                         : sections + random.below(bytes.size() - sections);
      bytes[std::min(at, bytes.size() - 1)] =
          static_cast<std::byte>(random.below(4) == 0 ? 0xFF : random.bits());
    }
    refused += is_refused(std::move(bytes)) ? 1 : 0;
  }
  CHECK(refused > 0);
}

TEST_CASE("elf: sizes and offsets at the edge of 64 bits are refused", "[plugin][elf]") {
  const std::size_t offset = GENERATE(offsetof(Elf64_Ehdr, e_shoff), offsetof(Elf64_Ehdr, e_phoff));
  const std::uint64_t value =
      GENERATE(std::uint64_t{UINT64_MAX}, std::uint64_t{UINT64_MAX - 63}, std::uint64_t{1} << 63);
  std::vector<std::byte> bytes = library();
  store(bytes.data() + offset, value);
  CHECK(is_refused(bytes));
}
