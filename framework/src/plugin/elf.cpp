// Why not boost::dll::library_info: as of Boost 1.74 it reads .symtab, which a stripped library has not, resolves names in whichever string
// table comes last in the file, and trusts every size in the headers.
#include "plugin/elf.hpp"

#include <polyquant/base/error.hpp>

#include <elf.h>

#include <bit>
#include <cstring>

namespace pq {
namespace {

#if defined(__x86_64__)
constexpr ::Elf64_Half kMachine = EM_X86_64;
#elif defined(__aarch64__)
constexpr ::Elf64_Half kMachine = EM_AARCH64;
#else
#error "add the ELF machine number of this processor"
#endif

[[noreturn]] void refuse(const std::string& reason) { throw PluginError(reason); }

bool inside(Bytes file, std::uint64_t offset, std::uint64_t count) noexcept {
  return offset <= file.size() && count <= file.size() - offset;
}

::Elf64_Ehdr read_header(Bytes file) {
  if (file.size() < sizeof(::Elf64_Ehdr) || std::memcmp(file.data(), ELFMAG, SELFMAG) != 0)
    refuse("it is no ELF file");
  const auto header = load<::Elf64_Ehdr>(file.data());
  if (header.e_ident[EI_CLASS] != ELFCLASS64 || header.e_ident[EI_DATA] != ELFDATA2LSB)
    refuse("it is not 64-bit little-endian");
  if (header.e_machine != kMachine) refuse("it was built for another kind of processor");
  if (header.e_type != ET_DYN) refuse("it is no shared library");
  if (header.e_phentsize != sizeof(::Elf64_Phdr) || header.e_shentsize != sizeof(::Elf64_Shdr))
    refuse("its ELF header is damaged");
  return header;
}

// The loader maps these ranges; a page beyond the end of the file would end the program with SIGBUS.
void check_segments(Bytes file, const ::Elf64_Ehdr& header) {
  if (!inside(file, header.e_phoff, std::uint64_t{header.e_phnum} * sizeof(::Elf64_Phdr)))
    refuse("it is truncated or damaged");
  bool loads = false, dynamic = false;
  for (std::size_t i = 0; i < header.e_phnum; ++i) {
    const auto segment = load<::Elf64_Phdr>(file.data() + header.e_phoff + i * sizeof(::Elf64_Phdr));
    if (segment.p_type == PT_LOAD || segment.p_type == PT_DYNAMIC) {
      if (!inside(file, segment.p_offset, segment.p_filesz)) refuse("it is truncated or damaged");
      if (segment.p_filesz > segment.p_memsz) refuse("its ELF header is damaged");
    }
    if (segment.p_type == PT_LOAD && segment.p_align > 1 && !std::has_single_bit(segment.p_align))
      refuse("its ELF header is damaged");
    loads |= segment.p_type == PT_LOAD;
    dynamic |= segment.p_type == PT_DYNAMIC;
  }
  if (!loads || !dynamic) refuse("it is no shared library");
}

std::vector<::Elf64_Shdr> read_sections(Bytes file, const ::Elf64_Ehdr& header) {
  // The section table is the last thing that linkers write, so this also finds nearly every truncated file.
  if (!inside(file, header.e_shoff, std::uint64_t{header.e_shnum} * sizeof(::Elf64_Shdr)))
    refuse("it is truncated or damaged");
  std::vector<::Elf64_Shdr> sections(header.e_shnum);
  for (std::size_t i = 0; i < sections.size(); ++i) {
    sections[i] = load<::Elf64_Shdr>(file.data() + header.e_shoff + i * sizeof(::Elf64_Shdr));
    const bool stored = sections[i].sh_type != SHT_NOBITS && sections[i].sh_type != SHT_NULL;
    if (stored && !inside(file, sections[i].sh_offset, sections[i].sh_size))
      refuse("it is truncated or damaged");
  }
  return sections;
}

// The text at `offset` of a string table; empty if it has no end there.
std::string_view string_at(Bytes table, std::uint64_t offset) noexcept {
  if (offset >= table.size()) return {};
  const auto* begin = reinterpret_cast<const char*>(table.data()) + offset;
  const void* end = std::memchr(begin, '\0', table.size() - offset);
  if (end == nullptr) return {};
  return {begin, static_cast<std::size_t>(static_cast<const char*>(end) - begin)};
}

bool is_exported_data(const ::Elf64_Sym& symbol) noexcept {
  const unsigned binding = ELF64_ST_BIND(symbol.st_info);
  const unsigned visibility = ELF64_ST_VISIBILITY(symbol.st_other);
  return symbol.st_shndx != SHN_UNDEF && (binding == STB_GLOBAL || binding == STB_WEAK) &&
         ELF64_ST_TYPE(symbol.st_info) == STT_OBJECT &&
         (visibility == STV_DEFAULT || visibility == STV_PROTECTED);
}

}  // namespace

std::vector<LibrarySymbol> exported_symbols(Bytes file, std::string_view prefix) {
  const ::Elf64_Ehdr header = read_header(file);
  check_segments(file, header);
  const std::vector<::Elf64_Shdr> sections = read_sections(file, header);
  std::vector<LibrarySymbol> found;
  for (const ::Elf64_Shdr& section : sections) {
    if (section.sh_type != SHT_DYNSYM) continue;
    if (section.sh_link >= sections.size() || sections[section.sh_link].sh_type != SHT_STRTAB)
      refuse("its symbol table is damaged");
    const ::Elf64_Shdr& strings = sections[section.sh_link];
    const Bytes names = file.subspan(strings.sh_offset, strings.sh_size);
    for (std::uint64_t i = 0; i < section.sh_size / sizeof(::Elf64_Sym); ++i) {
      const auto symbol = load<::Elf64_Sym>(file.data() + section.sh_offset + i * sizeof(::Elf64_Sym));
      const std::string_view name = string_at(names, symbol.st_name);
      if (name.starts_with(prefix) && is_exported_data(symbol))
        found.push_back({std::string(name), symbol.st_size});
    }
  }
  return found;
}

}  // namespace pq
