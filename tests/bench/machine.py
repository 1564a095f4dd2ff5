"""What the tables of the benchmarks say of the machine."""
import pathlib
import platform


def processor():
    """Name of the processor."""
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":")[1].strip()
    return platform.processor()
