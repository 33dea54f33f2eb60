#include <fmt/format.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/mark.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <exception>
#include <sstream>
#include <unordered_set>
#include <utility>

#include "core/policy/source_tree.h"

namespace capsem::policy {
namespace {

Place place_at(const YAML::Mark& mark) {
  if (mark.is_null()) return {};
  return {static_cast<std::uint32_t>(mark.line) + 1, static_cast<std::uint32_t>(mark.column) + 1};
}

// Leaves the parser, which knows no other way; never leaves this file.
struct Refused {
  SyntaxError error;
};

[[noreturn]] void refuse(const YAML::Mark& mark, std::string message) {
  throw Refused{{place_at(mark), std::move(message)}};
}

// Builds the tree from the parser's events, so that nothing is resolved, expanded or guessed.
class TreeBuilder final : public YAML::EventHandler {
 public:
  SourceNode take() { return std::move(root_); }

  void OnDocumentStart(const YAML::Mark& mark) override {
    if (++documents_ > 1) refuse(mark, "a second document; a policy file holds one");
  }
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    check(mark, "?", anchor);
    if (expects_key()) refuse(mark, "a key must be a word");
    SourceNode node;
    node.place = place_at(mark);
    add(std::move(node));
  }

  void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override {
    refuse(mark, "aliases (*name) are not supported: write the value out");
  }

  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    check(mark, tag, anchor);
    // The parser writes \_ and \N as single bytes.
    if (bad_utf8(value)) refuse(mark, "an escape that makes no UTF-8: write the character itself");
    if (expects_key()) return take_key(mark, tag, value);
    SourceNode node;
    node.kind = SourceNode::Kind::String;
    node.plain = tag == "?";
    node.text = value;
    node.place = place_at(mark);
    add(std::move(node));
  }

  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    open(mark, tag, anchor, SourceNode::Kind::List);
  }
  void OnSequenceEnd() override { close(); }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    open(mark, tag, anchor, SourceNode::Kind::Table);
  }
  void OnMapEnd() override { close(); }

  void OnAnchor(const YAML::Mark& mark, const std::string&) override { refuse_anchor(mark); }

 private:
  struct Level {
    SourceNode node;
    bool has_key = false;  // a table's: its key has come, the value is next
    SourceMember pending{};
    std::unordered_set<std::string> keys{};
  };

  [[noreturn]] static void refuse_anchor(const YAML::Mark& mark) {
    refuse(mark, "anchors (&name) are not supported: write the value out where it is needed");
  }

  static void check(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor) {
    if (anchor != 0) refuse_anchor(mark);
    if (!tag.empty() && tag != "?" && tag != "!") {
      refuse(mark, "tags (!type) are not supported: every key has one type");
    }
  }

  bool expects_key() const {
    return !levels_.empty() && levels_.back().node.kind == SourceNode::Kind::Table &&
           !levels_.back().has_key;
  }

  void take_key(const YAML::Mark& mark, const std::string& tag, const std::string& key) {
    Level& level = levels_.back();
    if (tag == "?" && key == "<<") {
      refuse(mark, "merge keys (<<) are not supported: write the members out");
    }
    if (!level.keys.insert(key).second) refuse(mark, fmt::format("duplicate key '{}'", key));
    level.pending = {key, place_at(mark), {}};
    level.has_key = true;
  }

  void open(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
            SourceNode::Kind kind) {
    check(mark, tag, anchor);
    if (expects_key()) refuse(mark, "a key must be a word, not a list or a table");
    if (levels_.size() >= SourceTree::kDepthMax) {
      refuse(mark, fmt::format("nested deeper than {}", SourceTree::kDepthMax));
    }
    Level level;
    level.node.kind = kind;
    level.node.place = place_at(mark);
    levels_.push_back(std::move(level));
  }

  void close() {
    SourceNode node = std::move(levels_.back().node);
    levels_.pop_back();
    add(std::move(node));
  }

  void add(SourceNode node) {
    if (levels_.empty()) {
      root_ = std::move(node);
      return;
    }
    Level& level = levels_.back();
    if (level.node.kind == SourceNode::Kind::List) {
      level.node.items.push_back(std::move(node));
      return;
    }
    level.pending.value = std::move(node);
    level.node.members.push_back(std::move(level.pending));
    level.pending = {};
    level.has_key = false;
  }

  std::vector<Level> levels_;
  SourceNode root_;
  int documents_ = 0;
};

}  // namespace

SourceTree read_yaml(std::string_view text) {
  SourceTree tree;
  if (const auto tab = tab_indentation(Syntax::Yaml, text)) {
    tree.error = SyntaxError{*tab, "a tab as indentation; use spaces"};
    return tree;
  }
  std::istringstream in{std::string(text)};
  TreeBuilder builder;
  try {
    YAML::Parser parser(in);
    while (parser.HandleNextDocument(builder)) {
    }
    tree.root = builder.take();
  } catch (const Refused& refused) {
    tree.error = refused.error;
  } catch (const YAML::Exception& error) {
    tree.error = SyntaxError{place_at(error.mark), error.msg};
  } catch (const std::exception& error) {
    tree.error = SyntaxError{{}, error.what()};
  }
  return tree;
}

}  // namespace capsem::policy
