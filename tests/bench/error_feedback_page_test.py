#!/usr/bin/env python3
"""What tests/bench/error_feedback_page.py makes of results: tables of one text and number of chunks, seeds of every row, nothing counted twice."""
import unittest

import error_feedback_page as page

ABOUT = {"model": "M", "polyquant": "polyquant 1", "date": "2026-01-02"}


def result(quantizer, seed, mean, chunks=16, kind="q4_0"):
    return {"type": kind, "quantizer": quantizer, "seed": seed, "samples": 8, "length": 512, "text": "a.txt", "chunks": chunks, "tokens": 255 * chunks,
            "mean": mean, "error": 0.01, "median": mean / 2, "p99": 1, "same_top": 1}


def recipe(chunks):
    judged = {"bytes": 1000000, "mean": 0.1 * chunks, "stderr": 0.01, "median": 0.1}
    return {"recipe": "q4_k_m", "text": "a.txt", "chunks": chunks, "seed": 0, "samples": 8, "length": 512, "tokens": 255 * chunks, "ours": judged,
            "theirs": judged, "difference": 0.0, "difference_stderr": 0.01}


def written(results, recipes=(), **about):
    return page.markdown(ABOUT | about | {"results": results, "recipes": list(recipes)})


def table(text, beginning, columns=8):
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in text.splitlines() if line.startswith(f"| {beginning} |")]
    return [row for row in rows if len(row) == columns]


class Page(unittest.TestCase):
    def test_results_of_other_numbers_of_chunks_have_tables_of_their_own(self):
        text = written([result("plain", 0, 0.2), result("gptq", 0, 0.1), result("plain", 0, 0.4, 4), result("gptq", 0, 0.3, 4)])
        self.assertEqual([row[5] for row in table(text, "q4_0")], ["-50.0 %", "-25.0 %"])
        self.assertIn("16 chunks of a.txt\n\n4080 scored", text)
        self.assertIn("4 chunks of a.txt\n\n1020 scored", text)

    def test_recipes_of_other_numbers_of_chunks_too(self):
        text = written([], [recipe(16), recipe(4)])
        self.assertEqual([row[4].split()[0] for row in table(text, "q4_k_m", 9)], ["1.6000", "0.4000"])
        self.assertEqual(text.count("## Whole recipes"), 2)

    def test_every_row_says_its_seeds_and_rows_of_a_type_can_be_compared(self):
        text = written([result("plain", 0, 0.2), result("plain", 1, 0.3), result("gptq", 0, 0.1), result("gptq", 1, 0.12), result("gptq:refine=c", 1, 0.15)])
        self.assertEqual([(row[1], row[2], row[5]) for row in table(text, "q4_0")],
                         [("gptq", "0, 1", "-50.0, -60.0 %"), ("gptq", "1", "-60.0 %"), ("gptq:refine=c", "1", "-50.0 %")])

    def test_rows_without_common_seeds_stand_alone(self):
        text = written([result("plain", 0, 0.2), result("plain", 1, 0.3), result("gptq", 0, 0.1), result("gptq:refine=c", 1, 0.15)])
        self.assertEqual([(row[1], row[2]) for row in table(text, "q4_0")], [("gptq", "0"), ("gptq:refine=c", "1")])

    def test_a_missed_bound_names_the_seed(self):
        text = written([result("plain", 3, 0.2), result("gptq", 3, 0.19)])
        self.assertEqual(table(text, "q4_0")[0][7], "-45, **missed** with seed 3")

    def test_lists_of_quantizers_come_last_and_are_asked_for_as_much(self):
        text = written([result("plain", 0, 0.2), result("awq+gptq", 0, 0.15), result("gptq:refine=c", 0, 0.12), result("gptq", 0, 0.1)])
        self.assertEqual([(row[1], row[7]) for row in table(text, "q4_0")],
                         [("gptq", "-45"), ("gptq:refine=c", ""), ("awq+gptq", "-45, **missed** with seed 0")])
        self.assertIn("`awq+gptq` is the list", text)
        self.assertNotIn("`awq+gptq` is the list", written([result("gptq", 0, 0.1)]))

    def test_recipes_say_their_quantizer(self):
        text = written([], [recipe(16) | {"quantizer": "awq+gptq"}, recipe(16), recipe(16) | {"quantizer": "gptq:refine=c"}])
        self.assertEqual([(row[1], row[8]) for row in table(text, "q4_k_m", 9)],
                         [("gptq", "-25, **missed**"), ("gptq:refine=c", ""), ("awq+gptq", "-25, **missed**")])
        self.assertIn("`awq+gptq` is the list", text)

    def test_settings_stand_beside_the_default_of_the_same_seed(self):
        text = written([result("gptq", 0, 0.1), result("gptq", 1, 0.2), result("gptq:order=groups", 0, 0.11), result("gptq:order=groups", 1, 0.19),
                        result("gptq:refine=c", 1, 0.21), result("gptq:refine=0", 2, 0.3)])
        self.assertEqual(table(text, "q4_0", 5), [["q4_0", "order=groups", "+10.0 / +10.0 %", "-5.0 / -5.0 %", "+2.5 / +2.5 %"],
                                                  ["q4_0", "refine=c", "", "+5.0 / +5.0 %", "+5.0 / +5.0 %"]])
        self.assertIn("| setting | a.txt, 16 chunks, seed 0 | a.txt, 16 chunks, seed 1 | in the mean |", text)
        self.assertNotIn("settings beside", written([result("gptq", 0, 0.1)]))
        text = written([result("gptq", 0, 0.1), result("awq+gptq", 0, 0.09), result("rtn", 0, 0.3)])
        self.assertEqual(table(text, "q4_0", 4), [["q4_0", "awq+gptq", "-10.0 / -10.0 %", "-10.0 / -10.0 %"]])

    def test_what_the_results_say_of_the_machine(self):
        self.assertIn("made by polyquant 1, 2026-01-02.", written([]))
        self.assertIn("made by polyquant 1 (commit abc), CPU 9, 2 threads, 2026-01-02.", written([], commit="abc", processor="CPU 9", threads=2))

    def test_parts_are_joined_once(self):
        parts = [ABOUT | {"results": [result("gptq", 0, 0.1)], "recipes": []}, ABOUT | {"results": [result("gptq", 0, 0.1), result("gptq", 1, 0.1)], "recipes": []}]
        self.assertEqual(len(page.joined(parts)["results"]), 2)
        parts[1]["results"][0] = result("gptq", 0, 0.2)
        self.assertRaises(SystemExit, lambda: page.joined(parts))
        self.assertRaises(SystemExit, lambda: page.joined([parts[0], parts[1] | {"model": "other"}]))
        parts = [ABOUT | {"results": [], "recipes": [recipe(16)]}, ABOUT | {"results": [], "recipes": [recipe(16) | {"quantizer": "awq+gptq"}]}]
        self.assertEqual(len(page.joined(parts)["recipes"]), 2)
        parts = [ABOUT | {"results": [], "recipes": [recipe(16)]}, ABOUT | {"results": [], "recipes": [recipe(16) | {"quantizer": "gptq"}]}]
        self.assertEqual(len(page.joined(parts)["recipes"]), 1)


if __name__ == "__main__":
    unittest.main()
