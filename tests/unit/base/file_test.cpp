#include <polyquant/base/file.hpp>

#include "base/support.hpp"

#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#include <catch2/catch.hpp>

#include <string_view>
#include <thread>

using namespace pq;
using test::message_of;
using test::read_file;
using test::TempFolder;
using test::write_file;
namespace fs = std::filesystem;

namespace {
Bytes bytes_of(std::string_view text) { return std::as_bytes(std::span(text.data(), text.size())); }
std::string text_of(Bytes bytes) { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }
}  // namespace

TEST_CASE("mapped file: shows the file's bytes and survives a release", "[file][unit]") {
  const TempFolder folder;
  const std::string content(20000, 'q');
  write_file(folder / "in", content);
  const MappedFile file(folder / "in");
  CHECK(file.size() == 20000);
  file.release(0, 20000);
  file.release(5000, UINT64_MAX);
  file.release(UINT64_MAX, 1);
  CHECK(text_of(file.bytes()) == content);
  CHECK(text_of(file.bytes(4095, 3)) == "qqq");
}

TEST_CASE("mapped file: an empty file has no bytes", "[file][unit]") {
  const TempFolder folder;
  write_file(folder / "empty", "");
  CHECK(MappedFile(folder / "empty").bytes().empty());
}

TEST_CASE("mapped file: what is no readable file is refused with its name", "[file][unit]") {
  const TempFolder folder;
  ::mkfifo((folder / "pipe").c_str(), 0600);
  const auto refusal = [](const fs::path& path) {
    return message_of<FormatError>([&] { MappedFile file(path); });
  };
  CHECK(refusal(folder / "none") ==
        (folder / "none").string() + ": cannot be opened: No such file or directory");
  CHECK(refusal(folder.path()) == folder.path().string() + ": cannot be opened: it is a folder");
  CHECK_THAT(refusal(folder / "pipe"), Catch::Contains("not a regular file"));
}

TEST_CASE("files: too little memory and too many open files are no fault of the file", "[file][unit]") {
  const TempFolder folder;
  const int file = ::memfd_create("larger than any memory", 0);
  REQUIRE(::ftruncate(file, INT64_C(1) << 60) == 0);
  const fs::path path = "/proc/self/fd/" + std::to_string(file);
  CHECK_THAT(message_of<ResourceError>([&] { MappedFile mapped(path); }),
             Catch::StartsWith(path.string() + ": cannot be opened: Cannot allocate memory") &&
                 Catch::Contains("ulimit -v"));
  ::close(file);

  write_file(folder / "in", "text");
  struct ::rlimit before = {};
  REQUIRE(::getrlimit(RLIMIT_NOFILE, &before) == 0);
  const struct ::rlimit none = {0, before.rlim_max};
  std::vector<std::string> said;
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &none) == 0);
  said.push_back(message_of<ResourceError>([&] { MappedFile mapped(folder / "in"); }));
  said.push_back(message_of<ResourceError>([&] { read_text_file(folder / "in", 9); }));
  said.push_back(message_of<ResourceError>([&] { PartialFile out(folder / "out", 9); }));
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &before) == 0);
  for (const std::string& message : said)
    CHECK_THAT(message, Catch::Contains("Too many open files; raise the limit of open files (ulimit -n)"));
  CHECK_FALSE(fs::exists(folder / "out.partial"));
}

TEST_CASE("files: a pointer of git-lfs is told from what it stands for", "[file][unit]") {
  const TempFolder folder;
  const std::string pointer =
      "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a2146\nsize 269060552\n";
  write_file(folder / "model.safetensors", pointer);
  const std::string expected = (folder / "model.safetensors").string() +
                               ": is a git-lfs pointer, not the file itself; `git lfs pull` in its folder "
                               "fetches what it stands for";
  CHECK(message_of<FormatError>([&] { MappedFile file(folder / "model.safetensors"); }) == expected);
  CHECK(message_of<FormatError>([&] { read_text_file(folder / "model.safetensors", 1000); }) == expected);
  write_file(folder / "text", pointer + std::string(2000, 'a'));  // somebody's text about git-lfs
  CHECK(MappedFile(folder / "text").size() > 2000);
}

TEST_CASE("read_text_file: reads small files and refuses larger ones", "[file][unit]") {
  const TempFolder folder;
  write_file(folder / "a", std::string(100, 'a'));
  CHECK(read_text_file(folder / "a", 100).size() == 100);
  CHECK(read_text_file(folder / "a", UINT64_MAX).size() == 100);
  CHECK_THROWS_AS(read_text_file(folder / "a", 99), FormatError);
  CHECK_THROWS_AS(read_text_file(folder / "b", 99), FormatError);
  CHECK_THROWS_AS(read_text_file(folder.path(), 99), FormatError);
  CHECK_FALSE(read_text_file("/proc/self/status", 1 << 20).empty());  // claims zero bytes
}

TEST_CASE("partial file: has its final name only when it is sealed", "[file][unit]") {
  const TempFolder folder;
  PartialFile file(folder / "out", 6);
  CHECK(fs::file_size(folder / "out.partial") == 6);
  file.write(3, bytes_of("def"));
  file.write(0, bytes_of("abc"));
  CHECK_FALSE(fs::exists(folder / "out"));
  file.seal();
  CHECK(read_file(folder / "out") == "abcdef");
  CHECK_FALSE(fs::exists(folder / "out.partial"));
}

TEST_CASE("partial file: nothing is left of a file that is not sealed", "[file][unit]") {
  const TempFolder folder;
  { PartialFile file(folder / "out", 6); }
  CHECK(fs::is_empty(folder.path()));
}

TEST_CASE("partial file: a kept one is continued with resume, and refused without", "[file][unit]") {
  const TempFolder folder;
  {
    PartialFile file(folder / "out", 4);
    file.write(0, bytes_of("ab"));
    file.keep();
  }
  {
    PartialFile file(folder / "out", 4, true);
    file.write(2, bytes_of("cd"));
    file.keep();
  }
  CHECK(read_file(folder / "out.partial") == "abcd");
  CHECK_THAT(message_of<ConfigError>([&] { PartialFile fresh(folder / "out", 4); }),
             Catch::Contains("exists"));
  CHECK(read_file(folder / "out.partial") == "abcd");
}

TEST_CASE("partial file: an existing output stays until the new one is sealed", "[file][unit]") {
  const TempFolder folder;
  write_file(folder / "out", "old");
  PartialFile file(folder / "out", 3);
  file.write(0, bytes_of("new"));
  CHECK(read_file(folder / "out") == "old");
  file.seal();
  CHECK(read_file(folder / "out") == "new");
}

TEST_CASE("partial file: a size beyond the disk is refused and leaves nothing", "[file][unit]") {
  const TempFolder folder;
  const std::uint64_t size = GENERATE(std::uint64_t{1} << 60, std::uint64_t{UINT64_MAX});
  const std::string text = message_of<ResourceError>([&] { PartialFile file(folder / "out", size); });
  CHECK_THAT(text, Catch::Contains("out.partial") && Catch::Contains("EiB") && Catch::Contains("free"));
  CHECK(fs::is_empty(folder.path()));
}

TEST_CASE("partial file: a folder that does not exist, or in place of the file, is a configuration error",
          "[file][unit]") {
  const TempFolder folder;
  CHECK_THROWS_AS(PartialFile(folder / "none/out", 1), ConfigError);
  CHECK_THROWS_AS(PartialFile(folder.path(), 1), ConfigError);
}

TEST_CASE("partial file: a second writer of the same output is refused", "[file][unit]") {
  const TempFolder folder;
  PartialFile first(folder / "out", 3);
  first.write(0, bytes_of("abc"));
  const std::string text = message_of<ConfigError>([&] { PartialFile second(folder / "out", 3); });
  CHECK_THAT(text, Catch::Contains("another process is writing it"));
  first.seal();
  CHECK(read_file(folder / "out") == "abc");
}

TEST_CASE("partial file: a write outside of the file is a defect", "[file][unit]") {
  const TempFolder folder;
  PartialFile file(folder / "out", 3);
  CHECK_THROWS_AS(file.write(1, bytes_of("abc")), InternalError);
  CHECK_THROWS_AS(file.write(UINT64_MAX, bytes_of("abc")), InternalError);
}

TEST_CASE("partial folder: has its final name only when it is sealed", "[file][unit]") {
  const TempFolder folder;
  PartialFolder out(folder / "out/");
  write_file(out.partial_path() / "a", "1");
  CHECK_FALSE(fs::exists(folder / "out"));
  out.seal();
  CHECK(read_file(folder / "out" / "a") == "1");
  CHECK_FALSE(fs::exists(folder / "out.partial"));
}

TEST_CASE("partial folder: replaces an existing folder as a whole", "[file][unit]") {
  const TempFolder folder;
  fs::create_directory(folder / "out");
  write_file(folder / "out" / "old", "1");
  PartialFolder out(folder / "out");
  write_file(out.partial_path() / "new", "2");
  CHECK(fs::exists(folder / "out" / "old"));
  out.seal();
  CHECK_FALSE(fs::exists(folder / "out" / "old"));
  CHECK(fs::exists(folder / "out" / "new"));
  CHECK(std::distance(fs::directory_iterator(folder.path()), fs::directory_iterator()) == 1);
}

TEST_CASE("partial folder: one that is there is resumed or refused, and is removed or kept at the end",
          "[file][unit]") {
  const TempFolder folder;
  fs::create_directory(folder / "out.partial");
  write_file(folder / "out.partial" / "stale", "1");
  {
    PartialFolder out(folder / "out", true);
    CHECK(fs::exists(out.partial_path() / "stale"));
    out.keep();
  }
  CHECK_THAT(message_of<ConfigError>([&] { PartialFolder out(folder / "out"); }), Catch::Contains("exists"));
  CHECK(fs::exists(folder / "out.partial" / "stale"));
  { PartialFolder out(folder / "out", true); }
  CHECK(fs::is_empty(folder.path()));
}

TEST_CASE("partial folder: replacing a folder leaves one with a similar name alone", "[file][unit]") {
  const TempFolder folder;
  fs::create_directory(folder / "out");
  fs::create_directory(folder / "out.replaced");
  write_file(folder / "out.replaced" / "mine", "1");
  PartialFolder out(folder / "out");
  out.seal();
  CHECK(read_file(folder / "out.replaced" / "mine") == "1");
}

TEST_CASE("partial folder: a file in its place, or no parent folder, is a configuration error",
          "[file][unit]") {
  const TempFolder folder;
  write_file(folder / "file", "1");
  CHECK_THAT(message_of<ConfigError>([&] { PartialFolder out(folder / "file"); }),
             Catch::Contains("is a file"));
  CHECK_THROWS_AS(PartialFolder(folder / "none/out"), ConfigError);
}

TEST_CASE("partial file: what has got its name in the meantime stays", "[file][unit]") {
  const TempFolder folder;
  PartialFile file(folder / "out", 3);
  file.write(0, bytes_of("new"));
  write_file(folder / "out", "mine");
  CHECK_THAT(message_of<ResourceError>([&] { file.seal(); }), Catch::Contains("has appeared"));
  CHECK(read_file(folder / "out") == "mine");
  fs::remove(folder / "out");
  file.seal();
  CHECK(read_file(folder / "out") == "new");
}

TEST_CASE("partial folder: what has got its name in the meantime stays", "[file][unit]") {
  const TempFolder folder;
  PartialFolder out(folder / "out");
  write_file(out.partial_path() / "new", "2");
  fs::create_directory(folder / "out");
  write_file(folder / "out" / "thesis.txt", "mine");
  CHECK_THAT(message_of<ResourceError>([&] { out.seal(); }), Catch::Contains("has appeared"));
  CHECK(read_file(folder / "out" / "thesis.txt") == "mine");
  CHECK(fs::exists(out.partial_path() / "new"));
}

TEST_CASE("text file: a pipe is read when its writer comes", "[file][unit]") {
  const TempFolder folder;
  REQUIRE(::mkfifo((folder / "pipe").c_str(), 0600) == 0);
  std::thread writer([&] { write_file(folder / "pipe", "version: 1"); });  // opening waits for the reader
  const std::string text = read_text_file(folder / "pipe", 99);
  writer.join();
  CHECK(text == "version: 1");
}
