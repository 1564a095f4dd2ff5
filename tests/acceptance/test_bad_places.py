#!/usr/bin/env python3
"""A full disk and a folder that cannot be written: documented exit code, one sentence, nothing left behind. The disks are small tmpfs, which only
root can mount; without it the script is skipped."""
import os
import subprocess
import sys

from test_bad_inputs import TAIL, Runner


def mounted(folder, options):
    """Mounts a tmpfs; skips the script if that is not allowed."""
    folder.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)], capture_output=True).returncode != 0:
        print("SKIPPED: a tmpfs cannot be mounted here")
        sys.exit(77)


def small_disk(runner):
    disk = runner.out / "disk"
    mounted(disk, "size=64k")
    try:
        runner.expect("full disk", 4, r"disk", ["quantize", runner.clean, "--recipe", "f16", "--to", disk / "x.gguf", *TAIL], disk / "x.gguf")
        runner.checks.that(os.listdir(disk) == [], "full disk: nothing is left behind")
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def unwritable_folder(runner):
    """For root only a read-only file system is one."""
    locked = runner.out / "locked"
    if os.geteuid() == 0:
        mounted(locked, "ro")
    else:
        locked.mkdir(mode=0o500)
    try:
        runner.expect("unwritable folder", 2, r"locked", ["quantize", runner.clean, "--recipe", "q4_0", "--to", locked / "x.gguf", *TAIL])
    finally:
        if os.geteuid() == 0:
            subprocess.run(["umount", str(locked)], check=True)


def main():
    runner = Runner()
    unwritable_folder(runner)
    small_disk(runner)
    runner.checks.finish()


if __name__ == "__main__":
    main()
