// A folder of packed layers as a model: each becomes one tensor MODULE.weight, everything else is as stored.
#pragma once

#include "common/folder_reader.hpp"
#include "common/packed_layer.hpp"

#include <map>
#include <memory>
#include <string>

namespace pq::hf {

/// Options of layers by the name of their matrix.
using KnownLayers = std::map<std::string, AffineOptions>;

/// `header`: with metadata and side files only. Throws FormatError for tensors of a layer that stand alone, and what the opener throws.
std::unique_ptr<ModelReader> make_packed_reader(std::unique_ptr<const TensorStore> store, ModelHeader header,
                                                const LayerOpener& opener, const KnownLayers& known = {});

/// The tensor MODULE + end; throws FormatError, saying which codes it belongs to, if it is missing.
std::size_t part_of_layer(const TensorStore& store, const StoredTensor& codes, std::string_view end);

/// A sentence on a layer whose tensors do not fit, for FormatError.
std::string layer_misfit(const TensorStore& store, const std::vector<std::size_t>& parts,
                         const std::string& wanted);

}  // namespace pq::hf
