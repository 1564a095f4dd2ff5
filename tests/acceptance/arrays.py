"""numpy for the acceptance scripts, or a skipped script."""
from common import skip

try:
    import numpy as np  # noqa: F401
except ImportError as error:
    skip(f"numpy cannot be used here: {error}")
