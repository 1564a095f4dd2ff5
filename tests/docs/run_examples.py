"""Runs every example pipeline, quickstart.yaml first, because others read what it writes:  run_examples.py POLYQUANT FOLDER"""
import glob
import os
import sys
import tempfile

from common import environment, run


def main():
    polyquant, folder = sys.argv[1:]
    files = sorted(glob.glob(os.path.join(folder, "*.yaml")), key=lambda f: (os.path.basename(f) != "quickstart.yaml", f))
    failures = 0
    with tempfile.TemporaryDirectory() as out:
        env = environment(polyquant, out)
        for file in files:
            error = run(["polyquant", "run", os.path.abspath(file)], env, out)
            failures += error is not None
            print(f"{os.path.basename(file)}: {error or 'ok'}")
    return 1 if failures or not files else 0


sys.exit(main())
