"""From a row of `capsem coverage --json`: the smallest JSON value that holds a word in that field.

The grammar of the paths is that of src/core/codec/field.h. This is a second reading of it, made for
tests through the whole program.
"""

import re


def snake(name: str) -> str:
    return re.sub(r"[A-Z]", lambda m: "_" + m.group(0).lower(), name)


def segments(path: str) -> list[str]:
    """Splits at the dots that are not inside brackets."""
    out, depth = [""], 0
    for c in path:
        depth += (c == "[") - (c == "]")
        if c == "." and depth == 0:
            out.append("")
        else:
            out[-1] += c
    return out


def layers(path: str, alternative=0, spelling=lambda name: name) -> list[tuple]:
    """From the outside in: ("member", name), ("element",), ("select", key, value), ("index", key)."""
    out = []
    for segment in segments(path):
        name = re.match(r"[^\[!@#]*", segment).group(0)
        chosen = bool(out) and out[-1][0] in ("select", "index")
        if name == "*" or (name == "**" and chosen):
            out.append(("member", "any_member"))
        elif name not in ("$", "**"):
            out.append(("member", spelling(name)))
        for suffix in re.findall(r"\[[^\]]*\]|#\w+", segment[len(name):]):
            inside = suffix.strip("[]").removeprefix("+")
            if suffix.startswith("[") and name != "$":
                out.append(("element",))
            if "=" in inside:
                key, values = inside.split("=", 1)
                options = values.split("|")
                out.append(("select", spelling(key), options[min(alternative, len(options) - 1)]))
            elif inside.startswith("#"):
                out.append(("index", inside[1:]))
    return out


def leaf(treatment: str, word: str):
    if treatment == "json":
        return {"a key": ["x", word]}
    if treatment == "keys":
        return {word: -0.5}
    if treatment == "bytes":
        return list(word.encode())
    if treatment == "media":
        return f"https://example.org/{word}.png"  # a bare word would pass for base64
    if treatment in ("opaque", "blob", "end", "kind"):
        # While it looks opaque it is not inspected; nor is a kind that nobody knows, where kinds
        # choose what an item is.
        return f"not opaque: {word}!"
    return word


def sample(row: dict, word: str, alternative=0, spelling=lambda name: name):
    value = leaf(row["treatment"], word)
    for layer in reversed(layers(row["path"], alternative, spelling)):
        kind = layer[0]
        if kind == "member":
            value = {layer[1]: value}
        elif kind == "element":
            value = [value]
        elif isinstance(value, dict) and layer[1] not in value:
            if kind == "select" and layer[2]:
                value = {layer[1]: True if layer[2] == "true" else layer[2], **value}
            elif kind == "index":
                value = {layer[1]: "$.a" if layer[1] in ("jsonPath", "json_path") else 3, **value}
    return value


def alternatives(path: str) -> int:
    return max([1] + [inside.count("|") + 1 for inside in re.findall(r"\[([^\]]*)\]", path)])


def event_name(path: str, alternative=0) -> str:
    """The `event:` name that belongs to a stream row's sample; empty when its dialect has none."""
    match = re.match(r"\$\[type=([^\]]*)\]", path)
    if not match:
        return ""
    options = match.group(1).split("|")
    return options[min(alternative, len(options) - 1)]
