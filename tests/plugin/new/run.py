"""Makes a plugin of one kind with an installed polyquant, and does with it what its README says:  run.py CMAKE BUILD_FOLDER KIND"""
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

NAME = "my_first"
WARNINGS = "-Wall -Wextra -Wconversion -Wshadow -Werror"  # a project to start from begins without any


def run(command, **options):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **options)
    if done.returncode != 0:
        sys.exit(f"{command} failed with exit code {done.returncode}:\n{done.stdout}")
    return done.stdout


def main():
    cmake, build, kind = sys.argv[1:]
    with tempfile.TemporaryDirectory(prefix="polyquant-new-") as scratch:
        scratch = pathlib.Path(scratch)
        prefix, project = scratch / "prefix", scratch / NAME
        run([cmake, "--install", build, "--prefix", str(prefix)])
        environment = {name: value for name, value in os.environ.items() if not name.startswith("POLYQUANT_")}
        environment.update(PATH=f"{prefix / 'bin'}:{os.environ['PATH']}", CMAKE_PREFIX_PATH=str(prefix), CXXFLAGS=WARNINGS)
        run(["polyquant", "new", "plugin", NAME, "--kind", kind], cwd=scratch, env=environment)

        readme = (project / "README.md").read_text(encoding="utf-8")
        commands = re.search(r"^```sh\n(.*?)^```$", readme, re.MULTILINE | re.DOTALL).group(1)
        # The last line uses the plugin; that of formats needs a model, which the conformance suite brings along.
        commands = "".join(line for line in commands.splitlines(True) if "MODEL" not in line)
        output = run(["sh", "-euxc", commands], cwd=project, env=environment)
        for test in (f"conformance.{NAME}", NAME):
            if not re.search(rf"Test +#\d+: {re.escape(test)} \.+ +Passed", output):
                sys.exit(f"the test {test} did not pass; the output was:\n{output}")

        plugins = json.loads(run(["polyquant", "plugins", "--json", "--plugin-path", "build"], cwd=project, env=environment))
        provided = next(p["provides"] for p in plugins if p["name"] == NAME)
        if [(p["kind"], p["id"]) for p in provided] != [(kind, NAME)]:
            sys.exit(f"`polyquant plugins` says that it provides {provided}")
        listed = {path.name for path in project.iterdir()}
        named = set(re.findall(r"`([\w.]+\.(?:cpp|hpp))`", readme))
        if not named <= listed:
            sys.exit(f"the README names files that are not there: {sorted(named - listed)}")


if __name__ == "__main__":
    main()
