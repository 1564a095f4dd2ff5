// Numbers and expressions must not depend on the locale: German ones write 1.000,5.
#include "config/pattern.hpp"
#include "config/pipeline.hpp"
#include "config/yaml.hpp"

#include <catch2/catch.hpp>

#include <clocale>
#include <locale>
#include <string>

namespace {

struct GermanNumbers : std::numpunct<char> {
  char do_decimal_point() const override { return ','; }
  char do_thousands_sep() const override { return '.'; }
  std::string do_grouping() const override { return "\3"; }
};

// The C locale too, where the machine has a German one.
struct GermanLocale {
  GermanLocale()
      : old_(std::locale::global(std::locale(std::locale::classic(), new GermanNumbers))),
        old_c_(std::setlocale(LC_ALL, nullptr)) {
    std::setlocale(LC_ALL, "de_DE.UTF-8");
  }
  ~GermanLocale() {
    std::locale::global(old_);
    std::setlocale(LC_ALL, old_c_.c_str());
  }
  std::locale old_;
  std::string old_c_;
};

}  // namespace

TEST_CASE("locale: numbers and places read the same under a German locale", "[config][locale]") {
  const GermanLocale german;
  const pq::Node root = pq::parse_yaml("a: 1.5\nb: 1234567\nc: 1,5\n", "p.yaml");
  CHECK(root.find("a")->as_double("a") == 1.5);
  CHECK(root.find("b")->as_int("b") == 1234567);
  CHECK_THROWS_WITH(root.find("c")->as_double("c"), "p.yaml:3:4: 'c' must be a number, got '1,5'");
  const std::string lines(2000, '\n');
  CHECK_THROWS_WITH(pq::parse_pipeline(pq::parse_yaml(lines + "version: 2000\n", "p.yaml"), ""),
                    Catch::Contains("p.yaml:2001:1"));
}

TEST_CASE("locale: expressions match the same under a German locale", "[config][locale]") {
  const GermanLocale german;
  CHECK(pq::Pattern("^blk\\.[0-9]{1,3}\\.").matches("blk.12.ffn_down.weight"));
}
