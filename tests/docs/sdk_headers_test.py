#!/usr/bin/env python3
"""What scripts/sdk_headers.py reads, and what scripts/plugin_interface.py finds missing on a page."""
import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "scripts"))
import plugin_interface  # noqa: E402
import sdk_headers  # noqa: E402

HEADER = """namespace pq {
/// Makes things.
class Maker {
 public:
  virtual ~Maker() = default;
  /// One.
  virtual int make(int count, std::span<const float> weights = {}) const = 0;
  virtual int make(std::string name) { return 0; }  // virtual in name

 protected:
  virtual void
  reset() = 0;
};
}  // namespace pq
"""


class Headers(unittest.TestCase):
    def test_overloads_and_broken_lines_are_found_with_their_arguments(self):
        self.assertEqual(list(sdk_headers.virtual_functions(HEADER)),
                         [("Maker", "int make(int count, std::span<const float> weights = {}) const"), ("Maker", "int make(std::string name)"),
                          ("Maker", "void reset()")])

    def test_the_page_reads_protected_functions_too(self):
        declaration, = sdk_headers.declarations(HEADER)
        found = [item.signature for item in sdk_headers.functions_of(declaration) if not isinstance(item, str)]
        self.assertEqual(found, [signature for _, signature in sdk_headers.virtual_functions(HEADER)])

    def test_a_class_without_end_is_named(self):
        with self.assertRaisesRegex(ValueError, r"^Maker \(line 3\) has no end: [^\n]*$"):
            sdk_headers.declarations(HEADER.replace("};", "}"))


class Page(unittest.TestCase):
    def test_the_page_lacks_nothing(self):
        self.assertEqual(list(plugin_interface.unnamed(plugin_interface.page())), [])

    def test_an_overload_that_is_missing_is_found(self):
        page = plugin_interface.page()
        line = "- `void add(FormatEntry entry)`"
        self.assertIn(line, page)
        self.assertEqual([what.split(": ", 1)[1] for what in plugin_interface.unnamed(page.replace(line, "- add(FormatEntry)"))],
                         ["Registry: void add(FormatEntry entry)"])

    def test_a_function_of_another_class_does_not_count(self):
        page = plugin_interface.page()
        begin, end = page.index("### HostMath"), page.index("\n##", page.index("### HostMath"))
        moved = page[:begin] + "### Other\n" + page[begin + len("### HostMath"):end] + page[end:]
        self.assertEqual([what.split(": ")[1] for what in plugin_interface.unnamed(moved)], ["HostMath"])


if __name__ == "__main__":
    unittest.main()
