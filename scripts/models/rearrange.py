"""The same function with its channels in another order, or widened.

Dequantized weights lie on the grid of their source, which a quantizer with the same blocks would find again. So the
groups of 32 or 256 neighbouring weights that shared a grid are torn apart: the result lies on no grid of its own.
"""

import hashlib

import numpy as np

# Only raw 64-bit outputs of the generator are used, because only those are guaranteed to stay the same across numpy
# versions.


def raw_generator(label):
    return np.random.PCG64(int.from_bytes(hashlib.sha256(label.encode()).digest()[:16], "little"))


def uniform(generator, count):
    """`count` (even) float32 numbers, uniform in (0, 1), symmetric about 1/2."""
    bits = generator.random_raw(count // 2).astype("<u8").view("<u4")
    return ((bits >> 8).astype(np.float32) + np.float32(0.5)) * np.float32(2.0 ** -24)


def permutation(generator, count):
    return np.argsort(generator.random_raw(count), kind="stable")


class Rearrangement:
    """Permutes the residual channels, each layer's intermediate channels, and the value channels in each head."""

    def __init__(self, name, source):
        self.name = name
        self.heads, self.kv_heads = source["{a}.attention.head_count"], source["{a}.attention.head_count_kv"]
        self.source = permutation(raw_generator(f"{name}/residual"), source["{a}.embedding_length"])
        self.factor = np.ones(len(self.source), np.float32)
        self.norm_factor = np.float32(1)

    def order(self, hf, kind, count):
        layer = hf.split(".")[2]
        return permutation(raw_generator(f"{self.name}/{layer}/{kind}"), count)

    def value_order(self, hf, channels):
        """The value channels of all key/value heads, permuted within each head."""
        size = channels // self.kv_heads
        return np.concatenate([i * size + self.order(hf, f"value{i}", size) for i in range(self.kv_heads)])

    def columns(self, values):
        """A matrix that reads the residual stream (and the embedding, whose rows are residual vectors)."""
        return values[:, self.source] * self.factor

    def rows(self, values):
        """A matrix that writes to the residual stream."""
        return values[self.source] * self.factor[:, None]

    def output_columns(self, hf, values):
        group = self.heads // self.kv_heads
        order = self.value_order(hf, values.shape[1] // group).reshape(self.kv_heads, 1, -1)
        size = order.shape[2]
        head = np.arange(self.heads).reshape(self.kv_heads, group, 1)
        return values[:, (head * size + order % size).reshape(-1)]

    def __call__(self, hf, values):
        if values.ndim == 1:   # the norms inside the heads (Gemma) see no residual channels
            return values if "_norm" in hf and "self_attn" in hf else values[self.source] * self.norm_factor
        if ".o_proj." in hf:
            return self.rows(self.output_columns(hf, values))
        if ".down_proj." in hf:
            return self.rows(values[:, self.order(hf, "intermediate", values.shape[1])])
        if ".gate_proj." in hf or ".up_proj." in hf:
            values = values[self.order(hf, "intermediate", len(values))]
        elif ".v_proj." in hf:
            values = values[self.value_order(hf, len(values))]
        return self.columns(values)


class Widening(Rearrangement):
    """For SmolLM2: 768 instead of 576 residual channels and one more key/value group.

    A channel x is replaced by the pair (x cos t, x sin t): the sum of squares, and so RMS normalization up to a
    constant, is unchanged, and a reader that has the same factors in its columns sees cos^2 + sin^2 = 1 times
    what it saw before. The added key/value group is a copy of group 0; the output weight is shared between the two.
    """
    OLD, NEW, HEAD_DIM, GROUP = 576, 768, 64, 3 * 64

    def __init__(self, name, source):
        super().__init__(name, source)
        generator = raw_generator(f"{name}/channels")
        extra = self.NEW - self.OLD
        doubled = permutation(generator, self.OLD)[:extra]
        angle = 0.2 + 1.17 * uniform(generator, extra).astype(np.float64)
        channels = np.concatenate([np.arange(self.OLD), doubled])
        factor = np.ones(self.NEW)
        factor[doubled] = np.cos(angle)
        factor[self.OLD:] = np.sin(angle)
        order = permutation(generator, self.NEW)
        self.source, self.factor = channels[order], factor[order].astype(np.float32)
        self.norm_factor = np.float32(np.sqrt(self.OLD / self.NEW))

    def output_columns(self, hf, values):
        values = super().output_columns(hf, values)
        share = 0.3 + np.float32(0.4) * uniform(raw_generator(f"{self.name}/{hf}/share"), self.GROUP)
        first = values[:, :self.GROUP]
        return np.concatenate([first * share, values[:, self.GROUP:], first * (1 - share)], axis=1)

    def __call__(self, hf, values):
        values = super().__call__(hf, values)
        if ".q_proj." in hf:
            return np.concatenate([values, values[:self.GROUP]])
        if ".k_proj." in hf or ".v_proj." in hf:
            return np.concatenate([values, values[:self.HEAD_DIM]])
        return values
