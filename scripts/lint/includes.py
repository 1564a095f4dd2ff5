"""Who may include whom: arrows point one way, and each third-party library has one place.

  cli -> run -> plan -> {allocation, calibration, evaluation, model, config} -> plugin -> base
  plugins, formats, backends -> include/polyquant only, never each other (but for a library that siblings share)
"""

import re

from common import files, report, text_lines

INCLUDE = re.compile(r'^\s*#\s*include\s+([<"])([^>"]+)[>"]')

# Modules of framework/src from the bottom up; a module includes lower levels, and its own level without cycles.
LEVELS = [["base"], ["plugin"], ["config", "model", "tokenizer", "calibration", "allocation", "evaluation", "chat", "forward"],
          ["plan"], ["run"], ["report"], ["cli"]]
LEVEL = {module: i for i, modules in enumerate(LEVELS) for module in modules}

# framework/include/polyquant/<layer>/: what it may include of the SDK.
PUBLIC_LAYERS = {"base": ("base/", "version.hpp"),
                 "codec": ("base/", "codec/", "encoding.hpp", "column_codec.hpp", "quantizer.hpp", "row_wise_encoding.hpp",
                           "options.hpp", "plugin.hpp", "version.hpp")}

# Include prefix -> the paths where it is allowed, as an expression and in words.
_POOL = (r"framework/src/base/(executor|thread_pool)\w*\.cpp$", "the thread pool in framework/src/base")
CONTAINED = {
    "yaml-cpp/": (r"framework/src/config/", "framework/src/config"),
    "boost/": (r"framework/src/plugin/", "framework/src/plugin"),
    "tbb/": _POOL,
    "oneapi/": _POOL,
    "mpi": (r"framework/src/run/ranks_mpi\w*\.cpp$", "framework/src/run/ranks_mpi.cpp"),
    "dnnl": (r"backends/cpu/products\.cpp$", "backends/cpu/products.cpp"),
    "Eigen/": (r".*\.cpp$", "a .cpp file, never a header"),
    "CLI/": (r"framework/cli/|tests/", "framework/cli"),
    "catch2/": (r"tests/", "tests"),
    "benchmark/": (r"tests/bench/", "tests/bench"),
}
THIRD_PARTY = [*CONTAINED, "fmt/", "hwy/", "nlohmann/", "pcre2", "utf8proc", "xxhash", "cuda", "cublas", "cusolver",
               "vulkan/"]
COMPONENT_PARENTS = ("plugins", "formats", "backends")


def begins(name, prefixes):
    return next((p for p in prefixes if name.startswith(p)), None)


def check_containment(path, name):
    prefix = begins(name, CONTAINED)
    if prefix and not re.match(CONTAINED[prefix][0], str(path)):
        return f"<{name}> belongs into {CONTAINED[prefix][1]}"
    return None


def check_public(path, name):
    """framework/include: the standard library and its own lower layers only; Highway in headers that end in -inl.hpp,
    which only fast kernels include."""
    if begins(name, THIRD_PARTY) and not (name.startswith("hwy/") and path.name.endswith("-inl.hpp")):
        return f"a public header must not include <{name}>: headers use the standard library only"
    layer = path.parts[3]
    if layer in PUBLIC_LAYERS and name.startswith("polyquant/"):
        if not begins(name.removeprefix("polyquant/"), PUBLIC_LAYERS[layer]):
            return f"{layer}/ must not include <{name}>"
    return None


def check_module(path, name, arrows):
    """framework/src and framework/cli."""
    module = "cli" if path.parts[1] == "cli" else path.parts[2]
    target = name.split("/")[0]
    if module not in LEVEL:
        return f"module {module} has no level in scripts/lint/includes.py"
    if target in LEVEL and target != module and "/" in name:
        if LEVEL[target] > LEVEL[module]:
            return f"{module} must not include {target} ({name})"
        arrows.setdefault(module, {}).setdefault(target, f"{path} includes {name}")
    return None


def check_component(path, quote, name, shared):
    """plugins/*, formats/*, backends/*: the SDK, their own folder, and libraries that siblings share."""
    if begins(name, THIRD_PARTY) or name.startswith("polyquant/") or "/" not in name and quote == "<":
        return None
    if quote == "<":
        return None if name.startswith("sys/") else f"<{name}> is neither the SDK nor an allowed library"
    parent, own = path.parts[0], path.parts[1]
    if ".." in name:
        return f'"{name}" leaves the folder'
    first = name.split("/")[0]
    if "/" not in name or first == own or (path.parents[len(path.parents) - 3] / first).is_dir():
        return None
    if f"{parent}/{first}" in shared:
        return None
    return f'"{name}" is neither in {parent}/{own} nor in a library that its siblings share'


def shared_folders():
    """Folders that are a library for their siblings: add_library(... STATIC|INTERFACE) without a plugin."""
    found = set()
    for path in files(".txt"):
        if path.name == "CMakeLists.txt" and path.parts[0] in COMPONENT_PARENTS and len(path.parts) == 3:
            text = path.read_text()
            if re.search(r"add_library\([^)]*\b(STATIC|INTERFACE)\b", text) and "polyquant_add_plugin(" not in text:
                found.add(f"{path.parts[0]}/{path.parts[1]}")
    return found


def cycles(arrows):
    """Pairs of modules that include each other, over any number of steps."""
    def reach(start):
        seen, stack = set(), [start]
        while stack:
            for target in arrows.get(stack.pop(), {}):
                if target not in seen:
                    seen.add(target)
                    stack.append(target)
        return seen
    for module, targets in sorted(arrows.items()):
        for target, where in sorted(targets.items()):
            if module in reach(target):
                yield f"{where}: a cycle, as {target} also leads to {module}"


def main():
    problems, arrows, shared = [], {}, shared_folders()
    for path in files(".cpp", ".hpp", ".cu", ".cuh", ".inc"):
        for number, line in enumerate(text_lines(path), 1):
            match = INCLUDE.match(line)
            if not match:
                continue
            quote, name = match.groups()
            problem = check_containment(path, name)
            if path.parts[0] == "framework" and path.parts[1] == "include":
                problem = problem or check_public(path, name)
            elif path.parts[0] == "framework":
                problem = problem or check_module(path, name, arrows)
            elif path.parts[0] in COMPONENT_PARENTS and len(path.parts) > 2:
                problem = problem or check_component(path, quote, name, shared)
            if problem:
                problems.append(f"{path}:{number}: {problem}")
    report(problems + list(cycles(arrows)))


main()
