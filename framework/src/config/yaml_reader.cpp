#include "config/yaml.hpp"

#include "config/environment.hpp"
#include "config/yaml_syntax.hpp"

#include <polyquant/base/error.hpp>
#include <polyquant/base/file.hpp>
#include <polyquant/base/text.hpp>

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/mark.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <optional>
#include <sstream>

namespace pq {
namespace {

// Far above any real pipeline or recipe; they bound time and memory for hostile files.
constexpr std::uint64_t kMaxBytes = 1 << 20;
constexpr std::size_t kMaxDepth = 64;
constexpr std::size_t kMaxKeys = 4096;  // of one map

// Builds the tree from yaml-cpp's events. Its own node tree is not used: it keeps duplicate keys silently and expands aliases.
class TreeBuilder final : public YAML::EventHandler {
 public:
  TreeBuilder(std::shared_ptr<const std::string> source, bool expand)
      : source_(std::move(source)), expand_(expand) {}

  Node take() { return std::move(root_); }

  /// The innermost bracket that is open.
  std::optional<SyntaxError::Bracket> bracket() const {
    for (auto level = levels_.rbegin(); level != levels_.rend(); ++level)
      if (level->is_flow)
        return SyntaxError::Bracket{level->node.is_map() ? '{' : '[', level->node.mark().line,
                                    level->node.mark().column};
    return std::nullopt;
  }

  void OnDocumentStart(const YAML::Mark& mark) override {
    if (++documents_ > 1)
      throw_at(place(mark),
               "a second YAML document begins here; a file holds one document, and lines of one map or list "
               "are indented alike");
  }
  void OnDocumentEnd() override {
    if (complex_key_) throw_at(*complex_key_, "a key must be a word, not a list or a map");
  }
  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    refuse_anchor(mark, anchor);
    if (expects_key()) throw_at(place(mark), "a key is missing before ':'");
    Node node;
    // yaml-cpp gives the place of what follows; the key is what the user has to look at.
    const bool is_value = !levels_.empty() && levels_.back().node.is_map();
    node.set_mark(is_value ? levels_.back().key_mark : place(mark));
    add(std::move(node));
  }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override {
    throw_at(place(mark), "aliases (*name) are not supported; write the value out");
  }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    refuse_anchor(mark, anchor);
    refuse_tag(mark, tag);
    if (expects_key()) return begin_member(mark, value);
    add(Node::scalar(expand_ ? expand_environment(value, place(mark)) : value, tag == "!", place(mark)));
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value style) override {
    open(mark, tag, anchor, Node::sequence(place(mark)), style);
  }
  void OnSequenceEnd() override { close(); }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value style) override {
    open(mark, tag, anchor, Node::map(place(mark)), style);
  }
  void OnMapEnd() override { close(); }

 private:
  struct Level {
    Node node;
    std::string key;  // of the member whose value comes next
    Mark key_mark;
    bool has_key = false;
    bool is_flow = false;
    bool is_key = false;  // of the map around it, which is refused
  };

  Mark place(const YAML::Mark& mark) const { return {source_, mark.line + 1, mark.column + 1}; }
  bool expects_key() const {
    return !levels_.empty() && levels_.back().node.is_map() && !levels_.back().has_key;
  }

  void refuse_anchor(const YAML::Mark& mark, YAML::anchor_t anchor) const {
    if (anchor != 0)
      throw_at(place(mark), "anchors (&name) are not supported; write the value out where it is needed");
  }
  // "?" and "!" are what yaml-cpp reports for plain and quoted scalars without a tag.
  void refuse_tag(const YAML::Mark& mark, const std::string& tag) const {
    if (!tag.empty() && tag != "?" && tag != "!")
      throw_at(place(mark), "the tag '" + tag + "' is not supported; remove it");
  }

  void begin_member(const YAML::Mark& mark, const std::string& key) {
    Level& level = levels_.back();
    if (key == "<<") throw_at(place(mark), "merge keys (<<) are not supported; write the keys out");
    const auto& members = level.node.members();
    const auto first =
        std::find_if(members.begin(), members.end(), [&](const Node::Member& m) { return m.key == key; });
    if (first != members.end())
      throw_at(place(mark), "key '" + key + "' is given twice; the first is at " +
                                std::to_string(first->mark.line) + ":" + std::to_string(first->mark.column));
    if (members.size() >= kMaxKeys)
      throw_at(place(mark), "more than " + std::to_string(kMaxKeys) + " keys in one map");
    level.key = key;
    level.key_mark = place(mark);
    level.has_key = true;
  }

  void open(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor, Node node,
            YAML::EmitterStyle::value style) {
    refuse_anchor(mark, anchor);
    refuse_tag(mark, tag);
    // Not refused yet: yaml-cpp takes a '{' that is never closed for the beginning of a key, too.
    const bool is_key = expects_key();
    if (is_key && !complex_key_) complex_key_ = place(mark);
    if (levels_.size() >= kMaxDepth)
      throw_at(place(mark), "nested deeper than " + std::to_string(kMaxDepth) + " levels");
    levels_.push_back({std::move(node), {}, {}, false, style == YAML::EmitterStyle::Flow, is_key});
  }
  void close() {
    Node done = std::move(levels_.back().node);
    const bool is_key = levels_.back().is_key;
    levels_.pop_back();
    if (is_key)
      levels_.back().has_key = true;
    else
      add(std::move(done));
  }
  void add(Node node) {
    if (levels_.empty()) {
      root_ = std::move(node);
      return;
    }
    Level& level = levels_.back();
    if (level.node.is_map()) {
      level.node.set(level.key, std::move(node), level.key_mark);
      level.has_key = false;
    } else {
      level.node.push_back(std::move(node));
    }
  }

  std::shared_ptr<const std::string> source_;
  bool expand_;
  int documents_ = 0;
  std::vector<Level> levels_;
  std::optional<Mark> complex_key_;
  Node root_;
};

void refuse_binary(std::string_view text, const std::shared_ptr<const std::string>& source) {
  int line = 1;
  int column = 1;
  for (const char c : text) {
    const auto code = static_cast<unsigned char>(c);
    if ((code < 0x20 && c != '\t' && c != '\n' && c != '\r') || code == 0x7F)
      throw_at({source, line, column},
               "control character " + std::to_string(code) + "; this is not a text file");
    column = c == '\n' ? 1 : column + 1;
    line += c == '\n' ? 1 : 0;
  }
  if (!is_utf8(text)) throw_at({source, 1, 1}, "the text is not valid UTF-8");
}

}  // namespace

Node parse_yaml_text(std::string_view text, const std::string& source_name, bool expand) {
  const auto source = std::make_shared<const std::string>(source_name);
  if (text.size() > kMaxBytes) throw_at({source, 1, 1}, "larger than 1 MiB; this is not a pipeline");
  refuse_binary(text, source);
  TreeBuilder builder(source, expand);
  try {
    // Without the end mark yaml-cpp takes an open quotation mark before the last line break as closed.
    std::istringstream stream{std::string(text) + (text.ends_with('\n') ? "...\n" : "\n...\n")};
    YAML::Parser parser(stream);
    while (parser.HandleNextDocument(builder)) {
    }
  } catch (const YAML::Exception& error) {
    const SyntaxAdvice advice =
        explain({text, error.msg, error.mark.line + 1, error.mark.column + 1, builder.bracket()});
    throw_at({source, advice.line, advice.column}, advice.sentence);
  }
  return builder.take();
}

Node parse_yaml(std::string_view text, const std::string& source_name) {
  return parse_yaml_text(text, source_name, true);
}

Node load_yaml(const std::filesystem::path& file) {
  return parse_yaml(read_text_file(file, kMaxBytes), file.string());
}

}  // namespace pq
