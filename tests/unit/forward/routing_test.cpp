// The choice of experts, worked out by hand.
#include "forward/routing.hpp"

#include <catch2/catch.hpp>

#include <cmath>

using namespace pq;

namespace {

Routing routed(std::vector<float> logits, const RoutingRules& rules) {
  const auto count = static_cast<std::int64_t>(logits.size());
  return choose_experts({logits.data(), 1, count, count}, rules);
}

float weight(const Routing& routing, std::size_t expert) {
  const Routing::Share& share = routing.experts[expert];
  return share.rows.empty() ? 0.0f : share.weights[0];
}

RoutingRules rules_of(RoutingRules::Scores scores, std::int64_t used) {
  RoutingRules rules;
  rules.scores = scores;
  rules.used = used;
  return rules;
}

}  // namespace

TEST_CASE("routing: a softmax over all experts is not divided by the sum of the chosen unless asked",
          "[forward]") {
  // exp: 1, 2, 4, 1; their sum is 8.
  const std::vector<float> logits = {0, std::log(2.0f), std::log(4.0f), 0};
  RoutingRules rules = rules_of(RoutingRules::Scores::softmax, 2);
  CHECK(weight(routed(logits, rules), 1) == Approx(0.25));
  CHECK(weight(routed(logits, rules), 2) == Approx(0.5));
  CHECK(routed(logits, rules).experts[0].rows.empty());
  rules.normalise = true;
  rules.factor = 3;
  CHECK(weight(routed(logits, rules), 1) == Approx(1));
  CHECK(weight(routed(logits, rules), 2) == Approx(2));
}

TEST_CASE("routing: a softmax over the chosen logits", "[forward]") {
  const Routing routing =
      routed({0, std::log(3.0f), 5, 5 + std::log(3.0f)}, rules_of(RoutingRules::Scores::chosen_softmax, 2));
  CHECK(weight(routing, 2) == Approx(0.25));
  CHECK(weight(routing, 3) == Approx(0.75));
}

TEST_CASE("routing: of equal scores the lower expert wins", "[forward]") {
  const Routing routing = routed({1, 1, 1}, rules_of(RoutingRules::Scores::softmax, 2));
  CHECK(routing.experts[2].rows.empty());
}

TEST_CASE("routing: a correction moves the choice, not the weights", "[forward]") {
  RoutingRules rules = rules_of(RoutingRules::Scores::sigmoid, 1);
  rules.correction = {0, 1};
  const Routing routing = routed({2, 0}, rules);
  CHECK(routing.experts[0].rows.empty());
  CHECK(weight(routing, 1) == Approx(0.5));
}

TEST_CASE("routing: experts come from the best groups only", "[forward]") {
  // Sigmoids of groups: {0.9, 0.1} and {0.6, 0.6}.
  const auto logit = [](double p) { return static_cast<float>(std::log(p / (1 - p))); };
  const std::vector<float> logits = {logit(0.9), logit(0.1), logit(0.6), logit(0.6)};
  RoutingRules rules = rules_of(RoutingRules::Scores::sigmoid, 2);
  rules.groups = 2;
  rules.groups_used = 1;
  CHECK(routed(logits, rules).experts[1].rows.size() == 1);  // the best one counts: the first group
  rules.group_score = RoutingRules::GroupScore::sum_of_two;
  CHECK(routed(logits, rules).experts[0].rows.empty());  // 1.0 against 1.2
  CHECK(routed(logits, rules).experts[3].rows.size() == 1);
}
