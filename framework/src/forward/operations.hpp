// The operations that graphs are made of. What each means, and its arguments, stand in docs/how-to/add-a-model-family.md.
#pragma once

#include "forward/operation.hpp"

#include <memory>

namespace pq {

class Arguments;

// operations_dense.cpp
std::unique_ptr<Operation> make_embedding(Arguments& arguments);
std::unique_ptr<Operation> make_positions(Arguments& arguments);
std::unique_ptr<Operation> make_rms_norm(Arguments& arguments);
std::unique_ptr<Operation> make_layer_norm(Arguments& arguments);
std::unique_ptr<Operation> make_linear(Arguments& arguments);
std::unique_ptr<Operation> make_site(Arguments& arguments);
// operations_attention.cpp
std::unique_ptr<Operation> make_rope(Arguments& arguments);
std::unique_ptr<Operation> make_attention(Arguments& arguments);
std::unique_ptr<Operation> make_join(Arguments& arguments);
// operations_simple.cpp
std::unique_ptr<Operation> make_glu(Arguments& arguments);
std::unique_ptr<Operation> make_activate(Arguments& arguments);
std::unique_ptr<Operation> make_add(Arguments& arguments);
std::unique_ptr<Operation> make_scale(Arguments& arguments);
std::unique_ptr<Operation> make_scale_rows(Arguments& arguments);
std::unique_ptr<Operation> make_clamp(Arguments& arguments);
std::unique_ptr<Operation> make_soft_cap(Arguments& arguments);
// operations_experts.cpp
std::unique_ptr<Operation> make_route(Arguments& arguments);
std::unique_ptr<Operation> make_experts(Arguments& arguments);

}  // namespace pq
