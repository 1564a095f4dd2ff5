// The plugin ABI number. It is part of the name of the one symbol that a plugin exports, so a mismatch is seen before any code of the
// plugin runs. Raise it with every change under include/polyquant that a compiled plugin could notice.
//
//   1  first version
//   2  backends: the maths of running a model (math_ops.hpp), rows of an upload and download, host_memory()
//   3  effort of column_codec(), priority of a backend, reopen() of every writer
//   4  bytes that the rows of a tensor share, rounding of activations, choosing codes of columns again, scales of
//      channels, figures of a QuantReport, memory of quantizers and of writers that gather rows
//   5  bytes of a tensor in a layout
#pragma once

#define PQ_ABI_VERSION 5

/// Prefix of the exported symbol; the ABI number follows.
#define PQ_ABI_SYMBOL_PREFIX "polyquant_plugin_abi_"
