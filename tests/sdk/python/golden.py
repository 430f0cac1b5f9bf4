"""The golden calls of corpus/web-api.json, see golden.mjs."""

import json
import pathlib
import re

CORPUS = pathlib.Path(__file__).resolve().parents[1] / "corpus"


def read_corpus(name):
    return json.loads((CORPUS / name).read_text(encoding="utf-8"))


def fill(value, saved):
    if isinstance(value, list):
        return [fill(v, saved) for v in value]
    if not isinstance(value, dict):
        return value
    if "$saved" in value:
        return saved[value["$saved"]]
    return {k: fill(v, saved) for k, v in value.items()}


def assert_contains(actual, expected, where):
    """That all of `expected` is in `actual`; lists must be as long."""
    if isinstance(expected, dict) and "$match" in expected:
        assert re.search(expected["$match"], str(actual)), f"{where} is {actual!r}"
    elif isinstance(expected, list):
        assert isinstance(actual, list) and len(actual) == len(expected), f"{where} is {actual!r}"
        for i, e in enumerate(expected):
            assert_contains(actual[i], e, f"{where}[{i}]")
    elif isinstance(expected, dict):
        assert isinstance(actual, dict), f"{where} is {actual!r}"
        for key, e in expected.items():
            assert_contains(actual.get(key), e, f"{where}.{key}")
    else:
        assert actual == expected, f"{where} is {actual!r}, not {expected!r}"


def run_golden(calls, call):
    """Makes all calls by `call(method, args, verb)`, which gives the answer as a dict, and compares."""
    saved = {}
    for i, one in enumerate(calls):
        actual = call(one["method"], fill(one.get("args", {}), saved), one.get("verb", "POST"))
        assert_contains(actual, fill(one["answer"], saved), f"#{i} {one['method']}")
        for name, path in one.get("save", {}).items():
            value = actual
            for key in path.split("."):
                value = value[key]
            saved[name] = value
