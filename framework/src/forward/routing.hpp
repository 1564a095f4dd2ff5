// Which experts a token goes to.
#pragma once

#include <polyquant/base/matrix.hpp>

#include <cstdint>
#include <span>
#include <vector>

namespace pq {

struct RoutingRules {
  enum class Scores { softmax, sigmoid, chosen_softmax };  // the last: of the chosen logits only
  enum class GroupScore { best, sum_of_two };
  Scores scores = Scores::softmax;
  std::int64_t experts = 0, used = 0;
  bool normalise = false;  // weights of a token are divided by their sum
  float normalise_offset = 0;
  float factor = 1;
  std::int64_t groups = 1, groups_used = 1;  // experts are chosen from the best groups only
  GroupScore group_score = GroupScore::best;
  std::vector<float> correction;  // added to the scores for the choice only; empty = none
};

/// Per expert the rows that chose it, ascending, and their weights.
struct Routing {
  struct Share {
    std::vector<std::int32_t> rows;
    std::vector<float> weights;
  };
  std::vector<Share> experts;
};

/// `logits` [rows, experts]. Of equal scores the lower expert wins.
Routing choose_experts(ConstMatrix logits, const RoutingRules& rules);

}  // namespace pq
