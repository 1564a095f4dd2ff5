"""Where the model is, and running the program."""
import os
import subprocess
import sys

SKIPPED = 1 if os.environ.get("POLYQUANT_REQUIRE_PEERS") == "1" else 77
MODEL = "SmolLM2-135M-Instruct"


def models_folder():
    """The folder with the small real model; ends the test as skipped if it is not there, as failed if every test is demanded."""
    home = os.environ.get("HOME", "")
    cache = os.environ.get("POLYQUANT_CACHE", os.path.join(home, ".cache/polyquant"))
    folder = os.environ.get("POLYQUANT_MODELS", os.path.join(cache, "models"))
    if not os.path.isfile(os.path.join(folder, MODEL, "config.json")):
        print(f"SKIPPED: no {MODEL} in {folder}; make it with scripts/make_model.py --model {MODEL} --out {folder}")
        sys.exit(SKIPPED)
    return os.path.abspath(folder)


def environment(polyquant, out):
    """The environment in which the blocks run: the program on the PATH, outputs in `out`."""
    env = dict(os.environ, POLYQUANT_MODELS=models_folder(), POLYQUANT_OUT=out)
    env["PATH"] = os.path.dirname(os.path.abspath(polyquant)) + os.pathsep + env["PATH"]
    return env


def page_environment(polyquant, folder):
    """The same for a page: below `folder` its folder `work` and its home folder, with what a reader has after scripts/quickstart.sh."""
    env = environment(polyquant, os.path.join(folder, "work", "out"))
    home, work = os.path.join(folder, "home"), os.path.join(folder, "work")
    cache = os.path.join(home, ".cache", "polyquant")
    os.makedirs(cache)
    os.makedirs(os.path.join(work, "build"))
    os.symlink(env["POLYQUANT_MODELS"], os.path.join(cache, "models"))
    os.symlink(env["POLYQUANT_MODELS"], os.path.join(work, "models"))
    os.symlink(os.path.dirname(os.path.dirname(os.path.abspath(polyquant))), os.path.join(work, "build", "release"))
    env["HOME"] = home
    return env


def run(command, env, folder):
    """Runs a command and returns an error text, or nothing."""
    result = subprocess.run(command, env=env, cwd=folder, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    return None if result.returncode == 0 else f"exit code {result.returncode}\n{result.stdout[-4000:]}"
