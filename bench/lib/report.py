"""The table of figures, on the terminal and in docs/performance.md."""
import datetime
import os
import platform
import re
import subprocess

BEGIN, END = "<!-- figures: begin -->", "<!-- figures: end -->"


def figure(what, goal, value, unit="", detail="", at_most=False):
    reached = value <= goal if at_most else value >= goal
    return {"what": what, "goal": goal, "value": value, "unit": unit,
            "detail": detail, "at_most": at_most, "reached": reached}


def number(v):
    if abs(v) >= 1000:
        return "{:,.0f}".format(v)
    return "%.2f" % v if abs(v) >= 10 else "%.3f" % v


def table(figures):
    rows = ["| what | goal | measured | | medians behind it |",
            "| --- | --- | --- | --- | --- |"]
    for f in figures:
        rows.append("| %s | %s %s%s | **%s%s** | %s | %s |" % (
            f["what"], "≤" if f["at_most"] else "≥", number(f["goal"]),
            f["unit"], number(f["value"]), f["unit"],
            "reached" if f["reached"] else "NOT reached", f["detail"]))
    return "\n".join(rows)


def machine():
    cpu = "unknown processor"
    with open("/proc/cpuinfo") as f:
        m = re.search(r"model name\s*: (.*)", f.read())
        cpu = m.group(1) if m else cpu
    nginx = subprocess.run(["/usr/sbin/nginx", "-v"], capture_output=True,
                           text=True).stderr.strip()
    return "%s, %d cores, Linux %s, %s" % (
        cpu, os.cpu_count(), platform.release(), nginx)


def write(path, figures):
    with open(path) as f:
        text = f.read()
    before, rest = text.split(BEGIN)
    after = rest.split(END)[1]
    body = "\n\n%s, on %s.\n\n%s\n\n" % (
        datetime.date.today().isoformat(), machine(), table(figures))
    with open(path, "w") as f:
        f.write(before + BEGIN + body + END + after)
