#include "tokenizer/post_processor.hpp"

#include <polyquant/base/error.hpp>

#include <limits>

namespace pq {
namespace {

class Reader {
 public:
  explicit Reader(const std::string& source) : source_(source) {}

  void read(const Json& processor, AroundText& result) const {
    const Json* type = processor.find("type");
    const std::string name = type != nullptr && type->is_string() ? type->string() : "?";
    if (name == "Sequence") {
      if (const Json* list = processor.find("processors"); list != nullptr && list->is_array())
        for (const Json& item : list->array()) read(item, result);
    } else if (name == "TemplateProcessing") {
      read_template(processor, result);
    } else if (name == "RobertaProcessing" || name == "BertProcessing") {
      result.before.insert(result.before.begin(), pair_id(processor, "cls"));
      result.after.push_back(pair_id(processor, "sep"));
    } else if (name != "ByteLevel") {  // which only trims offsets
      throw FormatError(source_ + ": the post-processor '" + name +
                        "' is not supported; known: TemplateProcessing, RobertaProcessing, BertProcessing, "
                        "ByteLevel, Sequence");
    }
  }

 private:
  std::int32_t id_of(const Json& value) const {
    if (!value.is_integer() || value.integer() < 0 ||
        value.integer() > std::numeric_limits<std::int32_t>::max())
      throw FormatError(source_ + ": the post-processor has an id that is no token number");
    return static_cast<std::int32_t>(value.integer());
  }

  // ["</s>", 2]
  std::int32_t pair_id(const Json& processor, const char* key) const {
    const Json* pair = processor.find(key);
    if (pair == nullptr || !pair->is_array() || pair->array().size() != 2)
      throw FormatError(source_ + ": the post-processor's '" + key + "' must be a token with its id");
    return id_of(pair->array()[1]);
  }

  void read_template(const Json& processor, AroundText& result) const {
    const Json* single = processor.find("single");
    if (single == nullptr || !single->is_array())
      throw FormatError(source_ + ": the post-processor's template has no 'single'");
    AroundText found;
    bool before = true;
    for (const Json& element : single->array()) {
      if (element.find("Sequence") != nullptr)
        before = false;
      else
        add_ids(processor, element, before ? found.before : found.after);
    }
    // A later processor of a sequence works on what the earlier ones made.
    result.before.insert(result.before.begin(), found.before.begin(), found.before.end());
    result.after.insert(result.after.end(), found.after.begin(), found.after.end());
  }

  void add_ids(const Json& processor, const Json& element, std::vector<std::int32_t>& ids) const {
    const Json* name = element.find_path("SpecialToken.id");
    const Json* table = processor.find("special_tokens");
    const Json* entry =
        name == nullptr || !name->is_string() || table == nullptr ? nullptr : table->find(name->string());
    const Json* list = entry == nullptr ? nullptr : entry->find("ids");
    if (list == nullptr || !list->is_array())
      throw FormatError(source_ + ": the post-processor's template names an unknown special token");
    for (const Json& id : list->array()) ids.push_back(id_of(id));
  }

  const std::string& source_;
};

}  // namespace

AroundText read_post_processor(const Json* processor, const std::string& source) {
  AroundText result;
  if (processor != nullptr && !processor->is_null()) Reader(source).read(*processor, result);
  return result;
}

}  // namespace pq
