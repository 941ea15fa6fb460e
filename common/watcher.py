"""Say why a script ended while its standard error was turned away.

`common/startup.py` starts this program as a process of its own, and ends it when Keras is loaded.
If the script ends before that, this program goes on, and prints the reason that it has read from
the script's standard error. It needs no other file and no package. Its two arguments are the lines
to print before and after the reason.
"""

import re
import sys

DATE = r"\d{4}-\d\d-\d\d .*: "
FATAL = re.compile(rf"F\d{{4}} |{DATE}F ")  # TensorFlow's and XLA's log, of two kinds
CHATTER = re.compile(rf"[IWE]\d{{4}} |{DATE}[IWE] |WARNING: All log messages|To enable the |\s*$")


def watch(lines, beginning, advice):
    """Print the reason as soon as it is read, or, when `lines` end, what there is."""
    others = []
    for line in lines:
        if FATAL.match(line):
            report([line], beginning, advice)
            for _ in lines:  # read the rest: a closed pipe would end the script in another way
                pass
            return
        if not CHATTER.match(line):
            others.append(line)
    report(others[:3], beginning, advice)


def report(reasons, beginning, advice):
    reasons = [reason.rstrip() for reason in reasons if reason.strip()]
    print(beginning, *reasons or ["(no reason given)"], advice, sep="\n", file=sys.stderr)


if __name__ == "__main__":
    sys.stdin.reconfigure(encoding="utf-8", errors="replace")
    watch(sys.stdin, *sys.argv[1:])
