"""The plugin ABI number follows the SDK: framework/include/polyquant/abi.lock knows what the headers that plugins share with the program
looked like at the number of abi.hpp. After a change that is more than comments and layout:

  1. raise PQ_ABI_VERSION in framework/include/polyquant/abi.hpp and add one line to the history above it
  2. python3 scripts/lint/abi_lock.py --refresh

The toolbox (codec/) and the checks (testing/) are free: they are compiled into each plugin, and nothing of them is shared.
"""

import hashlib
import re
import sys
from pathlib import Path

from common import report

SDK = Path("framework/include/polyquant")
LOCK = SDK / "abi.lock"
REFRESH = "python3 scripts/lint/abi_lock.py --refresh"
HEAD = f"# The SDK's headers at an ABI number, without comments and white space. Written by: {REFRESH}\n"
TOKEN = re.compile(r"""(?P<comment>//[^\n]*|/\*.*?\*/)|(?P<raw>R"(\w*)\(.*?\)\3")|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'"""
                   r"""|\w+(?:'\w+)*|[^\s\w]""", re.DOTALL)


def tokens(text):
    return [match.group() for match in TOKEN.finditer(text) if not match.group("comment")]


def digest(path):
    return hashlib.sha256("\n".join(tokens(path.read_text(encoding="utf-8"))).encode()).hexdigest()[:32]


def shared_headers():
    """All but abi.hpp, whose number stands in the lock, and host_math.hpp, which is compiled into each backend; the generated version.hpp lies
    elsewhere."""
    names = (path.relative_to(SDK) for path in SDK.rglob("*.hpp"))
    return sorted(str(name) for name in names if name.parts[0] not in ("codec", "testing", "abi.hpp", "host_math.hpp"))


def number_and_history():
    text = (SDK / "abi.hpp").read_text(encoding="utf-8")
    number = int(re.search(r"#define PQ_ABI_VERSION (\d+)", text).group(1))
    return number, [int(n) for n in re.findall(r"^//\s+(\d+)  \S", text, re.MULTILINE)]


def locked():
    lines = [line.split() for line in LOCK.read_text(encoding="utf-8").splitlines() if line and not line.startswith("#")]
    return int(lines[0][1]), {name: value for value, name in lines[1:]}


def differences(now):
    number, before = locked()
    return number, sorted(name for name in {*now, *before} if now.get(name) != before.get(name))


def problems(now):
    number, history = number_and_history()
    found = []
    if history != list(range(1, number + 1)):
        found.append(f"{SDK}/abi.hpp: the history must have one line for each number from 1 to {number}")
    if not LOCK.is_file():
        return [*found, f"{LOCK}: missing; run {REFRESH}"]
    lock_number, changed = differences(now)
    if changed and number <= lock_number:
        found.append(f"{', '.join(changed)}: changed since ABI {lock_number}; raise PQ_ABI_VERSION in {SDK}/abi.hpp to "
                     f"{lock_number + 1}, add a line to its history, then run {REFRESH}")
    elif changed or number != lock_number:
        found.append(f"{LOCK}: is of ABI {lock_number}, the headers are of {number}; run {REFRESH}")
    return found


def refresh(now):
    number, _ = number_and_history()
    if LOCK.is_file():
        lock_number, changed = differences(now)
        if changed and number <= lock_number:
            report([f"{', '.join(changed)}: changed since ABI {lock_number}; raise PQ_ABI_VERSION in {SDK}/abi.hpp first"])
    LOCK.write_text(HEAD + f"abi {number}\n" + "".join(f"{value}  {name}\n" for name, value in now.items()), encoding="utf-8")


def main():
    now = {name: digest(SDK / name) for name in shared_headers()}
    if sys.argv[1:] == ["--refresh"]:
        refresh(now)
    else:
        report(problems(now))


main()
