// polyquant schema: JSON Schema of a pipeline, for editors.
#include "allocation/recipe.hpp"
#include "allocation/recipe_schema.hpp"
#include "config/json_schema.hpp"
#include "session.hpp"
#include "verbs.hpp"

namespace pq::cli {

void add_schema(CLI::App& app, Session& session) {
  CLI::App* verb = app.add_subcommand("schema", "Print the JSON Schema of pipelines, for editors.");
  session.on(*verb, [&session] {
    session.print(
        pipeline_json_schema(list_components(session.registry()), known_recipes(), recipe_json_schema()) +
        "\n");
  });
}

}  // namespace pq::cli
