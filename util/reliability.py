#!/usr/bin/python3
"""Puts the measured worth of the signals into docs/signals.md.

    util/reliability.py [--tool build/reliability] [--data ../shared/data]

Runs the tool (make tools) over the recorded candles, writes the tables
between the markers in docs/signals.md and the plot docs/signals.svg.  Bars
are 95 % intervals of a coin that is tossed as often as there are independent
outcomes: signals divided by how many of them share a horizon.
"""
import argparse
import math
import os
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
FILES = [
    ("BTC 1D", "1D", 86400, "binance-BTCUSDT-1d-20170817-20200831.csv"),
    ("BTC 4H", "4H", 14400, "coinbase-BTCUSD-4h-20160518-20221231.csv.gz"),
    ("ETH 5M", "5M", 300, "binanceus-ETHUSD-5m-20230313-20230315.csv"),
    ("BTC 1M 2018", "1M", 60, "coinbase-BTCUSD-1m-20180404-20180406.csv.gz"),
    ("BTC 1M 2022", "1M", 60, "binance-BTCBUSD-1m-20221213.csv.gz"),
]
COLOURS = ["#1b6ca8", "#c8553d", "#3a7d44", "#8e5ea2", "#b8860b"]
MODELS = ["technical", "threshold"]
LEAST = 30              # signals in a bin that is shown
LOW, HIGH = 30, 80      # of both axes, percent
SIZE, PAD, TOP = 340, 54, 40


def parse(text):
    rows = []
    for line in text.splitlines():
        kind, *pairs = line.split()
        row = dict(pair.split("=", 1) for pair in pairs)
        row["kind"] = kind
        rows.append(row)
    return rows


def overlap(model, seconds):
    """how many signals share a horizon"""
    if model == "technical":
        return 4
    return 86400 // max(seconds, 3600)


def half_width(n, share):
    return 196 * math.sqrt(0.25 / (n / share)) if n else 0


def day(ms):
    return time.strftime("%Y-%m-%d", time.gmtime(int(ms) / 1000))


def measure(tool, data):
    out = []
    for name, timeframe, seconds, path in FILES:
        text = subprocess.run([tool, os.path.join(data, "ohlcv", path),
                               timeframe], check=True, capture_output=True,
                              text=True).stdout
        out.append((name, seconds, path, parse(text)))
    return out


def pick(rows, kind, model=None):
    return [r for r in rows
            if r["kind"] == kind and model in (None, r.get("model"))]


def tables(measured):
    lines = ["| candles | fitted on | judged on |", "| --- | --- | --- |"]
    for name, _, path, rows in measured:
        halves = ["%s rows, %s to %s" % (h["rows"], day(h["from"]),
                                         day(h["to"]))
                  for h in pick(rows, "half")]
        lines.append("| %s, `%s` | %s | %s |" % (name, path, *halves))

    lines += ["", "| model | candles | signals | independent, about "
              "| hit rate | a coin would be within | \"always up\" "
              "| mean return | Brier |",
              "| --- | --- | --- | --- | --- | --- | --- | --- | --- |"]
    for model in MODELS:
        for name, seconds, _, rows in measured:
            s = pick(rows, "score", model)[0]
            judged = int(s["count"]) - int(s["flat"])
            share = overlap(model, seconds)
            if s["known"] == "0":
                cells = ["null", "", "", "null", "null"]
            else:
                width = half_width(judged, share)
                cells = ["%.1f %%" % (100 * float(s["hit_rate"])),
                         "%.1f to %.1f %%" % (50 - width, 50 + width),
                         "%.1f %%" % (100 * float(s["up"])),
                         "%+.3f %%" % float(s["mean_return"]),
                         "%.4f" % float(s["brier"])]
            lines.append("| %s | %s | %s | %d | %s |"
                         % (model, name, s["count"], judged // share,
                            " | ".join(cells)))

    lines += ["", "| model | candles | stated confidence, mean of bin "
              "| signals | came true |", "| --- | --- | --- | --- | --- |"]
    for model in MODELS:
        for name, seconds, _, rows in measured:
            for b in pick(rows, "bin", model):
                n = int(b["n"])
                if n < LEAST:
                    continue
                lines.append("| %s | %s | %.1f %% | %d | %.1f ± %.1f %% |"
                             % (model, name, float(b["confidence"]), n,
                                100 * int(b["hits"]) / n,
                                half_width(n, overlap(model, seconds))))
    return "\n".join(lines)


def panel(x0, model, measured):
    def x(v):
        return x0 + (v - LOW) / (HIGH - LOW) * SIZE

    def y(v):
        return TOP + SIZE - (v - LOW) / (HIGH - LOW) * SIZE

    out = ['<text x="%.1f" y="%d" class="title">%s</text>'
           % (x0, TOP - 12, model)]
    for v in range(LOW, HIGH + 1, 10):
        out.append('<path class="grid" d="M%.1f %.1fH%.1fM%.1f %.1fV%.1f"/>'
                   % (x(LOW), y(v), x(HIGH), x(v), y(LOW), y(HIGH)))
        out.append('<text x="%.1f" y="%.1f" text-anchor="middle">%d</text>'
                   % (x(v), y(LOW) + 18, v))
        out.append('<text x="%.1f" y="%.1f" text-anchor="end">%d</text>'
                   % (x(LOW) - 6, y(v) + 4, v))
    out.append('<path class="true" d="M%.1f %.1fL%.1f %.1f"/>'
               % (x(LOW), y(LOW), x(HIGH), y(HIGH)))
    out.append('<text x="%.1f" y="%.1f" text-anchor="middle">stated '
               'confidence, %%</text>' % (x0 + SIZE / 2, y(LOW) + 38))

    for k, (_, seconds, _, rows) in enumerate(measured):
        for b in pick(rows, "bin", model):
            n = int(b["n"])
            if n < LEAST:
                continue
            at, hit = float(b["confidence"]), 100 * int(b["hits"]) / n
            width = half_width(n, overlap(model, seconds))
            out.append('<path stroke="%s" d="M%.1f %.1fV%.1f"/>'
                       % (COLOURS[k], x(at), y(max(LOW, hit - width)),
                          y(min(HIGH, hit + width))))
            out.append('<circle cx="%.1f" cy="%.1f" r="4" fill="%s"/>'
                       % (x(at), y(hit), COLOURS[k]))
    return out


def plot(measured):
    wide = 2 * (SIZE + PAD) + 20
    high = TOP + SIZE + 76
    out = ['<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" '
           'font-family="sans-serif" font-size="12">' % (wide, high),
           "<title>Stated confidence against what came true</title>",
           "<style>.grid{stroke:#ddd;fill:none}.true{stroke:#555;"
           "stroke-dasharray:5 4}.title{font-size:14px;font-weight:bold}"
           "</style>",
           '<rect width="%d" height="%d" fill="#fff"/>' % (wide, high),
           '<text transform="translate(14 %d) rotate(-90)" '
           'text-anchor="middle">came true, %%</text>' % (TOP + SIZE / 2)]
    for k, model in enumerate(MODELS):
        out += panel(PAD + k * (SIZE + PAD), model, measured)
    for k, (name, _, _, _) in enumerate(measured):
        left = PAD + k * 140
        out.append('<circle cx="%d" cy="%d" r="4" fill="%s"/>'
                   % (left, high - 14, COLOURS[k]))
        out.append('<text x="%d" y="%d">%s</text>'
                   % (left + 10, high - 10, name))
    return "\n".join(out + ["</svg>", ""])


def main():
    ap = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    ap.add_argument("--tool", default="build/reliability")
    ap.add_argument("--data", default="../shared/data")
    args = ap.parse_args()

    measured = measure(args.tool, args.data)
    with open("docs/signals.svg", "w", encoding="utf-8") as f:
        f.write(plot(measured))

    with open("docs/signals.md", encoding="utf-8") as f:
        text = f.read()
    begin, end = "<!-- measured -->\n", "<!-- end of measured -->"
    head, rest = text.split(begin)
    tail = rest.split(end)[1]
    with open("docs/signals.md", "w", encoding="utf-8") as f:
        f.write(head + begin + tables(measured) + "\n" + end + tail)
    return 0


if __name__ == "__main__":
    os.chdir(ROOT)
    sys.exit(main())
