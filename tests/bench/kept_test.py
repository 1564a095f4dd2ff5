#!/usr/bin/env python3
"""What tests/bench/kept.py keeps, and what it refuses."""
import json
import pathlib
import tempfile
import unittest

import kept


class Kept(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.file = pathlib.Path(folder.name) / "times.json"

    def refused(self, words, call):
        with self.assertRaises(SystemExit) as stopped:
            call()
        for word in words:
            self.assertIn(word, str(stopped.exception))
        self.assertNotIn("\n", str(stopped.exception))

    def test_a_result_is_made_once(self):
        options = {"samples": 128, "layers": range(0, 4).stop, "quantizers": ("awq", "gptq")}
        self.assertEqual(kept.result(self.file, options, lambda: {"seconds": 2.5}), {"seconds": 2.5})
        self.assertEqual(kept.result(self.file, options, lambda: self.fail("made again")), {"seconds": 2.5})

    def test_another_option_is_refused_with_both_values(self):
        kept.result(self.file, {"samples": 128, "bits": 4}, lambda: 1)
        self.refused(["times.json", "samples 128", "is 64", "another place"],
                     lambda: kept.result(self.file, {"samples": 64, "bits": 4}, lambda: self.fail("made again")))

    def test_a_result_without_options_is_refused(self):
        self.file.write_text(json.dumps({"seconds": 2.5}))
        self.refused(["does not say with which samples"], lambda: kept.result(self.file, {"samples": 64}, dict))

    def test_a_result_that_could_not_be_made_is_not_kept(self):
        self.assertRaises(ZeroDivisionError, lambda: kept.result(self.file, {}, lambda: 1 / 0))
        self.assertEqual(kept.result(self.file, {}, lambda: 1), 1)

    def test_options_of_a_folder(self):
        kept.same(self.file, {"model": "a"})
        kept.same(self.file, {"model": "a"})
        self.refused([f"{self.file.parent} was", "model a", "is b"], lambda: kept.same(self.file, {"model": "b"}))

    def test_files_of_other_content_differ(self):
        self.file.write_text("a")
        first = kept.content(self.file)
        self.file.write_text("b")
        self.assertNotEqual(first, kept.content(self.file))


if __name__ == "__main__":
    unittest.main()
