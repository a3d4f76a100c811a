"""The parts of bench/run that need no nginx: what marketd does by itself."""
import datetime
import json
import os
import re
import statistics
import subprocess
import sys
import time
import zlib

from procs import WORKER_CORE, Bench
from report import figure

RECORDING = "../shared/data/binance-ws/hft-spot-btcusdt-20240808.log.gz"
MIB = 1 << 20
DAY_S = 86400


def skipped(why):
    print("skipped: " + why, file=sys.stderr, flush=True)
    return []


def run(*argv, timeout=300):
    out = subprocess.run(["taskset", "-c", WORKER_CORE] + list(argv),
                         capture_output=True, text=True, check=True,
                         timeout=timeout).stdout
    print("  " + out.strip().replace("\n", "\n  "), file=sys.stderr,
          flush=True)
    return out


def part_updates(n, seconds):
    ways = {"bare": [], "all": [], "tape": []}
    for _ in range(n):
        with Bench() as b:
            for line in run("build/bench/updates", "instruments.json", b.dir,
                            str(max(1, seconds))).splitlines():
                row = json.loads(line)
                ways[row["way"]].append(row["per_s"])

    def ratio(way):
        return statistics.median(
            x / y for x, y in zip(ways[way], ways["bare"]))

    what = "updates/s into the board with journal, candles, indicators, " \
        "signals and pages, one core, tape %s"
    against = "%.2f of quotes and journal alone, " + "%.0f" \
        % statistics.median(ways["bare"])
    return [figure(what % "off", 1000000, statistics.median(ways["all"]), "",
                   against % ratio("all")),
            figure(what % "on", 300000, statistics.median(ways["tape"]), "",
                   (against + "; the tape's thread is on the same core")
                   % ratio("tape"))]


def part_depth(n, seconds):
    if not os.path.exists(RECORDING):
        return skipped("no recording")
    out = json.loads(run("build/bench/book", RECORDING, str(4 * n + 1)))
    return [figure("recorded depth differences decoded and applied to the "
                   "local book per second, one core", 100000, out["per_s"],
                   "", "%d levels each; %.2f× jansson's parsing alone, %.0f"
                   % (out["levels"] / out["differences"],
                      out["per_s"] / out["jansson_per_s"],
                      out["jansson_per_s"]))]


def catalogue(b, count):
    """instruments.json, filled up to so many."""
    with open("instruments.json") as f:
        value = json.load(f)
    rows = value["instruments"]
    for i in range(len(rows), count):
        name = "SYM%04d" % i
        rows.append(dict(rows[0], symbol=name, base=name,
                         exchange_symbol=name + "USDT"))
    path = b.path("instruments.json")
    with open(path, "w") as f:
        json.dump(value, f)
    return path, len(rows)


def resident(pid):
    """What a process has for itself: neither the board nor other shares."""
    with open("/proc/%d/status" % pid) as f:
        text = f.read()
    return sum(int(re.search(r"^%s:\s+(\d+) kB" % k, text, re.M).group(1))
               for k in ("RssAnon", "RssFile")) * 1024


def memory(count):
    """Bytes of marketd and board: after a start, and with full rings."""
    with Bench() as b:
        path, n = catalogue(b, count)
        p = b.marketd(WORKER_CORE, instruments=path, SIMULATOR_RATE="1000")
        time.sleep(5)
        own = resident(p.pid)
        begun = own + os.stat(b.path("board")).st_blocks * 512
    with Bench() as b:
        path, n = catalogue(b, count)
        out = json.loads(run("build/bench/memory", path, b.dir))
    if out["instruments"] != n:
        raise SystemExit("bench: other instruments than asked for")
    # the process with a source and a loop, if that is more
    return n, begun, max(own, out["process_bytes"]) + out["board_bytes"], out


def part_memory(n, seconds):
    figures = []
    for count, goal in ((0, 64), (5000, 1024)):
        number, begun, full, out = memory(count)
        figures.append(figure(
            "memory of marketd and board, {:,} instruments".format(number),
            goal, max(begun, full) / MIB, " MiB",
            "with %d candles in every interval and %d trades of each, so "
            "that every ring is full; %.1f MiB shortly after start" % (
                out["candles"], out["trades"], begun / MIB), True))
    return figures


def gzipped():
    """Bytes an update of the messages themselves."""
    with subprocess.Popen(["zcat", RECORDING],
                          stdout=subprocess.PIPE) as p:
        lines = [line for line in p.stdout
                 if b"@trade" in line or b"@bookTicker" in line]
    return len(zlib.compress(b"".join(lines), 6)) / len(lines)


def part_tape(n, seconds):
    if not os.path.exists(RECORDING):
        return skipped("no recording")
    with Bench() as b:
        out = run("build/bench/tape", b.dir, RECORDING)
    rates = {m.group(1): float(m.group(2)) for m in re.finditer(
        r"^(simulator|feed), tape +\d+ updates .* ([\d.]+) bytes each", out,
        re.M)}
    return [figure("tape bytes per update, recorded Binance trades and "
                   "bookTickers", 16, rates["feed"], "",
                   "of them 8 the digest of the message; simulator, all "
                   "values moving: %.1f; the messages themselves, gzip: %.1f"
                   % (rates["simulator"], gzipped()), True)]


def write_day(path):
    """A day of trades at the recorded pace: the recorded ones, repeated with
    times and ids that go on.  How many."""
    trade = re.compile(rb'^(\d+) (.*"E":)(\d+)(.*"t":)(\d+)(.*"T":)(\d+)'
                       rb'(.*)$', re.S)
    with subprocess.Popen(["zcat", RECORDING], stdout=subprocess.PIPE) as p:
        lines = [trade.match(line).groups() for line in p.stdout
                 if b"@trade" in line]
    lines = [(int(ns), a, int(event), c, int(ident), d, int(at), e)
             for ns, a, event, c, ident, d, at, e in lines]
    ms = (lines[-1][0] - lines[0][0]) // 1000000 + 1
    ids = lines[-1][4] - lines[0][4] + 1
    times = round(DAY_S * 1000 / ms)
    with open(path, "wb") as f:
        for k in range(times):
            f.write(b"".join(
                b"%d %s%d%s%d%s%d%s" % (
                    ns + k * ms * 1000000, a, event + k * ms, c,
                    ident + k * ids, d, at + k * ms, e)
                for ns, a, event, c, ident, d, at, e in lines))
    return len(lines) * times, times


def log_time(log, event):
    found = re.search(r"^ts=(\S+)Z .*event=%s.*$" % event, log, re.M)
    if found is None:
        return None, ""
    return datetime.datetime.fromisoformat(found.group(1)), found.group(0)


def replay(source, events, tape=None):
    """Seconds from the begin to the end of a replay as fast as it goes."""
    with Bench() as b:
        env = {"TAPE_DIR": tape} if tape else {}
        p = b.marketd(WORKER_CORE, TRADING_SOURCE="replay:" + source,
                      REPLAY_SPEED="0", **env)

        def log():
            with open(b.path("marketd.log")) as f:
                return f.read()
        b.wait(lambda: "event=replay_finished" in log(), 120, p)
        text = log()
        if tape:                                # it is complete at the end
            p.terminate()
            p.wait(30)
    begin, _ = log_time(text, "replay_started")
    end, line = log_time(text, "replay_finished")
    found = int(re.search(r"events=(\d+)", line).group(1))
    if found < events or " lost=0 error=0" not in line:
        raise SystemExit("bench: the replay is not whole: " + line)
    took = (end - begin).total_seconds()
    print("  %s %.3f s" % (os.path.basename(source), took), file=sys.stderr,
          flush=True)
    return took


def part_replay(n, seconds):
    if not os.path.exists(RECORDING):
        return skipped("no recording")
    with Bench() as b:
        day = b.path("day")
        events, times = write_day(day)
        taped = statistics.median(
            replay(day, events, b.path("tape%d" % i)) for i in range(n))
        tape = b.path("tape0")
        feed = statistics.median(replay(day, events) for _ in range(n))
        again = statistics.median(replay(tape, events) for _ in range(n))
    return [figure("replay of a day of one instrument's trades as fast as it "
                   "goes", 2, feed, " s",
                   "{:,} trades: BTCUSDT's of 2024-08-08 23:54 to 24:00 as "
                   "they were received, {} times over; {:.2f} s with a tape "
                   "being kept, {:.2f} s from that tape".format(
                       events, times, taped, again), True)]


PARTS = {"updates": part_updates, "depth": part_depth, "memory": part_memory,
         "tape": part_tape, "replay": part_replay}
