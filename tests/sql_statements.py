"""Fails on SQL that is not a literal of the program (T27).

usage: sql_statements.py PROJECT_FOLDER
       sql_statements.py --self-test

Every statement that is handed to a database connection, run(STATEMENT, values...), is one of
    literals, or one of several literals that a condition chooses
    a constant (kName), or a member of a table of constants
    the parameter `statement` of a function, whose callers are then checked in the same way
and no literal that begins like a statement is joined with anything at run time. What comes from
outside is bound ($1, $2, ...), never part of the text.
"""

import pathlib
import re
import sys
import tempfile

# The drivers themselves, which hand on what they are given.
DRIVERS = {"src/server/sql/database.h", "src/server/sql/database.cc", "src/server/sql/sqlite.cc",
           "src/server/sql/postgres.cc"}

COMMENT_OR_LITERAL = re.compile(
    r'//[^\n]*|/\*.*?\*/|R"([^()\\ ]{0,16})\((.*?)\)\1"|"((?:\\.|[^"\\\n])*)"|'
    r"'(?:\\.|[^'\\\n])+'", re.DOTALL)
VERB = re.compile(r"\s*(SELECT|INSERT|UPDATE|DELETE|CREATE|DROP|ALTER|PRAGMA|WITH|REPLACE|TRUNCATE|"
                  r"VACUUM|ATTACH)\b", re.IGNORECASE)
PASSES_ON = re.compile(
    r"\b(\w+)\s*\(([^(){};]*?)\b(?:std::string_view|const char\s*\*)\s*statement\b")
# What a literal becomes in the simplified text: S for one that begins like a statement, L otherwise.
STATEMENT, OTHER = "\x01", "\x02"


def simplified(source: str) -> str:
    """Comments gone, literals one mark each, line ends kept."""
    def mark(match: re.Match) -> str:
        text = match.group()
        lines = "\n" * text.count("\n")
        if text.startswith("/"):
            return lines
        if text.startswith("'"):
            return OTHER
        body = match.group(2) if text.startswith("R") else match.group(3)
        return (STATEMENT if VERB.match(body) else OTHER) + lines
    return COMMENT_OR_LITERAL.sub(mark, source)


def arguments(code: str, at: int) -> list[str]:
    """The arguments of a call whose opening bracket is code[at]."""
    found, depth, begin = [], 0, at + 1
    for i in range(at, len(code)):
        c = code[i]
        if c in "([{":
            depth += 1
        elif c in ")]}":
            depth -= 1
            if depth == 0:
                found.append(code[begin:i])
                return found
        elif c == "," and depth == 1:
            found.append(code[begin:i])
            begin = i + 1
    return found


def is_literal(text: str) -> bool:
    text = text.strip()
    while text.startswith("(") and text.endswith(")"):
        text = text[1:-1].strip()
    # Macros among them are literals, or they would not compile.
    if re.match(f"[{STATEMENT}{OTHER}]", text) and re.fullmatch(
            rf"(?:(?:[{STATEMENT}{OTHER}](?:sv)?|[A-Z][A-Z_]+)\s*)+", text):
        return True
    if re.fullmatch(r"(?:\w+::)*k[A-Z]\w*(?:\[\w+\])?", text):
        return True
    choice = re.fullmatch(r"[^?]*\?(.*)", text, re.DOTALL)
    if not choice:
        return False
    # The colon that belongs to the first question mark; "::" is none.
    depth = 0
    for match in re.finditer(r"\?|(?<!:):(?!:)", choice.group(1)):
        if match.group() == "?":
            depth += 1
        elif depth > 0:
            depth -= 1
        else:
            return (is_literal(choice.group(1)[:match.start()])
                    and is_literal(choice.group(1)[match.end():]))
    return False


def is_member(text: str, code: str) -> bool:
    """A member of a struct, of which this file has a constexpr table."""
    match = re.fullmatch(r"\s*\w+(?:\.|->)(\w+)\s*", text)
    if not match:
        return False
    for struct in re.finditer(r"\bstruct (\w+) \{([^{}]*)\}", code):
        views = re.findall(r"(?:std::string_view|const char\s*\*)([^;]*);", struct.group(2))
        if any(re.search(rf"\b{match.group(1)}\b", names) for names in views):
            return bool(re.search(rf"\bconstexpr {struct.group(1)} k\w+\[", code))
    return False


def wrappers(sources: dict[str, str]) -> dict[str, set[int]]:
    """Functions that hand on a `statement`, and which of their parameters it is."""
    found: dict[str, set[int]] = {}
    for code in sources.values():
        for match in PASSES_ON.finditer(code):
            found.setdefault(match.group(1), set()).add(match.group(2).count(","))
    return found


def check_source(name: str, code: str, calls: dict[str, set[int]], complaints: list[str]) -> None:
    def complain(at: int, what: str) -> None:
        complaints.append(f"{name}:{code.count(chr(10), 0, at) + 1}: {what}")

    for match in re.finditer(r"(?P<call>\b\w+)\s*\(", code):
        function = match.group("call")
        method = code[:match.start()].rstrip().endswith((".", "->"))
        if function in ("for", "if", "while", "switch", "return"):
            continue
        places = {0} if function == "run" and method else calls.get(function, set())
        if not places:
            continue
        given = arguments(code, match.end() - 1)
        for place in places:
            if place >= len(given):
                continue
            text = given[place]
            declares = re.search(r"\b(?:std::string_view|const char\s*\*)\s*statement\b", text)
            if declares or text.strip() == "statement" or is_literal(text) or is_member(text, code):
                continue
            # Subcommands and threads are run, too: with a part of a list, which no text is, or nothing.
            if function == "run" and re.fullmatch(r"\s*(\w+\.subspan\(\d+\))?\s*", text):
                continue
            complain(match.start(), f"{function}(): the statement is no literal: "
                                    f"{' '.join(text.split())[:60]!r}")
    for match in re.finditer(STATEMENT, code):
        before = code[:match.start()].rstrip().rstrip(STATEMENT + OTHER + " \n")
        after = code[match.end():].lstrip(STATEMENT + OTHER + " \n")
        if before.endswith(("+", "<<")) or (after.startswith("+") and not after.startswith("++")) \
                or re.search(r"\b(format|format_to|sprintf|snprintf|append)\s*\($", before):
            complain(match.start(), "a statement is joined at run time")


def check(root: pathlib.Path) -> list[str]:
    complaints: list[str] = []
    sources = {}
    for path in sorted((root / "src" / "server").rglob("*")):
        name = str(path.relative_to(root))
        if path.suffix in (".h", ".cc") and name not in DRIVERS:
            text = path.read_text()
            sources[name] = simplified(text)
    # Only where a database can be reached at all.
    touching = {name: code for name, code in sources.items()
                if "server/sql/" in (root / name).read_text() or "sql::" in code
                or name.startswith("src/server/sql/")}
    if not touching:
        return [f"{root}: no file that uses a database was found"]
    calls = wrappers(touching)
    for name, code in touching.items():
        check_source(name, code, calls, complaints)
    return complaints


# ---------------------------------------------------------------- self-test

GOOD = '''
#include "server/sql/database.h"
struct Table { const char* select; const char* update; };
constexpr Table kTables[] = {{"SELECT 1", "UPDATE t SET a = 1"}};
struct Made { std::string_view text; };
#define COLUMNS "a, b"
constexpr const char* kCount = "SELECT count(*) FROM t";
Result<int> number_of(sql::Connection& connection, std::string_view statement, int x) {
  return connection.run(statement, {x});
}
void f(sql::Connection& connection, const Table& table, std::string_view name, bool up) {
  connection.run("SELECT a"  // why
                 " FROM t WHERE b = $1", {name});
  connection.run(R"(DELETE FROM t WHERE name = $1)", {name});
  connection->run(up ? "UPDATE t SET a = 1" : "UPDATE t SET a = 0");
  connection.run(kCount);
  connection.run(table.select, {name});
  connection.run("SELECT " COLUMNS " FROM t");
  for (const char* statement : {"SELECT 1", "SELECT 2"}) connection.run(statement);
  number_of(connection, "SELECT 1", 2);
  log("SELECTED " + name);
  thread.run();
  return known.run(words.subspan(1));
}
'''
# Each replaces the line with `connection.run(kCount);`.
BAD = [
    'connection.run("SELECT a FROM t WHERE b = \'" + name + "\'");',
    "connection.run(name);",
    "connection.run(std::string(name));",
    'connection.run(fmt::format("SELECT {}", name));',
    "connection.run(text.c_str());",
    "connection.run(table.made);",
    "connection.run(made.text);",
    "connection.run(COLUMNS);",
    'connection.run(up ? "SELECT 1" : name);',
    'connection.run(up ? name : "SELECT 1");',
    "number_of(connection, name, 1);",
    'number_of(connection, "SELECT " + name, 1);',
    'std::string later = "DELETE FROM t WHERE a = " + name;',
    'later.append("SELECT a FROM ").append(name);',
    'auto later = prefix + "SELECT a FROM t";',
]


def complaints_about(text: str) -> list[str]:
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder, "src/server/store/x.cc")
        path.parent.mkdir(parents=True)
        path.write_text(text)
        return check(pathlib.Path(folder))


def self_test() -> int:
    failures = [f"the good file: {line}" for line in complaints_about(GOOD)]
    for line in BAD:
        if not complaints_about(GOOD.replace("connection.run(kCount);", line)):
            failures.append(f"not noticed: {line}")
    if not complaints_about("int main() {}"):
        failures.append("a tree without databases must not pass")
    for line in failures:
        print(f"sql_statements self-test: {line}")
    return 1 if failures else 0


def main() -> int:
    if sys.argv[1:] == ["--self-test"]:
        return self_test()
    complaints = check(pathlib.Path(sys.argv[1]))
    for line in complaints:
        print(line)
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())
