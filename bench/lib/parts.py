"""The parts of bench/run: one function a group of figures."""
import json
import os
import re
import statistics
import subprocess
import sys
import time

import market
import streams
from procs import LOAD_CORE, WORKER_CORE, Bench, get, pairs, wrk
from report import figure

LUA = ["/usr/lib/nginx/modules/ndk_http_module.so",
       "/usr/lib/nginx/modules/ngx_http_lua_module.so"]
RECORDING = "../shared/data/binance-ws/hft-spot-btcusdt-20240808.log.gz"
HTTP = "trading_board %s/board; trading_stale 1h;"
LOCATIONS = "location /market/ { trading_market; }"


def quoted(body):
    """A body as an nginx string."""
    return "'" + body.replace("\\", "\\\\").replace("'", "\\'") + "'"


def base_location(path, port, of, accept=None):
    """`return 200` with the headers and size of what `of` answers."""
    status, headers, body = get(port, of, accept or {})
    if status != 200:
        raise SystemExit("bench: %s gave %d" % (of, status))
    conf = "location = %s { default_type application/json;" % path
    for name in ("ETag", "Cache-Control", "Vary", "Content-Encoding",
                 "X-Market-Stale"):
        if headers[name]:
            conf += " add_header %s %s;" % (name, quoted(headers[name]))
    text = body.decode("latin-1") if not accept else "x" * len(body)
    if "$" in text:
        raise SystemExit("bench: a variable in the body")
    return conf + " return 200 %s; }" % quoted(text), len(body)


def mkboard(b, *args):
    subprocess.run(["build/mkboard", "--fresh"] + list(args)
                   + ["instruments.json", "t/fixtures/quotes.tsv", b.dir],
                   check=True, capture_output=True)


def same_size(b, path, accept=None, modules=None, more=""):
    """Finds the answer once, then runs nginx with its `return 200` twin."""
    port = b.nginx(HTTP % b.dir, LOCATIONS)
    conf, size = base_location("/base", port, path, accept)
    b.procs.pop().terminate()
    kw = {"modules": modules} if modules else {}
    return b.nginx(HTTP % b.dir, LOCATIONS + conf + more, **kw), size


def part_quote(n, seconds):
    with Bench() as b:
        mkboard(b)
        port, size = same_size(b, "/market/prices/BTC")
        a, c, r = pairs(n, lambda: wrk(port, "/market/prices/BTC", seconds),
                        lambda: wrk(port, "/base", seconds))
    return [figure("requests/s of `GET /market/prices/BTC` against nginx's "
                   "own `return 200`, same headers and size", 0.95, r, "",
                   "%.0f against %.0f; %d bytes" % (a, c, size))]


def part_writing(n, seconds):
    with Bench() as b:
        b.marketd(LOAD_CORE, SIMULATOR_RATE="10000")
        port, size = same_size(b, "/market/prices/BTC")
        a, c, r = pairs(n, lambda: wrk(port, "/market/prices/BTC", seconds),
                        lambda: wrk(port, "/base", seconds))
    return [figure("the same while marketd writes 10,000 updates/s", 0.90, r,
                   "", "%.0f against %.0f; marketd on the load generator's "
                   "core in both" % (a, c))]


def long_location(path, body, headers):
    """`return 200` of a body beyond the 4 KB that a string may have."""
    pieces = [body[i:i + 4000] for i in range(0, len(body), 4000)]
    maps = "".join(" map 1 $piece_%d_ { default %s; }" % (i, quoted(p))
                   for i, p in enumerate(pieces))
    conf = "location = %s { default_type application/json;" % path
    for name in ("ETag", "Cache-Control"):
        conf += " add_header %s %s;" % (name, quoted(headers[name]))
    return maps, conf + " return 200 \"%s\"; }" % "".join(
        "$piece_%d_" % i for i in range(len(pieces)))


def part_candles(n, seconds):
    path = "/market/candles/BTC?interval=1h&limit=500"
    with Bench() as b:
        mkboard(b, "--series")
        port = b.nginx(HTTP % b.dir, LOCATIONS)
        _, headers, body = get(port, path)
        b.procs.pop().terminate()
        maps, base = long_location("/base", body.decode(), headers)
        port = b.nginx(HTTP % b.dir + maps, LOCATIONS + base)
        if get(port, "/base")[2] != body:
            b.fail("the base serves something else")
        a, c, r = pairs(n, lambda: wrk(port, path, seconds),
                        lambda: wrk(port, "/base", seconds))
    return [figure("`GET /market/candles/BTC?interval=1h&limit=500` against "
                   "`return 200` of the same size", 0.5, r, "",
                   "%.0f against %.0f; %d bytes, of which the base puts "
                   "together pieces of 4 KB" % (a, c, len(body)))]


def part_5000(n, seconds):
    with Bench() as few, Bench() as many:
        mkboard(few)
        mkboard(many, "--instruments", "5000")
        p1 = few.nginx(HTTP % few.dir, LOCATIONS)
        p2 = many.nginx(HTTP % many.dir, LOCATIONS)
        # every instrument in turn, not the one that sits in the cache
        script = many.path("turn.lua")
        with open(script, "w") as f:
            f.write("local i = 22\nrequest = function()\n"
                    "  i = i + 1\n  if i > 4999 then i = 23 end\n"
                    "  return wrk.format('GET', string.format("
                    "'/market/prices/SYM%04d', i))\nend\n")
        one = few.path("one.lua")
        with open(one, "w") as f:
            f.write("local i = 22\nrequest = function()\n"
                    "  i = i + 1\n  if i > 4999 then i = 23 end\n"
                    "  local s = string.format('/market/prices/SYM%04d', i)\n"
                    "  return wrk.format('GET', '/market/prices/BTC')\nend\n")
        a, c, r = pairs(n, lambda: scripted(p2, script, seconds),
                        lambda: scripted(p1, one, seconds))
    return [figure("the same with 5,000 instruments on the board, all asked "
                   "in turn, against 23", 0.95, r, "",
                   "%.0f against %.0f" % (a, c))]


def scripted(port, script, seconds):
    out = subprocess.run(["taskset", "-c", LOAD_CORE, "wrk", "-t1", "-c32",
                          "-d%ds" % round(seconds), "-s", script,
                          "http://127.0.0.1:%d" % port],
                         capture_output=True, text=True, timeout=120).stdout
    if "Non-2xx" in out:
        raise SystemExit("bench: " + out)
    return float(re.search(r"Requests/sec:\s+([\d.]+)", out).group(1))


def part_gzip(n, seconds):
    gz = {"Accept-Encoding": "gzip"}
    with Bench() as b:
        b.marketd(LOAD_CORE, SIMULATOR_RATE="100", SIMULATOR_UPDATES="1000")
        time.sleep(12)                          # until it is quiet
        port, size = same_size(b, "/market/prices", gz)
        h = ("Accept-Encoding: gzip",)
        a, c, r = pairs(n, lambda: wrk(port, "/market/prices", seconds, h),
                        lambda: wrk(port, "/base", seconds, h))
    return [figure("`GET /market/prices`, whole market, gzip, against "
                   "`return 200` of as many bytes", 0.90, r, "",
                   "%.0f against %.0f; %d bytes" % (a, c, size))]


def part_fastapi(n, seconds):
    with Bench() as b:
        mkboard(b)
        rs, sock = b.path("redis.sock"), b.path("peer.sock")
        b.start(["redis-server", "--port", "0", "--unixsocket", rs, "--save",
                 "", "--appendonly", "no", "--dir", b.dir], LOAD_CORE)
        b.wait(lambda: os.path.exists(rs), 10)
        peer = b.start(["/usr/bin/python3", "bench/peers/fastapi_peer.py"],
                       WORKER_CORE, {"PEER_REDIS": rs, "PEER_SOCKET": sock})
        b.wait(lambda: os.path.exists(sock), 20, peer)
        port = b.nginx(
            HTTP % b.dir + " upstream peer { server unix:%s; keepalive 64; }"
            % sock, LOCATIONS + """
            location /peer/ { proxy_http_version 1.1;
                proxy_set_header Connection ""; proxy_pass http://peer/; }""")
        body = get(port, "/market/prices/BTC")[2]
        subprocess.run(["redis-cli", "-s", rs, "-x", "set", "quote:BTC"],
                       input=body, check=True, capture_output=True)
        if get(port, "/peer/market/prices/BTC")[2] != body:
            b.fail("the peer serves something else")
        a, c, r = pairs(n, lambda: wrk(port, "/market/prices/BTC", seconds),
                        lambda: wrk(port, "/peer/market/prices/BTC", seconds))
    return [figure("against FastAPI + Redis behind the same nginx", 40, r,
                   "×", "%.0f against %.0f; the peer's Python shares the "
                   "worker's core, its Redis the load generator's" % (a, c))]


def part_lua(n, seconds):
    with Bench() as b:
        mkboard(b)
        port = b.nginx(HTTP % b.dir, LOCATIONS)
        _, headers, body = get(port, "/market/prices/BTC")
        b.procs.pop().terminate()
        with open(b.path("body"), "wb") as f:
            f.write(body)
        lua = """
            location /lua/ { default_type application/json;
                content_by_lua_block {
                    local s = string.upper(string.sub(ngx.var.uri, 6))
                    local v = ngx.shared.quotes:get(s)
                    if not v then return ngx.exit(404) end
                    ngx.header["ETag"] = '%s'
                    ngx.header["Cache-Control"] = '%s'
                    ngx.header["Content-Length"] = #v
                    ngx.print(v)
                } }""" % (headers["ETag"], headers["Cache-Control"])
        http_conf = HTTP % b.dir + """ lua_shared_dict quotes 10m;
            init_by_lua_block { local f = io.open("%s") ngx.shared.quotes:set(
            "BTC", f:read("*a")) f:close() }""" % b.path("body")
        from procs import MODULE
        port = b.nginx(http_conf, LOCATIONS + lua, LUA + [MODULE])
        if get(port, "/lua/BTC")[2] != body:
            b.fail("lua serves something else")
        a, c, r = pairs(n, lambda: wrk(port, "/market/prices/BTC", seconds),
                        lambda: wrk(port, "/lua/BTC", seconds))
    return [figure("against `lua_shared_dict` (Debian's "
                   "libnginx-mod-http-lua)", 1.2, r, "×",
                   "%.0f against %.0f" % (a, c))]


def part_decode(n, seconds):
    if not os.path.exists(RECORDING):
        print("skipped: no recording", file=sys.stderr)
        return []
    out = subprocess.run(["taskset", "-c", WORKER_CORE, "build/bench/decode",
                          RECORDING, str(max(5, n))], capture_output=True,
                         text=True, check=True, timeout=300).stdout
    sys.stderr.write(out)
    rates = dict((m.group(1), float(m.group(2).replace(",", "")))
                 for m in re.finditer(r"^(\w+)\s+([\d,.]+)", out, re.M))
    return [figure("recorded Binance trade and bookTicker messages decoded "
                   "and applied per second, one core", 400000,
                   rates["apply"], "",
                   "decoded only: %.0f; jansson's parsing alone: %.0f" % (
                       rates["trd_binance"], rates["jansson"]))]


def part_simulator(n, seconds):
    rates = []
    for _ in range(n):
        with Bench() as b:
            b.marketd(WORKER_CORE, SIMULATOR_RATE="0",
                      SIMULATOR_START="2026-01-01T00:00:00Z")
            time.sleep(0.5)
            out = subprocess.run(["build/bench/rate", b.path("board"),
                                  str(round(seconds))], capture_output=True,
                                 text=True, check=True).stdout
            rates.append(json.loads(out))
            print("  " + out.strip(), file=sys.stderr, flush=True)
    return [figure("simulator updates/s into the board with pages rendered "
                   "at their interval, one core", 1000000,
                   statistics.median(r["updates_per_s"] for r in rates), "",
                   "%.0f pages/s beside it" % statistics.median(
                       r["pages_per_s"] for r in rates))]


def part_latency(n, seconds):
    page, market = [], []
    for _ in range(n):
        with Bench() as b:
            b.marketd(WORKER_CORE, SIMULATOR_RATE="1000")
            time.sleep(0.5)
            out = subprocess.run(["taskset", "-c", LOAD_CORE,
                                  "build/bench/latency", b.path("board"),
                                  str(round(seconds))], capture_output=True,
                                 text=True, check=True).stdout
            print("  " + out.strip().replace("\n", "\n  "), file=sys.stderr,
                  flush=True)
            page.append(int(re.search(r"^page .*p99_us=(\d+)", out,
                                      re.M).group(1)))
            market.append(int(re.search(r"^market_page .*p99_us=(\d+)", out,
                                        re.M).group(1)))
    return [figure("update to rendered page, p99 at 1,000 updates/s", 1,
                   statistics.median(page) / 1000, " ms",
                   "whole-market page: %.2f ms" % (
                       statistics.median(market) / 1000), True)]


def part_restart(n, seconds):
    """Under deploy.sh's own supervisor: kill -9, then ask until it is new."""
    from procs import free_port
    times, ups = [], []
    with Bench() as b:
        port = str(free_port())
        cmd = ["./deploy.sh", "up", "--source", "simulator", "--port", port,
               "--state", b.path("state")]
        down = ["./deploy.sh", "down", "--state", b.path("state")]
        try:
            for i in range(3):
                t = time.time()
                subprocess.run(cmd, check=True, capture_output=True,
                               stdin=subprocess.DEVNULL, timeout=120)
                ups.append(time.time() - t)
                if i < 2:
                    subprocess.run(down, check=True, capture_output=True,
                                   timeout=60)
            for _ in range(max(n, 10)):
                time.sleep(2)
                times.append(restart_once(int(port), b.path("state")))
                print("  %.3f s" % times[-1], file=sys.stderr, flush=True)
        finally:
            subprocess.run(down, capture_output=True, timeout=60)
    return [figure("marketd killed → first fresh quote served", 1,
                   max(times), " s", "the worst of %d; median %.2f s" % (
                       len(times), statistics.median(times)), True),
            figure("`./deploy.sh up` when everything is installed and built",
                   10, statistics.median(ups), " s", "", True)]


def restart_once(port, state):
    with open(os.path.join(state, "run", "board"), "rb") as f:
        f.seek(48)          # writer_pid
        pid = int.from_bytes(f.read(4), "little")
    with open("/proc/%d/comm" % pid) as f:
        if f.read().strip() != "marketd":
            raise SystemExit("bench: pid %d is not marketd" % pid)
    os.kill(pid, 9)
    killed = time.time()
    while time.time() - killed < 10:
        status, headers, body = get(port, "/market/prices/BTC")
        if status == 200 and not headers["X-Market-Stale"]:
            q = json.loads(body)
            at = time.strptime(q["received_at"][:19], "%Y-%m-%dT%H:%M:%S")
            at = __import__("calendar").timegm(at) \
                + int(q["received_at"][20:23]) / 1000
            if not q["stale"] and at > killed:
                return time.time() - killed
        time.sleep(0.002)
    raise SystemExit("bench: no fresh quote within 10 s")


PARTS = {"quote": part_quote, "writing": part_writing,
         "candles": part_candles, "5000": part_5000,
         "gzip": part_gzip, "fastapi": part_fastapi, "lua": part_lua,
         "decode": part_decode, "simulator": part_simulator,
         "latency": part_latency, "restart": part_restart, **market.PARTS,
         **streams.PARTS}
