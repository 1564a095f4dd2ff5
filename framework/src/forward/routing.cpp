#include "forward/routing.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

namespace pq {
namespace {

using Numbers = std::vector<float>;

void softmax(Numbers& x) {
  const float top = *std::max_element(x.begin(), x.end());
  float sum = 0;
  for (float& value : x) sum += value = std::exp(value - top);
  for (float& value : x) value /= sum;
}

// The `count` largest, best first; of equal ones the first.
std::vector<std::int32_t> best(const Numbers& scores, std::int64_t count) {
  std::vector<std::int32_t> order(scores.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](std::int32_t a, std::int32_t b) {
    return scores[static_cast<std::size_t>(a)] > scores[static_cast<std::size_t>(b)];
  });
  order.resize(static_cast<std::size_t>(count));
  return order;
}

float score_of_group(std::span<const float> scores, RoutingRules::GroupScore kind) {
  float first = -std::numeric_limits<float>::infinity(), second = first;
  for (const float score : scores) {
    second = std::max(second, std::min(first, score));
    first = std::max(first, score);
  }
  return kind == RoutingRules::GroupScore::best ? first : first + second;
}

// Scores of experts outside the best groups become 0, as the models' own code does: a negative score of a kept group can lose against it.
void keep_best_groups(Numbers& scores, const RoutingRules& rules) {
  const std::size_t size = scores.size() / static_cast<std::size_t>(rules.groups);
  Numbers of_groups;
  for (std::size_t g = 0; g * size < scores.size(); ++g)
    of_groups.push_back(score_of_group({scores.data() + g * size, size}, rules.group_score));
  std::vector<bool> kept(of_groups.size(), false);
  for (const std::int32_t g : best(of_groups, rules.groups_used)) kept[static_cast<std::size_t>(g)] = true;
  for (std::size_t e = 0; e < scores.size(); ++e)
    if (!kept[e / size]) scores[e] = 0;
}

void choose(std::span<const float> logits, const RoutingRules& rules, std::int32_t row, Routing& routing) {
  Numbers scores(logits.begin(), logits.end());
  if (rules.scores == RoutingRules::Scores::softmax) softmax(scores);
  if (rules.scores == RoutingRules::Scores::sigmoid)
    for (float& score : scores) score = 1.0f / (1.0f + std::exp(-score));
  Numbers ranking = scores;
  for (std::size_t e = 0; e < rules.correction.size(); ++e) ranking[e] += rules.correction[e];
  if (rules.groups > 1) keep_best_groups(ranking, rules);
  const std::vector<std::int32_t> chosen = best(ranking, rules.used);
  Numbers weights;
  for (const std::int32_t e : chosen) weights.push_back(scores[static_cast<std::size_t>(e)]);
  if (rules.scores == RoutingRules::Scores::chosen_softmax) softmax(weights);
  const float sum = std::accumulate(weights.begin(), weights.end(), 0.0f) + rules.normalise_offset;
  for (std::size_t i = 0; i < chosen.size(); ++i) {
    Routing::Share& share = routing.experts[static_cast<std::size_t>(chosen[i])];
    share.rows.push_back(row);
    share.weights.push_back((rules.normalise ? weights[i] / sum : weights[i]) * rules.factor);
  }
}

}  // namespace

Routing choose_experts(ConstMatrix logits, const RoutingRules& rules) {
  Routing routing;
  routing.experts.resize(static_cast<std::size_t>(logits.cols));
  for (std::int64_t r = 0; r < logits.rows; ++r)
    choose(logits.row(r), rules, static_cast<std::int32_t>(r), routing);
  return routing;
}

}  // namespace pq
