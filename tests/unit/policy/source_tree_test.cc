#include "core/policy/source_tree.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace capsem::policy {
namespace {

using testing::HasSubstr;

// "{a@1:1 = 1 Integer@1:5}": what a tree holds and where.
std::string show(const SourceNode& node) {
  const std::string at = fmt::format("@{}:{}", node.place.line, node.place.column);
  switch (node.kind) {
    case SourceNode::Kind::Null:
      return "null" + at;
    case SourceNode::Kind::Bool:
      return node.text + " Bool" + at;
    case SourceNode::Kind::Integer:
      return node.text + " Integer" + at;
    case SourceNode::Kind::Float:
      return node.text + " Float" + at;
    case SourceNode::Kind::String:
      return "'" + node.text + "'" + (node.plain ? " plain" : "") + at;
    case SourceNode::Kind::List: {
      std::string out = "[";
      for (const SourceNode& item : node.items) out += (out.size() > 1 ? ", " : "") + show(item);
      return out + "]" + at;
    }
    case SourceNode::Kind::Table:
      break;
  }
  std::string out = "{";
  for (const SourceMember& member : node.members) {
    out += fmt::format("{}{}@{}:{} = {}", out.size() > 1 ? ", " : "", member.key, member.place.line,
                       member.place.column, show(member.value));
  }
  return out + "}" + at;
}

std::string read(Syntax syntax, std::string_view text) {
  const SourceTree tree = read_tree(syntax, text);
  if (!tree.error) return show(tree.root);
  return fmt::format("{}:{}: {}", tree.error->place.line, tree.error->place.column,
                     tree.error->message);
}

struct TreeCase {
  std::string_view name;
  Syntax syntax;
  std::string_view text, tree;
};

TEST(SourceTree, KnowsThePlaceOfEveryKeyAndValue) {
  const TreeCase cases[] = {
      {"TOML", Syntax::Toml, "b = 1\na = [true, 0.5]\n[t]\n  k = 'x'\n",
       "{b@1:1 = 1 Integer@1:5, a@2:1 = [true Bool@2:6, 0.5 Float@2:12]@2:5, "
       "t@3:2 = {k@4:3 = 'x'@4:7}@3:1}@1:1"},
      {"TOML: members in the order they were written", Syntax::Toml, "z = 1\na = 2\nm = 3\n",
       "{z@1:1 = 1 Integer@1:5, a@2:1 = 2 Integer@2:5, m@3:1 = 3 Integer@3:5}@1:1"},
      {"TOML: tables in a list begin at their header", Syntax::Toml, "[[p]]\na = 1\n\n  [[p]]\n",
       "{p@1:3 = [{a@2:1 = 1 Integer@2:5}@1:1, {}@4:3]@1:1}@1:1"},
      {"TOML: a date is text", Syntax::Toml, "d = 2026-11-01\n", "{d@1:1 = '2026-11-01'@1:5}@1:1"},
      {"YAML", Syntax::Yaml, "b: 1\na:\n  - yes\n  - \"x\"\nn: ~\n",
       "{b@1:1 = '1' plain@1:4, a@2:1 = ['yes' plain@3:5, 'x'@4:5]@3:3, n@5:1 = null@5:4}@1:1"},
      {"YAML: what other readers take for numbers stays as it was written", Syntax::Yaml,
       "v: 1.10\no: 0o17\nh: 0x1F\nn: no\n",
       "{v@1:1 = '1.10' plain@1:4, o@2:1 = '0o17' plain@2:4, h@3:1 = '0x1F' plain@3:4, "
       "n@4:1 = 'no' plain@4:4}@1:1"},
      {"YAML: flow style", Syntax::Yaml, "{a: [1, {b: 2}]}\n",
       "{a@1:2 = ['1' plain@1:6, {b@1:10 = '2' plain@1:13}@1:9]@1:5}@1:1"},
      {"YAML: a file of comments", Syntax::Yaml, "# nothing\n", "null@1:1"},
      {"JSON", Syntax::Json, "{\n  \"a\": [1, -2.5e3, null],\n  \"b\\\"\": {\"c\": false}\n}",
       "{a@2:3 = [1 Integer@2:9, -2.5e3 Float@2:12, null@2:20]@2:8, "
       "b\"@3:3 = {c@3:11 = false Bool@3:16}@3:10}@1:1"},
      {"JSON: columns count characters", Syntax::Json, "{\"\xC3\xA9\xE2\x82\xAC\": 1, \"b\": 2}",
       "{\xC3\xA9\xE2\x82\xAC@1:2 = 1 Integer@1:8, b@1:11 = 2 Integer@1:16}@1:1"},
  };
  for (const TreeCase& c : cases) {
    SCOPED_TRACE(c.name);
    EXPECT_EQ(read(c.syntax, c.text), c.tree);
  }
}

TEST(SourceTree, RefusesWhatTwoReadersCouldTakeForTwoThings) {
  const TreeCase cases[] = {
      {"TOML: duplicate key", Syntax::Toml, "a = 1\nb = 2\na = 3\n", "3:"},
      {"TOML: duplicate table", Syntax::Toml, "[a]\n[a]\n", "2:"},
      {"JSON: duplicate key", Syntax::Json, "{\"a\":1,\n \"a\":2}", "2:"},
      {"JSON: duplicate key by escape", Syntax::Json, R"({"a":1,"\u0061":2})", "1:8: "},
      {"JSON: a comma too much", Syntax::Json, "{\"a\":[1,\n]}", "2:1: "},
      {"JSON: bytes after the value", Syntax::Json, "{}\n x", "2:2: "},
      {"JSON: nothing", Syntax::Json, "", "1:1: "},
      {"YAML: duplicate key", Syntax::Yaml, "a: 1\nb: 2\na: 3\n", "3:1: duplicate key 'a'"},
      {"YAML: the same key in quotes", Syntax::Yaml, "a: 1\n'a': 3\n", "2:1: duplicate key 'a'"},
      {"YAML: anchor", Syntax::Yaml, "a: &x 1\n", "1:4: anchors (&name) are not supported"},
      {"YAML: anchor on a table", Syntax::Yaml, "a: &x\n  b: 1\n", "1:4: anchors (&name)"},
      {"YAML: alias", Syntax::Yaml, "a: 1\nb: *x\n", "2:4: "},
      {"YAML: tag", Syntax::Yaml, "a: !!str 1\n", "1:4: tags (!type) are not supported"},
      {"YAML: tag of its own", Syntax::Yaml, "a: !secret x\n", "1:4: tags (!type)"},
      {"YAML: merge key", Syntax::Yaml, "a:\n  <<: {b: 1}\n", "2:3: merge keys (<<)"},
      {"YAML: a table as key", Syntax::Yaml, "? {a: 1}\n: 2\n", "1:3: a key must be a word"},
      {"YAML: null as key", Syntax::Yaml, "~: 2\n", "1:1: a key must be a word"},
      {"YAML: two documents", Syntax::Yaml, "a: 1\n---\nb: 2\n", "2:1: a second document"},
      {"YAML: an empty second document", Syntax::Yaml, "a: 1\n---\n", "2:1: a second document"},
      {"YAML: tab as indentation", Syntax::Yaml, "a:\n\tb: 1\n", "2:1: a tab as indentation"},
      {"YAML: tab after spaces", Syntax::Yaml, "a:\n  \tb: 1\n", "2:3: a tab as indentation"},
      {"YAML: an unfinished list", Syntax::Yaml, "a: [1,\n", "2:1: "},
      {"YAML: an escape that makes no UTF-8", Syntax::Yaml, "a: \"x\\_\"\n", "1:4: an escape that"},
      {"not UTF-8", Syntax::Toml, "a = 1\nb = '\xFF'\n", "2:6: not UTF-8"},
      {"an overlong slash", Syntax::Yaml, "a: \xC0\xAF\n", "1:4: not UTF-8"},
      {"half a character at the end", Syntax::Json, "\"\xE2\x82", "1:2: not UTF-8"},
      {"a surrogate", Syntax::Yaml, "a: \xED\xA0\x80\n", "1:4: not UTF-8"},
  };
  for (const TreeCase& c : cases) {
    SCOPED_TRACE(c.name);
    EXPECT_EQ(read(c.syntax, c.text).substr(0, c.tree.size()), c.tree);
  }
}

std::string nested(std::string_view open, std::string_view close, std::size_t depth) {
  std::string text;
  for (std::size_t i = 0; i < depth; ++i) text += open;
  for (std::size_t i = 0; i < depth; ++i) text += close;
  return text;
}

TEST(SourceTree, NestingHasALimitInEverySyntax) {
  const std::size_t most = SourceTree::kDepthMax;
  for (const Syntax syntax : {Syntax::Yaml, Syntax::Json}) {
    EXPECT_FALSE(read_tree(syntax, nested("[", "]", most)).error);
    EXPECT_TRUE(read_tree(syntax, nested("[", "]", most + 1)).error);
    EXPECT_TRUE(read_tree(syntax, nested("[", "]", 100'000)).error);
  }
  // The document itself is a table: one level goes to it.
  EXPECT_FALSE(read_tree(Syntax::Toml, "a = " + nested("[", "]", most - 1)).error);
  EXPECT_TRUE(read_tree(Syntax::Toml, "a = " + nested("[", "]", most + 1)).error);
  EXPECT_TRUE(read_tree(Syntax::Toml, "a = " + nested("[", "]", 100'000)).error);
  // Dotted keys nest as well, without brackets that the parser could count.
  std::string dotted = "a";
  for (int i = 0; i < 1'000'000; ++i) dotted += ".a";
  EXPECT_THAT(read(Syntax::Toml, dotted + " = 1\n"), HasSubstr("nested deeper than 64"));
  EXPECT_THAT(read(Syntax::Toml, "x = { " + dotted + " = 1 }\n"), HasSubstr("nested deeper"));
  EXPECT_THAT(read(Syntax::Toml, "[" + dotted + "]\n"), HasSubstr("nested deeper than 64"));
  // Dots in texts and comments are none.
  const std::string dots(200, '.');
  EXPECT_FALSE(read_tree(Syntax::Toml, "a = '" + dots + "' # " + dots + "\n").error);
  EXPECT_FALSE(read_tree(Syntax::Toml, "a = \"\\\"" + dots + "\"\n").error);
  EXPECT_FALSE(read_tree(Syntax::Toml, "a = \"\"\"\n" + dots + "\n\"\"\"\n").error);
}

TEST(SourceTree, SizeHasALimit) {
  std::string text = "a = 1\n";
  text.resize(SourceTree::kBytesMax, '\n');
  EXPECT_FALSE(read_tree(Syntax::Toml, text).error);
  text += '\n';
  EXPECT_EQ(read(Syntax::Toml, text), "1:1: larger than 4 MiB");
}

TEST(SourceTree, FindsTabsThatIndent) {
  struct Case {
    std::string_view name;
    Syntax syntax;
    std::string_view text;
    std::uint32_t line;  // 0: none
  };
  const Case cases[] = {
      {"none", Syntax::Toml, "a = 1\n  b = 2\n", 0},
      {"within a line", Syntax::Toml, "a\t=\t1\n", 0},
      {"at a line's end", Syntax::Json, "{\t\n}", 0},
      {"an empty line", Syntax::Json, "{\n\t\n\t\r\n}", 0},
      {"TOML", Syntax::Toml, "[t]\n\ta = 1\n", 2},
      {"JSON", Syntax::Json, "{\n  \"a\": 1,\n\t\"b\": 2\n}", 3},
      {"in a text of several lines", Syntax::Toml, "a = '''\n\tx\n'''\n", 0},
      {"after a text of several lines", Syntax::Toml, "a = \"\"\"\n\tx\n\"\"\"\n\tb = 1\n", 4},
      {"a quote in a comment opens no text", Syntax::Toml, "# it's\n\ta = 1\n", 2},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    const auto tab = tab_indentation(c.syntax, c.text);
    EXPECT_EQ(tab ? tab->line : 0, c.line);
  }
}

TEST(SourceTree, TypesAreTheReadersAffair) {
  const SourceTree tree =
      read_tree(Syntax::Yaml, "t: true\ny: yes\nq: 'true'\ni: 12\nf: 1.5\ns: x\nh: 0x10\n");
  const auto at = [&tree](std::string_view key) -> const SourceNode& {
    return tree.root.member(key)->value;
  };
  EXPECT_EQ(at("t").as_bool(), true);
  EXPECT_EQ(at("y").as_bool(), std::nullopt);
  EXPECT_EQ(at("q").as_bool(), std::nullopt) << "a text in quotes is a text";
  EXPECT_EQ(at("i").as_integer(), 12);
  EXPECT_EQ(at("i").as_string(), "12");
  EXPECT_EQ(at("f").as_number(), 1.5);
  EXPECT_EQ(at("f").as_integer(), std::nullopt);
  EXPECT_EQ(at("s").as_number(), std::nullopt);
  EXPECT_EQ(at("h").as_integer(), std::nullopt);
  EXPECT_EQ(tree.root.as_scalar(), std::nullopt);
  EXPECT_EQ(read_tree(Syntax::Toml, "a = nan").root.member("a")->value.as_number(), std::nullopt);
}

}  // namespace
}  // namespace capsem::policy
