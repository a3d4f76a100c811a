"""The parts of bench/run about streams, and what bench/soak_streams needs."""
import json
import os
import re
import resource
import statistics
import subprocess
import sys
import time

from procs import LOAD_CORE, WORKER_CORE, Bench, connects, free_port
from report import figure

NCHAN = "/usr/lib/nginx/modules/ngx_nchan_module.so"
HTTP = "trading_board %s/board; trading_stale 1h;"
LOCATIONS = "location = /ws { trading_stream; %s } " \
    "location = /sse { trading_stream; %s } " \
    "location = /metrics { trading_metrics; }"
# one channel for all: a client has one subscription, as with ours
NCHAN_HTTP = "nchan_shared_memory_size 256m;"
NCHAN_LOCATIONS = """
    location = /pub { nchan_publisher http; nchan_channel_id prices;
        nchan_message_buffer_length 16; nchan_message_timeout 10s; }
    location = /ws { nchan_subscriber websocket; nchan_channel_id prices;
        nchan_subscriber_first_message newest; }"""
# so that a connection holds what it needs: the default pool of a request is
# 4 KB, and a stream's needs two of them
FRUGAL = "connection_pool_size 384; client_header_buffer_size 1k;" \
    " request_pool_size 1k;"
INSTRUMENTS = 20
INTERVAL_MS = "20"
BOUND_S = "3600"                # after that every tool ends by itself


def files():
    """As many descriptors as we may have, for us and all that we start."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return min(hard, 65536)


def skipped(why):
    print("skipped: " + why, file=sys.stderr, flush=True)


def enough(connections):
    if files() >= connections + 512:
        return True
    skipped("%d descriptors are too few for %d connections (ulimit -n)" % (
        files(), connections))
    return False


def nchan_is_there():
    if os.path.exists(NCHAN):
        return True
    skipped("no nchan to compare with: apt-get install libnginx-mod-nchan")
    return False


def symbols(n):
    with open("instruments.json") as f:
        return [i["symbol"] for i in json.load(f)["instruments"]][:n]


def path(count):
    return "/ws?channels=prices&symbols=" + ",".join(symbols(count))


def writer(b, count, rate, post=None):
    p = b.start(["build/bench/stream_writer", "instruments.json", b.dir,
                 str(count), str(rate), BOUND_S] + ([str(post)] if post
                                                    else []),
                LOAD_CORE, log="writer.log")
    b.wait(lambda: os.path.exists(b.path("board")), 10, p)
    return p


class Peer:
    """A server: where it is, and the process whose work is measured."""

    def __init__(self, b, port, pid):
        self.b, self.port, self.pid = b, port, pid

    def cpu(self):
        """Seconds, to the nanosecond."""
        with open("/proc/%d/schedstat" % self.pid) as f:
            return int(f.read().split()[0]) / 1e9

    def resident(self):
        """Bytes that it has for itself."""
        with open("/proc/%d/status" % self.pid) as f:
            return 1024 * int(re.search(r"^RssAnon:\s+(\d+) kB", f.read(),
                                        re.M).group(1))


def workers(master):
    with open("/proc/%d/task/%d/children" % (master, master)) as f:
        pids = [int(pid) for pid in f.read().split()]
    found = []
    for pid in pids:
        with open("/proc/%d/cmdline" % pid) as f:
            if "worker process" in f.read():
                found.append(pid)
    return found


def worker(b, port):
    """The one that b's newest nginx has."""
    master = b.procs[-1]
    b.wait(lambda: workers(master.pid), 10, master)
    return Peer(b, port, workers(master.pid)[0])


def ours(b, more="", location=""):
    port = b.nginx(HTTP % b.dir + more, LOCATIONS % (location, location),
                   connections=files() - 256, master="on")
    return worker(b, port)


def nchan(b, more=""):
    port = b.nginx(NCHAN_HTTP + more, NCHAN_LOCATIONS, [NCHAN],
                   connections=files() - 256, master="on")
    return worker(b, port)


def bare(b, interval_ms=INTERVAL_MS):
    port = free_port()
    p = b.start(["build/bench/stream_broadcast", b.path("board"), str(port),
                 interval_ms, BOUND_S], WORKER_CORE, log="broadcast.log")
    b.wait(lambda: connects(port), 10, p)
    return Peer(b, port, p.pid)


class Load:
    """stream_load at work; `opened` once all connections are."""

    def __init__(self, peer, where, seconds, warm=2.0, **options):
        argv = ["taskset", "-c", LOAD_CORE, "build/bench/stream_load",
                "--seconds", str(seconds), "--warm", str(warm)]
        for name, value in options.items():
            argv += ["--" + name, str(value)]
        self.peer, self.warm = peer, warm
        self.p = subprocess.Popen(argv + [str(peer.port), where],
                                  stdout=subprocess.PIPE, text=True,
                                  stdin=subprocess.DEVNULL)
        peer.b.procs.append(self.p)
        self.opened = self.p.stdout.readline()
        if not self.opened:
            peer.b.fail("the clients could not connect")

    def result(self):
        """What it measured, with the server's share of a core meanwhile."""
        time.sleep(self.warm)
        begun, cpu = time.monotonic(), self.peer.cpu()
        row = json.loads(self.p.stdout.readline())
        row["server_cpu"] = (self.peer.cpu() - cpu) / (time.monotonic()
                                                       - begun)
        self.p.wait(30)
        if row["closed"]:
            self.peer.b.fail("%d connections were closed" % row["closed"])
        return row


def show(name, row):
    print("  %-6s %9.0f updates/s  p50 %6d us  p99 %6d us  server %3.0f %%"
          "  clients %3.0f %%" % (name, row["updates_per_s"], row["p50_us"],
                                  row["p99_us"], 100 * row["server_cpu"],
                                  100 * row["client_cpu"]),
          file=sys.stderr, flush=True)


def rounds(n, ways):
    """Rows of each way, in turn; the order turns, too."""
    rows = {name: [] for name in ways}
    names = list(ways)
    for i in range(n):
        for k in range(len(names)):
            name = names[(i + k) % len(names)]
            rows[name].append(ways[name]())
            show(name, rows[name][-1])
    return rows


def median(rows, key):
    return statistics.median(r[key] for r in rows)


def ratio(a, b, key):
    return statistics.median(x[key] / max(y[key], 1) for x, y in zip(a, b))


def posted(b, peer, count, rate, run):
    """Runs while a publisher posts every update to nchan."""
    p = writer(b, count, rate, peer.port)
    try:
        return run()
    finally:
        p.terminate()
        p.wait(10)
        os.unlink(b.path("board"))


def part_stream(n, seconds):
    conns = 5000
    if not enough(conns):
        return []
    where = path(INSTRUMENTS)

    def run(peer):
        return Load(peer, where, seconds, conns=conns).result()

    with Bench() as b, Bench() as other:
        writer(b, INSTRUMENTS, 50)
        us, them = ours(b), bare(b)
        ways = {"ours": lambda: run(us), "bare": lambda: run(them)}
        if nchan_is_there():
            third = nchan(other)
            ways["nchan"] = lambda: posted(other, third, INSTRUMENTS, 50,
                                           lambda: run(third))
        rows = rounds(n, ways)
    a, c = rows["ours"], rows["bare"]
    load = "5,000 connections, 20 instruments × 50 updates/s"
    out = [figure("stream updates delivered/s, %s, against a bare C "
                  "broadcaster of the same bytes" % load, 0.7,
                  ratio(a, c, "updates_per_s"), "",
                  "%.0f against %.0f; of their cores the worker had %.0f %%, "
                  "the broadcaster %.0f %%, the clients %.0f %% and %.0f %%"
                  % (median(a, "updates_per_s"), median(c, "updates_per_s"),
                     100 * median(a, "server_cpu"),
                     100 * median(c, "server_cpu"),
                     100 * median(a, "client_cpu"),
                     100 * median(c, "client_cpu"))),
           figure("p99 from board write to client read at that load, against "
                  "the bare broadcaster's", 1.5, ratio(a, c, "p99_us"), "×",
                  "%.1f ms against %.1f ms; medians %.1f ms and %.1f ms" % (
                      median(a, "p99_us") / 1e3, median(c, "p99_us") / 1e3,
                      median(a, "p50_us") / 1e3, median(c, "p50_us") / 1e3),
                  True)]
    if "nchan" in rows:
        d = rows["nchan"]
        out.append(figure("stream updates delivered/s at that load, against "
                          "nchan (Debian's libnginx-mod-nchan)", 8,
                          ratio(a, d, "updates_per_s"), "×",
                          "%.0f against %.0f; nchan's p99 is %.1f ms" % (
                              median(a, "updates_per_s"),
                              median(d, "updates_per_s"),
                              median(d, "p99_us") / 1e3)))
    return out


def part_light(n, seconds):
    where = path(10)
    seconds = max(seconds, 20)      # 200 updates: two of them are the p99

    def run(peer):
        return Load(peer, where, seconds, 1, conns=100).result()

    with Bench() as b, Bench() as other:
        writer(b, 10, 1)
        us, them = ours(b), bare(b, "0")
        ways = {"ours": lambda: run(us), "bare": lambda: run(them)}
        if nchan_is_there():
            third = nchan(other)
            ways["nchan"] = lambda: posted(other, third, 10, 1,
                                           lambda: run(third))
        rows = rounds(n, ways)

    def ms(name, key="p99_us"):
        return "%.2f ms" % (median(rows[name], key) / 1e3)

    beside = "; the bare broadcaster's, woken likewise: " + ms("bare")
    if "nchan" in rows:
        beside += "; nchan's: " + ms("nchan")
    return [figure("p99 from board write to client read, 100 clients, 10 "
                   "updates/s in all", 1,
                   median(rows["ours"], "p99_us") / 1e3, " ms",
                   "median %s%s; runs from %.2f to %.2f ms" % (
                       ms("ours", "p50_us"), beside,
                       min(r["p99_us"] for r in rows["ours"]) / 1e3,
                       max(r["p99_us"] for r in rows["ours"]) / 1e3), True)]


def idle(peer, where, conns, times):
    """Bytes a connection, and the CPU's share in each time; pings come after
    30 s, so only a longer time has them."""
    Load(peer, where, 0.2, 0.2, conns=1).result()
    before = peer.resident()
    load = Load(peer, where, sum(times) + 4, 0, conns=conns)
    time.sleep(2)
    grown = (peer.resident() - before) / conns
    shares = []
    for seconds in times:
        begun, cpu = time.monotonic(), peer.cpu()
        time.sleep(seconds)
        shares.append((peer.cpu() - cpu) / (time.monotonic() - begun))
    load.result()
    print("  %.0f bytes a connection, CPU %s" % (grown, ", ".join(
        "%.3f %%" % (100 * s) for s in shares)), file=sys.stderr, flush=True)
    return grown, shares


def part_idle(n, seconds):
    conns = 10000
    if not enough(conns):
        return []
    with Bench() as b, Bench() as other:
        writer(b, 1, 0)
        size, shares = idle(ours(b, FRUGAL), path(1), conns, (10, 30))
        beside = ""
        if nchan_is_there():
            third = nchan(other, FRUGAL)
            theirs = posted(other, third, 1, 0,
                            lambda: idle(third, path(1), conns, (10,)))
            beside = "; nchan: %.1f KiB and %.2f %%" % (
                theirs[0] / 1024, 100 * theirs[1][0])
    what = "10,000 idle connections subscribed to a silent instrument: "
    return [figure(what + "the worker's CPU over 10 s", 0.1,
                   100 * shares[0], " %", "%.2f %% over the next 30 s, in "
                   "which all are pinged" % (100 * shares[1]), True),
            figure(what + "resident memory a connection", 6, size / 1024,
                   " KiB", "with `%s`%s" % (FRUGAL.strip(), beside), True)]


def part_slow(n, seconds):
    conns, mute = 1000, 1000
    if not enough(conns + mute):
        return []
    where = path(INSTRUMENTS)
    with Bench() as b:
        writer(b, INSTRUMENTS, 50)
        us = ours(b, "", "trading_stream_slow 1h;")
        base = []

        def alone():
            row = Load(us, where, seconds, 3, conns=conns).result()
            base.append(us.resident())
            return row

        def among():
            load = Load(us, where, seconds, 3, conns=conns + mute, mute=mute)
            time.sleep(3 + seconds * 0.8)
            full = us.resident()
            load.warm = 0
            row = load.result()
            row["resident"] = full
            return row

        alone()
        rows = rounds(n, {"alone": alone, "among": among})
        grown = max(r["resident"] for r in rows["among"]) - min(base)
    a, c = rows["among"], rows["alone"]
    return [figure("p99 of 1,000 readers among 1,000 that never read, 20 "
                   "instruments × 50 updates/s, against the readers' alone",
                   1.2, ratio(a, c, "p99_us"), "×",
                   "%.1f ms against %.1f ms" % (median(a, "p99_us") / 1e3,
                                                median(c, "p99_us") / 1e3),
                   True),
            figure("the worker's memory for those 1,000", 1000 * 64 / 1024,
                   grown / (1 << 20), " MiB", "`trading_stream_buffer` is "
                   "64k; with what a connection that reads costs, too", True)]


PARTS = {"stream": part_stream, "stream-light": part_light,
         "stream-idle": part_idle, "stream-slow": part_slow}
