"""Runs the tests of one class and prints a line of JSON for each: `run.py MODULE.CLASS`; `run.py --list` names them all.

For people, `python -m unittest` in this directory does as well.
"""

import json
import pathlib
import sys
import unittest

HERE = pathlib.Path(__file__).parent


def tests_of(suite):
    for item in suite:
        if isinstance(item, unittest.TestSuite):
            yield from tests_of(item)
        else:
            yield item


def load(module):
    return unittest.defaultTestLoader.loadTestsFromName(module)


def name_of(test):
    return f"{type(test).__name__}: {test.shortDescription() or test.id()}"


class Result(unittest.TestResult):
    def _tell(self, test, **more):
        print("@result " + json.dumps({"test": name_of(test), "ok": False, **more}), flush=True)

    def addSuccess(self, test):
        super().addSuccess(test)
        self._tell(test, ok=True)

    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        self._tell(test, skipped=reason)

    def addFailure(self, test, err):
        super().addFailure(test, err)
        self._tell(test, error=self.failures[-1][1])

    def addError(self, test, err):
        super().addError(test, err)
        self._tell(test, error=self.errors[-1][1])


def main():
    sys.path.insert(0, str(HERE))
    if sys.argv[1:] == ["--list"]:
        classes = {}
        for module in sorted(path.stem for path in HERE.glob("test_*.py")):
            for test in tests_of(load(module)):
                # A module that cannot be imported is a test of unittest's own; it fails under the module's name.
                one = f"{module}.{type(test).__name__}" if type(test).__module__ == module else module
                classes.setdefault(one, []).append(name_of(test))
        print(json.dumps(classes))
        return 0
    result = Result()
    load(sys.argv[1]).run(result)
    return 0 if result.wasSuccessful() else 1


if __name__ == "__main__":
    sys.exit(main())
