"""Fails on an #include that the map of floors does not allow.

usage: layering.py PROJECT_FOLDER
       layering.py --self-test

Each folder src/core/X or src/server/X is one floor. Its CMakeLists.txt has one line
    capsem_floor(X USES other floors LIBS third-party libraries)
and that line is all the floor may include: itself, base, what USES names, headers of what LIBS
names, and the language's own headers. What another floor links is not inherited. On top of it, no
line may make the core (src/core) depend on the server, on sockets, threads, files, databases or
the clock, and no floors may form a cycle.
"""

import pathlib
import re
import sys
import tempfile

# A library's headers, as prefixes of what stands between the angle brackets.
LIBRARY_HEADERS = {
    "PkgConfig::sqlite3": ["sqlite3.h"],
    "PkgConfig::libpq": ["libpq-fe.h", "pg_config.h"],
    "PkgConfig::hiredis": ["hiredis/"],
    "PkgConfig::libsodium": ["sodium.h", "sodium/"],
    "PkgConfig::libseccomp": ["seccomp.h"],
    "Boost::headers": ["boost/"],
    "Boost::url": ["boost/url"],
    "CLI11::CLI11": ["CLI/"],
    "ICU::i18n": ["unicode/"],
    "ICU::uc": ["unicode/"],
    "OpenSSL::Crypto": ["openssl/"],
    "OpenSSL::SSL": ["openssl/"],
    "PkgConfig::brotli": ["brotli/decode.h", "brotli/types.h"],
    "PkgConfig::brotlienc": ["brotli/encode.h", "brotli/types.h"],
    "PkgConfig::hs": ["hs.h", "hs/"],
    "PkgConfig::jemalloc": ["jemalloc/"],
    "PkgConfig::re2": ["re2/"],
    "PkgConfig::simdjson": ["simdjson.h"],
    "PkgConfig::tomlplusplus": ["toml++/"],
    "PkgConfig::yamlcpp": ["yaml-cpp/"],
    "PkgConfig::zstd": ["zstd.h"],
    "Threads::Threads": ["pthread.h"],
    "ZLIB::ZLIB": ["zlib.h"],
    "capsem_phonenumber": ["phonenumbers/"],
    "fmt::fmt": ["fmt/"],
    "spdlog::spdlog": ["spdlog/"],
}

# Headers of the compiler and the system that the server may use, besides C++'s own (no dot, no
# slash in their names).
SYSTEM_HEADERS = re.compile(
    r"(sys|netinet|arpa|net|linux)/\w+\.h|\w*intrin\.h|"
    r"(assert|dirent|dlfcn|errno|fcntl|grp|ifaddrs|inttypes|limits|malloc|math|netdb|poll|pwd|sched|"
    r"signal|stddef|stdint|stdio|stdlib|string|syslog|termios|time|unistd)\.h")

# What the core may not include, whatever its CMakeLists.txt says.
CORE_FORBIDDEN = [
    (re.compile(r"(thread|mutex|shared_mutex|condition_variable|future|semaphore|latch|barrier|"
                r"stop_token|pthread\.h)$"), "threads"),
    (re.compile(r"(sys/(socket|un|epoll|select|uio)|netinet/.*|arpa/.*|net/.*|netdb|poll|ifaddrs)"
                r"\.h$|boost/(asio|beast)|nghttp2/|openssl/(ssl|bio)\.h$|experimental/net"), "sockets"),
    (re.compile(r"(fstream|filesystem|unistd\.h|fcntl\.h|dirent\.h|sys/(stat|mman)\.h)$"), "files"),
    (re.compile(r"sqlite3|libpq|pqxx/|hiredis/|postgresql/|boost/(mysql|redis)"), "databases"),
    (re.compile(r"(ctime|time\.h|sys/time\.h)$"), "the clock"),
]
CORE_FORBIDDEN_CODE = [
    (re.compile(r"::now\s*\("), "reads the clock"),
    (re.compile(r"\b(clock_gettime|gettimeofday|localtime|gmtime)(_r)?\s*\("), "reads the clock"),
    (re.compile(r"\btime\s*\(\s*(nullptr|NULL|0)\s*\)"), "reads the clock"),
    (re.compile(r"\bstd::(thread|jthread|async|this_thread)\b"), "uses threads"),
    (re.compile(r"\bstd::random_device\b"), "draws randomness of its own"),
    (re.compile(r"\bgetenv\s*\("), "reads the environment"),
]

INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*([<"])([^>"]+)[>"]', re.MULTILINE)
TOKEN = re.compile(
    r'//[^\n]*|/\*.*?\*/|R"([^()\\ ]{0,16})\(.*?\)\1"|"(?:\\.|[^"\\\n])*"|' r"'(?:\\.|[^'\\\n])+'",
    re.DOTALL)


class Floor:
    """One capsem_floor() line."""

    def __init__(self, name: str, part: str, folder: pathlib.Path, words: list[str]):
        self.name, self.part, self.folder = name, part, folder
        self.uses: list[str] = []
        self.libs: list[str] = []
        into = None
        for word in words:
            if word in ("USES", "LIBS"):
                into = self.uses if word == "USES" else self.libs
            elif into is not None:
                into.append(word)


def read_floors(root: pathlib.Path, complaints: list[str]) -> dict[str, Floor]:
    floors = {}
    for part in ("core", "server"):
        for folder in sorted(p for p in (root / "src" / part).glob("*") if p.is_dir()):
            cmake = folder / "CMakeLists.txt"
            text = re.sub(r"#[^\n]*", "", cmake.read_text()) if cmake.exists() else ""
            found = re.findall(r"\bcapsem_floor\s*\(([^)]*)\)", text)
            if len(found) != 1:
                complaints.append(f"src/{part}/{folder.name}: {len(found)} capsem_floor() lines, not 1")
                continue
            words = found[0].split()
            if words[0] != folder.name:
                complaints.append(f"src/{part}/{folder.name}: its floor is called {words[0]}")
            if folder.name in floors:
                complaints.append(f"src/{part}/{folder.name}: a second floor of that name")
            floors[folder.name] = Floor(folder.name, part, folder, words[1:])
    return floors


def check_map(floors: dict[str, Floor], complaints: list[str]) -> None:
    for floor in floors.values():
        where = f"src/{floor.part}/{floor.name}/CMakeLists.txt"
        for used in floor.uses:
            if used not in floors:
                complaints.append(f"{where}: USES {used}, which is no floor")
            elif floor.part == "core" and floors[used].part == "server":
                complaints.append(f"{where}: the core may not use the server's {used}")
        for lib in floor.libs:
            if lib not in LIBRARY_HEADERS:
                complaints.append(f"{where}: LIBS {lib}, whose headers tests/layering.py does not know")
    for cycle in cycles(floors):
        complaints.append("cycle: " + " -> ".join(cycle))


def cycles(floors: dict[str, Floor]) -> list[list[str]]:
    found, done = [], set()

    def visit(name: str, path: list[str]) -> None:
        if name in path:
            found.append(path[path.index(name):] + [name])
            return
        if name in done or name not in floors:
            return
        for used in floors[name].uses:
            visit(used, path + [name])
        done.add(name)

    for name in floors:
        visit(name, [])
    return found


def blank(match: re.Match) -> str:
    """Comments and literals say nothing to the compiler; their line ends are kept for the count."""
    return "\n" * match.group().count("\n") if match.group()[0] == "/" else '""'


def check_file(path: pathlib.Path, root: pathlib.Path, floor: Floor, floors: dict[str, Floor],
               complaints: list[str]) -> None:
    source = path.read_text()
    name = path.relative_to(root)
    for match in INCLUDE.finditer(source):
        where = f"{name}:{source.count(chr(10), 0, match.start()) + 1}"
        quote, target = match.groups()
        complaint = (check_own(target, floor, floors) if quote == '"'
                     else check_foreign(target, floor))
        if complaint:
            complaints.append(f"{where}: {complaint}")
    if floor.part == "core":
        code = TOKEN.sub(blank, source)
        for pattern, what in CORE_FORBIDDEN_CODE:
            for match in pattern.finditer(code):
                complaints.append(f"{name}:{code.count(chr(10), 0, match.start()) + 1}: "
                                  f"the core {what} ({match.group()})")


def check_own(target: str, floor: Floor, floors: dict[str, Floor]) -> str | None:
    parts = target.split("/")
    if parts[0] not in ("core", "server") or len(parts) < 3:
        return f'"{target}" does not name a floor: write the path from src/'
    used = parts[1]
    if used not in floors or floors[used].part != parts[0]:
        return f'"{target}": there is no floor {parts[0]}/{used}'
    if used in (floor.name, "base") or used in floor.uses:
        return None
    return f'"{target}": {floor.name} does not list {used} in USES'


def check_foreign(target: str, floor: Floor) -> str | None:
    if floor.part == "core":
        for pattern, what in CORE_FORBIDDEN:
            if pattern.match(target):
                return f"<{target}>: the core knows nothing of {what}"
    if re.fullmatch(r"[a-z_]+", target) or SYSTEM_HEADERS.fullmatch(target):
        return None
    if any(target.startswith(prefix) for lib in floor.libs for prefix in LIBRARY_HEADERS.get(lib, [])):
        return None
    owners = sorted(lib for lib, prefixes in LIBRARY_HEADERS.items()
                    if any(target.startswith(p) for p in prefixes))
    if owners:
        return f"<{target}>: {floor.name} does not list {' or '.join(owners)} in LIBS"
    return f"<{target}>: tests/layering.py knows no library with this header"


def check(root: pathlib.Path) -> list[str]:
    complaints: list[str] = []
    floors = read_floors(root, complaints)
    if not floors:
        return [f"{root}: no floors found"]
    check_map(floors, complaints)
    for floor in floors.values():
        for path in sorted(floor.folder.rglob("*")):
            if path.suffix in (".h", ".cc", ".hpp", ".cpp", ".inc"):
                check_file(path, root, floor, floors, complaints)
    return complaints


# ---------------------------------------------------------------- self-test

GOOD_TREE = {
    "src/core/base/CMakeLists.txt": "capsem_floor(base)",
    "src/core/base/error.h": "#include <string>\n",
    "src/core/wire/CMakeLists.txt": "# a parser\ncapsem_floor(wire LIBS PkgConfig::simdjson)",
    "src/core/wire/json.cc": '#include "core/wire/json.h"\n#include <simdjson.h>\n'
                             "// std::chrono::steady_clock::now() in a comment is no call\n"
                             'const char* text = "time(nullptr)";\n',
    "src/core/wire/json.h": '#include "core/base/error.h"\n#include <immintrin.h>\n',
    "src/server/net/CMakeLists.txt": "capsem_floor(net\n  USES wire\n  LIBS Boost::headers)",
    "src/server/net/loop.cc": "#include <boost/asio.hpp>\n#include <thread>\n#include <sys/socket.h>\n"
                              '#include "core/wire/json.h"\nauto t = std::chrono::x::now();\n',
}
# What is changed in the good tree, and a part of the complaint that must follow.
BAD_CHANGES = [
    ("src/core/wire/json.h", '#include "server/net/loop.h"\n', "does not list net in USES"),
    ("src/core/wire/json.h", '#include "core/codec/codec.h"\n', "there is no floor core/codec"),
    ("src/core/base/error.h", '#include "core/wire/json.h"\n', "does not list wire in USES"),
    ("src/core/wire/json.h", '#include "json.h"\n', "write the path from src/"),
    ("src/core/wire/json.h", "#include <fmt/format.h>\n", "does not list fmt::fmt in LIBS"),
    ("src/core/wire/json.h", "#include <no/such/library.h>\n", "knows no library"),
    ("src/core/wire/json.h", "  #  include <thread>\n", "nothing of threads"),
    ("src/core/wire/json.h", "#include <mutex>\n", "nothing of threads"),
    ("src/core/wire/json.h", "#include <sys/socket.h>\n", "nothing of sockets"),
    ("src/core/wire/json.h", "#include <boost/asio/ip/tcp.hpp>\n", "nothing of sockets"),
    ("src/core/wire/json.h", "#include <sqlite3.h>\n", "nothing of databases"),
    ("src/core/wire/json.h", "#include <fstream>\n", "nothing of files"),
    ("src/core/wire/json.cc", "auto t = std::chrono::steady_clock::now();\n", "json.cc:1: the core reads"),
    ("src/core/wire/json.cc", "auto t = std::time(nullptr);\n", "reads the clock"),
    ("src/core/wire/CMakeLists.txt", "capsem_floor(wire USES net)", "may not use the server's net"),
    ("src/core/wire/CMakeLists.txt", "capsem_floor(wire USES nothing)", "which is no floor"),
    ("src/core/wire/CMakeLists.txt", "capsem_floor(wire LIBS Nobody::knows)", "does not know"),
    ("src/core/wire/CMakeLists.txt", "# empty", "0 capsem_floor() lines"),
    ("src/core/base/CMakeLists.txt", "capsem_floor(base USES wire)\n", None),
    ("src/core/wire/CMakeLists.txt", "capsem_floor(wire USES base LIBS PkgConfig::simdjson)", None),
]


def complaints_about(tree: dict[str, str]) -> list[str]:
    with tempfile.TemporaryDirectory() as folder:
        for name, text in tree.items():
            path = pathlib.Path(folder, name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return check(pathlib.Path(folder))


def self_test() -> int:
    failures = []
    if found := complaints_about(GOOD_TREE):
        failures.append(f"the good tree: {found}")
    cyclic = dict(GOOD_TREE)
    for name, text, expected in BAD_CHANGES:
        if expected is None:  # both changes together make the cycle
            cyclic[name] = text
            continue
        tree = dict(GOOD_TREE)
        tree[name] = text if name.endswith("CMakeLists.txt") else text + tree[name]
        found = complaints_about(tree)
        if not any(expected in line for line in found):
            failures.append(f"{name} with {text!r}: expected {expected!r}, got {found}")
    if not any(line.startswith("cycle: base -> wire -> base") for line in complaints_about(cyclic)):
        failures.append("a cycle was not found")
    for line in failures:
        print(f"layering self-test: {line}")
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
