"""The part of error_feedback.py's page that compares settings of gptq, and what stands in front of it, with its defaults."""
import statistics

EXPLAINED = """Change of the KLD against the file of the same type, text and calibration with all settings as they are by default (`gptq` above), and of `awq+gptq`, which has these settings, too: of the mean, and of the
median. A number above 0 is worse than the default. The last column is the average of the columns before it."""
SAME = ("type", "samples", "length", "seed", "text", "chunks")


def percent(now, before):
    return 100 * (now / before - 1)


def changes_of(results):
    """{(type, setting): {(text, chunks, seed): (change of the mean, change of the median)}}."""
    default = {tuple(r[f] for f in SAME): r for r in results if r["quantizer"] == "gptq"}
    changes = {}
    for r in results:
        beside = default.get(tuple(r[f] for f in SAME))
        if beside and (r["quantizer"].startswith("gptq:") or r["quantizer"].endswith("+gptq")):
            case = r["text"], r["chunks"], r["seed"]
            changes.setdefault((r["type"], r["quantizer"]), {})[case] = tuple(percent(r[key], beside[key]) for key in ("mean", "median"))
    return changes


def cell(change):
    return f"{change[0]:+.1f} / {change[1]:+.1f} %" if change else ""


def settings(results, title, order):
    """A table with a row for each type and setting; types in the order of the function."""
    changes = changes_of(results)
    if not changes:
        return []
    texts = list(dict.fromkeys(r["text"] for r in results))
    cases = sorted({case for found in changes.values() for case in found}, key=lambda case: (texts.index(case[0]), *case[1:]))
    head = [f"{text}, {chunks} chunks, seed {seed}" for text, chunks, seed in cases]
    lines = [f"## {title}: settings beside the defaults", "", EXPLAINED, "",
             "| type | " + " | ".join(["setting", *head, "in the mean"]) + " |", "|---" * (len(cases) + 3) + "|"]
    for kind, setting in sorted(changes, key=lambda row: (order(row[0]), row)):
        found = changes[kind, setting]
        average = tuple(map(statistics.mean, zip(*found.values())))
        lines.append(f"| {kind} | {' | '.join([setting.removeprefix('gptq:'), *(cell(found.get(case)) for case in cases), cell(average)])} |")
    return [*lines, ""]
