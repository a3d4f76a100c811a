"""The table of figures, on the terminal and in docs/performance.md."""
import datetime
import os
import platform
import re
import subprocess

BEGIN, END = "<!-- figures: begin -->", "<!-- figures: end -->"
HEAD = ["| what | goal | measured | | medians behind it |",
        "| --- | --- | --- | --- | --- |"]
OLDER = "\n\n† of an earlier day or another machine, not measured again."


def figure(what, goal, value, unit="", detail="", at_most=False):
    reached = value <= goal if at_most else value >= goal
    return {"what": what, "goal": goal, "value": value, "unit": unit,
            "detail": detail, "at_most": at_most, "reached": reached}


def number(v):
    if abs(v) >= 1000:
        return "{:,.0f}".format(v)
    return "%.2f" % v if abs(v) >= 10 else "%.3f" % v


def row(f):
    return "| %s | %s %s%s | **%s%s** | %s | %s |" % (
        f["what"], "≤" if f["at_most"] else "≥", number(f["goal"]),
        f["unit"], number(f["value"]), f["unit"],
        "reached" if f["reached"] else "NOT reached", f["detail"])


def table(figures, rows=None):
    return "\n".join(HEAD + (rows or [row(f) for f in figures]))


def combine(old, figures, marked):
    """The rows there were, with those of this run in their places; the rest
    may be marked as older."""
    new = {f["what"]: row(f) for f in figures}
    rows = []
    for line in old:
        what = line.split(" | ")[0][2:]
        if what in new:
            rows.append(new.pop(what))
        elif marked:
            rows.append(re.sub(r"\b(reached)( †)? \|", r"\1 † |", line))
        else:
            rows.append(line)
    return rows + list(new.values())


def machine():
    cpu = "unknown processor"
    with open("/proc/cpuinfo") as f:
        m = re.search(r"model name\s*: (.*)", f.read())
        cpu = m.group(1) if m else cpu
    nginx = subprocess.run(["/usr/sbin/nginx", "-v"], capture_output=True,
                           text=True).stderr.strip()
    return "%s, %d cores, Linux %s, %s" % (
        cpu, os.cpu_count(), platform.release(), nginx)


def write(path, figures, whole):
    """whole: every part was run, so that no other row has any business."""
    with open(path) as f:
        text = f.read()
    before, rest = text.split(BEGIN)
    old, after = rest.split(END)
    rows = [row(f) for f in figures]
    where = "%s, on %s." % (datetime.date.today().isoformat(), machine())
    if not whole:
        rows = combine([line for line in old.split("\n")
                        if line.startswith("| ") and line not in HEAD],
                       figures, where not in old)
    body = "\n\n%s\n\n%s%s\n\n" % (
        where, table([], rows),
        OLDER if any("† |" in line for line in rows) else "")
    with open(path, "w") as f:
        f.write(before + BEGIN + body + END + after)
