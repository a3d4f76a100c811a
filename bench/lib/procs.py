"""Processes and measuring for bench/run: start, wait, stop by pid, wrk."""
import http.client
import os
import re
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time

MODULE = os.path.abspath("build/ngx_http_trading_module.so")
NGINX = os.environ.get("NGINX", "/usr/sbin/nginx")
WORKER_CORE, LOAD_CORE = "0", "1"


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Bench:
    """A private directory and the processes in it; all end with it."""

    def __init__(self):
        self.dir = tempfile.mkdtemp(prefix="trading-bench-", dir="/dev/shm")
        os.chmod(self.dir, 0o755)
        self.procs = []

    def __enter__(self):
        # whoever stops us stops what we started, too
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
        return self

    def __exit__(self, *exc):
        for p in reversed(self.procs):
            if p.poll() is None:
                p.send_signal(signal.SIGTERM)
        for p in reversed(self.procs):
            try:
                p.wait(10)
            except subprocess.TimeoutExpired:
                p.kill()
                p.wait()
        shutil.rmtree(self.dir, ignore_errors=True)

    def path(self, name):
        return os.path.join(self.dir, name)

    def start(self, argv, core=None, env=None, log="proc.log"):
        if core is not None:
            argv = ["taskset", "-c", core] + argv
        out = open(self.path(log), "ab")
        p = subprocess.Popen(argv, stdout=out, stderr=out,
                             stdin=subprocess.DEVNULL,
                             env=dict(os.environ, **(env or {})))
        self.procs.append(p)
        return p

    def marketd(self, core, **env):
        base = {"TRADING_RUN_DIR": self.dir, "HISTORY_DIR": self.dir,
                "INSTRUMENTS_FILE": env.pop("instruments",
                                            "instruments.json")}
        p = self.start([os.path.abspath("build/marketd")], core,
                       dict(base, **env), "marketd.log")
        self.wait(lambda: os.path.exists(self.path("board")), 20, p)
        return p

    def nginx(self, http_conf, locations, modules=(MODULE,), connections=512,
              master="off"):
        port = free_port()
        conf = self.path("nginx.conf")
        with open(conf, "w") as f:
            f.write("".join("load_module %s;\n" % m for m in modules))
            f.write("""
daemon off; master_process %(master)s; worker_processes 1;
pid %(d)s/nginx.pid; error_log %(d)s/error.log warn;
events { worker_connections %(n)d; }
http {
    access_log off; keepalive_requests 1000000000; keepalive_timeout 600s;
    client_body_temp_path %(d)s/b; proxy_temp_path %(d)s/p;
    fastcgi_temp_path %(d)s/f; uwsgi_temp_path %(d)s/u;
    scgi_temp_path %(d)s/s;
    default_type application/json;
    %(http)s
    server { listen 127.0.0.1:%(port)d backlog=4096; %(loc)s }
}
""" % {"d": self.dir, "http": http_conf, "port": port, "loc": locations,
       "n": connections, "master": master})
        p = self.start([NGINX, "-c", conf, "-p", self.dir, "-e",
                        self.path("error.log")], WORKER_CORE, None,
                       "nginx.log")
        self.wait(lambda: connects(port), 10, p)
        return port

    def wait(self, cond, seconds, proc=None):
        end = time.time() + seconds
        while not cond():
            if proc is not None and proc.poll() is not None:
                self.fail("a process ended with %s" % proc.returncode)
            if time.time() > end:
                self.fail("timed out")
            time.sleep(0.02)

    def fail(self, why):
        for name in os.listdir(self.dir):
            if name.endswith(".log"):
                with open(self.path(name), errors="replace") as f:
                    sys.stderr.write("--- %s\n%s" % (name, f.read()[-2000:]))
        raise SystemExit("bench: " + why)


def connects(port):
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
        return True
    except OSError:
        return False


def get(port, path, headers=None):
    c = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    c.request("GET", path, headers=headers or {})
    r = c.getresponse()
    body = r.read()
    c.close()
    return r.status, r.headers, body


def wrk(port, path, seconds, headers=()):
    argv = ["taskset", "-c", LOAD_CORE, "wrk", "-t1", "-c32",
            "-d%ds" % max(1, round(seconds))]
    for h in headers:
        argv += ["-H", h]
    out = subprocess.run(argv + ["http://127.0.0.1:%d%s" % (port, path)],
                         capture_output=True, text=True, timeout=120).stdout
    bad = re.search(r"Non-2xx.*?(\d+)$|Socket errors: (.*)$", out, re.M)
    if bad:
        raise SystemExit("bench: wrk saw errors at %s:\n%s" % (path, out))
    return float(re.search(r"Requests/sec:\s+([\d.]+)", out).group(1))


def pairs(n, a, b):
    """Alternates a() and b(); medians of both and of the pairs' ratios."""
    ra, rb = [], []
    a(), b()                                    # warm up, not counted
    for i in range(n):
        first, second = (a, b) if i % 2 == 0 else (b, a)
        x, y = first(), second()
        ra.append(x if i % 2 == 0 else y)
        rb.append(y if i % 2 == 0 else x)
        print("  %.0f %.0f  %.3f" % (ra[-1], rb[-1], ra[-1] / rb[-1]),
              file=sys.stderr, flush=True)
    ratios = [x / y for x, y in zip(ra, rb)]
    return (statistics.median(ra), statistics.median(rb),
            statistics.median(ratios))
