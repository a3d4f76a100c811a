#!/bin/bash
# Copyright (C) the ngx_trading authors
# SPDX-License-Identifier: BSD-2-Clause
#
# Runs the tests: ./test.sh [lint] [unit] [t] [web] [e2e] [fault] [clients].
# Without an argument all but the long ones (the fault tests in their short
# form).  Ends with "N passed, N failed", alone on a line; exit 1 on a failure.
# Logs are kept in build/test-logs.

# shellcheck source=deploy/common.sh
# shellcheck source=tests/web.sh

set -u
umask 022
export LC_ALL=C.UTF-8

root=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P) || exit 1
cd "$root" || exit 1
. deploy/common.sh || exit 1
. tests/web.sh || exit 1

exec < /dev/null

passed=0 failed=0 skipped=0
logs=build/test-logs
boards=''
board_pids=()

# tests that run beside each other: the output of each, by its pid
jobs=2
running=()
counts=''

# result NAME PASSED FAILED SKIPPED LOG: counts, and shows what went wrong
result()
{
    local colour=$c_ok word=ok

    if [ -n "$counts" ]; then
        echo "$2 $3 $4" >> "$counts"
    else
        passed=$((passed + $2))
        failed=$((failed + $3))
        skipped=$((skipped + $4))
    fi

    if [ "$3" -gt 0 ]; then
        colour=$c_bad word=FAILED
    fi
    printf '    %s%-6s%s %-44s %d passed, %d failed' "$colour" "$word" \
        "$c_off" "$1" "$2" "$3"
    [ "$4" -eq 0 ] || printf ', %d skipped' "$4"
    printf '\n'

    if [ "$3" -gt 0 ] && [ -s "$5" ]; then
        printf '%s--- last lines of %s%s\n' "$c_dim" "$5" "$c_off"
        tail -n 40 "$5"
        printf '%s---%s\n' "$c_dim" "$c_off"
    fi
}

# skip NAME NUMBER REASON...: tests that cannot be run here, and why
skip()
{
    local name=$1 number=$2
    shift 2
    echo "skipped: $*" > "$(log_of "$name")"
    result "$name" 0 0 "$number" ''
    note "skipped $name: $*"
}

# log_of NAME: where the output of a test goes
log_of()
{
    printf '%s/%s.log' "$logs" "${1//[^A-Za-z0-9._-]/-}"
}

# run_plain NAME SECONDS COMMAND...: one test that says nothing of numbers
run_plain()
{
    local name=$1 limit=$2 log
    shift 2
    log=$(log_of "$name")
    if timeout -k 5 "$limit" "$@" > "$log" 2>&1; then
        result "$name" 1 0 0 "$log"
    else
        echo "exit status $?" >> "$log"
        result "$name" 0 1 0 "$log"
    fi
}

# run_cmocka NAME COMMAND...: cmocka counts by itself
run_cmocka()
{
    local name=$1 log rc=0 good bad skip
    shift
    log=$(log_of "$name")
    timeout -k 5 600 "$@" > "$log" 2>&1 || rc=$?

    good=$(sed -n 's/^\[  PASSED  \] \([0-9]*\) test(s).*/\1/p' "$log" |
        awk '{ n += $1 } END { print n + 0 }')
    bad=$(sed -n 's/^\[  FAILED  \] \([0-9]*\) test(s).*/\1/p' "$log" |
        awk '{ n += $1 } END { print n + 0 }')
    skip=$(sed -n 's/^\[  SKIPPED \] \([0-9]*\) test(s).*/\1/p' "$log" |
        awk '{ n += $1 } END { print n + 0 }')

    # died without a word, or lied
    if [ "$rc" -ne 0 ] && [ "$bad" -eq 0 ]; then
        echo "exit status $rc" >> "$log"
        bad=1
    elif [ $((good + bad + skip)) -eq 0 ]; then
        echo "no test was run" >> "$log"
        bad=1
    fi
    result "$name" "$good" "$bad" "$skip" "$log"
}

# run_python NAME FILE: unittest counts by itself
run_python()
{
    local name=$1 log rc=0 ran bad skip
    log=$(log_of "$name")
    # one in the background would not hear of an interrupt
    timeout -k 5 900 env --default-signal=INT \
        /usr/bin/python3 -B -m unittest -v "$2" > "$log" 2>&1 || rc=$?

    ran=$(sed -n 's/^Ran \([0-9]*\) tests\{0,1\} in .*/\1/p' "$log" | tail -n 1)
    ran=${ran:-0}
    bad=$(sed -n 's/^FAILED (\(.*\))$/\1/p' "$log" | tail -n 1 |
        tr ',' '\n' | awk -F= '/failures|errors|unexpected/ { n += $2 }
            END { print n + 0 }')
    skip=$(sed -n 's/^\(OK\|FAILED\) (.*skipped=\([0-9]*\).*/\2/p' "$log" |
        tail -n 1)
    skip=${skip:-0}

    if [ "$rc" -ne 0 ] && [ "$bad" -eq 0 ]; then
        echo "exit status $rc" >> "$log"
        bad=1
    elif [ "$ran" -eq 0 ] && [ "$bad" -eq 0 ]; then
        echo "no test was run" >> "$log"
        bad=1
    fi

    # an error in setUpClass is no test that ran
    ran=$((ran - bad - skip))
    [ "$ran" -ge 0 ] || ran=0
    result "$name" "$ran" "$bad" "$skip" "$log"
}

# run_prove NAME FILE: TAP
run_prove()
{
    local name=$1 log rc=0 good bad skip
    log=$(log_of "$name")
    timeout -k 5 600 prove --norc --nocolor -v -It/lib "$2" \
        > "$log" 2>&1 || rc=$?

    good=$(grep -cE '^ok [0-9]+' "$log")
    skip=$(grep -cE '^ok [0-9]+.*# *(skip|SKIP|TODO)' "$log")
    bad=$(grep -E '^not ok [0-9]+' "$log" | grep -cvE '# *TODO')

    if [ "$rc" -ne 0 ] && [ "$bad" -eq 0 ]; then
        echo "exit status $rc" >> "$log"
        bad=1
    fi
    result "$name" $((good - skip)) "$bad" "$skip" "$log"
}

# beside COMMAND...: a test in the background, as soon as fewer than $jobs run
beside()
{
    local out

    while [ ${#running[@]} -ge $jobs ]; do
        collect
    done

    out=$(mktemp "$logs/.beside-XXXXXX") || exit 1
    (
        counts=$out.counts
        trap - EXIT
        "$@"
    ) > "$out" 2>&1 &
    running[$!]=$out
}

# collect: shows and counts the next that is done
collect()
{
    local pid out good bad skip

    while :; do
        for pid in "${!running[@]}"; do
            kill -0 "$pid" 2> /dev/null || break 2
        done
        sleep 0.05
    done

    out=${running[$pid]}
    unset "running[$pid]"
    wait "$pid"
    cat "$out"

    if [ -s "$out.counts" ]; then
        while read -r good bad skip; do
            passed=$((passed + good))
            failed=$((failed + bad))
            skipped=$((skipped + skip))
        done < "$out.counts"
    else
        result "a test that ended without a result" 0 1 0 "$out"
    fi
    rm -f "$out" "$out.counts"
}

collect_all()
{
    while [ ${#running[@]} -gt 0 ]; do
        collect
    done
}

# end_running: whoever interrupts this leaves nothing behind
end_running()
{
    local pid

    for pid in "${!running[@]}"; do
        pkill -INT -P "$pid"
        wait "$pid"
        rm -f "${running[$pid]}" "${running[$pid]}.counts"
    done
    running=()
}

# make_step WHAT TARGET...: 1 if it cannot be built, which counts as a failure
make_step()
{
    local what=$1 log begun=$SECONDS
    shift
    log=$(log_of "build-$what")
    : > "$log"

    if make -q "$@" > /dev/null 2>&1; then
        return
    fi
    note "building: $what"
    # configure's own test programs leak, and need not be told
    if ! ASAN_OPTIONS=detect_leaks=0 build "$log" "$@"; then
        result "build: $what" 0 1 0 "$log"
        return 1
    fi
    note "built in $((SECONDS - begun)) s"
}

normal_build()
{
    make_step normal build/marketd build/tradingctl \
        build/ngx_http_trading_module.so tools
}

asan_build()
{
    make_step asan SAN=1 build/asan/marketd build/asan/tradingctl \
        build/asan/ngx_http_trading_module.so unit-bins
}

part_lint()
{
    local log line good=0 bad=0
    log=$(log_of lint)

    normal_build || return
    util/lint > "$log" 2>&1
    while IFS= read -r line; do
        case $line in
        'ok  '*) good=$((good + 1)) ;;
        'FAILED  '*) bad=$((bad + 1)) ;;
        esac
    done < "$log"
    [ $((good + bad)) -gt 0 ] || bad=1
    result lint "$good" "$bad" 0 "$log"
}

part_unit()
{
    local test name target

    if make_step unit unit-bins; then
        for test in tests/unit/test_*.c; do
            [ -e "$test" ] || continue
            name=$(basename "$test" .c)
            beside run_cmocka "unit/$name" "build/unit/$name"
        done
        collect_all
    fi

    if make_step 'unit, ASan and UBSan' SAN=1 unit-bins; then
        for test in tests/unit/test_*.c; do
            [ -e "$test" ] || continue
            name=$(basename "$test" .c)
            beside run_cmocka "unit/$name (ASan, UBSan)" \
                env UBSAN_OPTIONS=print_stacktrace=1 "build/asan/unit/$name"
        done
        collect_all
    fi

    for test in tests/feed/test_*.py; do
        [ -e "$test" ] || continue
        run_python "feed/$(basename "$test")" "$test"
    done

    # fuzz targets once over what they have found so far
    if make_step fuzz fuzz-bins; then
        for target in tests/fuzz/fuzz_*.c; do
            [ -e "$target" ] || continue
            name=$(basename "$target" .c)
            beside run_plain "fuzz/$name (kept corpus)" 120 \
                "build/fuzz/$name" -runs=0 "tests/fuzz/corpus/$name"
        done
        collect_all
    fi
}

# board NAME OPTION...: a fixture board in its own folder; one with --serve
# keeps its heartbeat for as long as the tests may take
board()
{
    local name=$1
    shift

    mkdir "$boards/$name" || return 1
    case " $* " in
    *' --serve '*)
        build/mkboard "$@" instruments.json t/fixtures/quotes.tsv \
            "$boards/$name" &
        board_pids+=($!)
        for _ in {1..100}; do
            [ ! -s "$boards/$name/board" ] || return 0
            sleep 0.05
        done
        return 1
        ;;
    *)
        build/mkboard "$@" instruments.json t/fixtures/quotes.tsv \
            "$boards/$name"
        ;;
    esac
}

# The boards that t/ reads.  All hold the quotes of t/fixtures/quotes.tsv at
# a clock that stands still, but FRESH.
#   BOARD   its writer lives           OLD     its writer died a minute ago
#   EMPTY   instruments, no quotes     BAD     not a board
#   FRESH   quotes of this moment      NONE    there is none
#   SERIES  with candles, trades, books and technical signals
make_boards()
{
    boards=$(mktemp -d /dev/shm/trading-test-XXXXXX) || return 1
    chmod 755 "$boards"

    board good --serve 1800000 &&
        board empty --empty --serve 1800000 &&
        board fresh --fresh --serve 1800000 &&
        board series --series --serve 1800000 &&
        board old --stale --beat-ago 60000 &&
        board bad || return 1
    # the magic, so that no reader may believe a word
    printf 'NOTABRD!' |
        dd of="$boards/bad/board" conv=notrunc status=none || return 1

    export TEST_NGINX_BOARD=$boards/good/board
    export TEST_NGINX_BOARD_OLD=$boards/old/board
    export TEST_NGINX_BOARD_EMPTY=$boards/empty/board
    export TEST_NGINX_BOARD_FRESH=$boards/fresh/board
    export TEST_NGINX_BOARD_SERIES=$boards/series/board
    export TEST_NGINX_BOARD_BAD=$boards/bad/board
    export TEST_NGINX_BOARD_NONE=$boards/none/board
}

remove_boards()
{
    local pid

    for pid in "${board_pids[@]}"; do
        kill "$pid" 2> /dev/null
        wait "$pid" 2> /dev/null
    done
    board_pids=()

    case $boards in
    /dev/shm/trading-test-??????) rm -rf "$boards" ;;
    esac
    boards=''
}

# nginx.conf.example as deploy.sh instantiates it must please nginx
example_conf()
{
    local dir rc
    dir=$(mktemp -d /dev/shm/trading-conf-XXXXXX) || return 1
    mkdir "$dir/tmp"

    sed -e "s|/usr/lib/nginx/modules/\(ngx_http_trading\)|$root/build/\1|" \
        -e "s|/run/nginx.pid|$dir/nginx.pid|" \
        -e "s|/run/trading|$dir|" \
        -e "s|/var/log/nginx|$dir|" \
        -e "s|/var/lib/nginx|$dir/tmp|" \
        nginx.conf.example > "$dir/nginx.conf"

    nginx -t -e stderr -p "$dir" -c "$dir/nginx.conf" > "$dir/out" 2>&1
    rc=$?
    cat "$dir/out"
    # a warning is a fault, but that "user" needs root is none of ours
    ! grep -v 'the "user" directive makes sense only' "$dir/out" |
        grep -q '\[warn\]' || rc=1
    rm -rf "$dir"
    return $rc
}

part_t()
{
    local test log wrapper

    normal_build || return
    run_plain 'nginx -t of nginx.conf.example' 30 ./test.sh --example-conf

    log=$(log_of boards)
    make_boards > "$log" 2>&1 || {
        result "fixture boards" 0 1 0 "$log"
        return
    }

    export TEST_NGINX_BINARY=/usr/sbin/nginx
    export TEST_NGINX_LOAD_MODULES=$root/build/ngx_http_trading_module.so

    # each has a directory and ports of its own
    unset TEST_NGINX_SERVROOT TEST_NGINX_PORT

    for test in t/*.t; do
        [ -e "$test" ] || continue
        beside run_prove "$test" "$test"
    done
    collect_all

    asan_build || return

    # only nginx is to carry the sanitizers, not perl around it
    wrapper=$root/build/asan/nginx-asan
    cat > "$wrapper" << 'WRAPPER' && chmod 755 "$wrapper" || exit 1
#!/bin/sh
ASAN_OPTIONS=detect_leaks=0:$ASAN_OPTIONS
UBSAN_OPTIONS=print_stacktrace=1:$UBSAN_OPTIONS
LD_PRELOAD=$(gcc -print-file-name=libasan.so)
export ASAN_OPTIONS UBSAN_OPTIONS LD_PRELOAD
exec /usr/sbin/nginx "$@"
WRAPPER
    export TEST_NGINX_BINARY=$wrapper
    export TEST_NGINX_LOAD_MODULES=$root/build/asan/ngx_http_trading_module.so

    # the runner's own tests are not about the module
    for test in t/*.t; do
        case $test in
        t/runner_*) continue ;;
        esac
        [ ! -e "$test" ] || beside run_prove "$test (ASan, UBSan)" "$test"
    done
    collect_all
}

# part_python FOLDER [beside]
part_python()
{
    local test

    normal_build || return
    for test in "tests/$1"/test_*.py; do
        [ -e "$test" ] || continue
        # what part_web has run already
        case " $parts $test " in
        *' web '*"tests/e2e/test_openapi.py "* | \
            *' web '*"tests/e2e/test_stream_page.py "*)
            continue
            ;;
        esac
        ${2:-} run_python "$1/$(basename "$test")" "$test"
    done
    collect_all
}

part_e2e()
{
    part_python e2e beside
    part_python deploy
}

# one by one: some of them measure how long things take
part_fault()
{
    part_python fault
}

nothing_yet()
{
    note "there is nothing for $1 yet"
    skipped=$((skipped + 1))
}

part_clients()
{
    nothing_yet clients
}

# in a process of its own, so that it can be timed out like the others
if [ "${1:-}" = --example-conf ]; then
    example_conf
    exit
fi

if [ "${1:-}" = --openapi-lint ]; then
    openapi_lint
    exit
fi

known='lint unit t web e2e fault clients'
for part in "$@"; do
    case " $known " in
    *" $part "*) ;;
    *)
        echo "usage: ./test.sh [lint] [unit] [t] [web] [e2e] [fault]" \
            "[clients]" >&2
        exit 2
        ;;
    esac
done

if [ $# -eq 0 ]; then
    set -- lint unit t web e2e fault
else
    # named parts are run in full
    export TEST_LONG=1
fi

mkdir -p "$logs" || exit 1
rm -f "$logs"/*.log
trap 'end_running; remove_boards' EXIT
trap 'exit 130' INT TERM

step "checking packages"
need_packages "$logs/packages.log" "${runtime_packages[@]}" \
    "${build_packages[@]}" "${test_packages[@]}"
want_packages "$logs/packages-wanted.log" "${wanted_packages[@]}" ||
    note "without ${wanted_packages[*]}: their tests are skipped"
case " $* " in
*' web '* | *' e2e '*)
    want_packages "$logs/packages-web.log" "${web_packages[@]}" ||
        note "without ${web_packages[*]}: tests of pages are skipped"
    ;;
esac
case " $* " in
*' web '*)
    want_npm "$logs/packages-npm.log" ||
        note "without npm: the documentation pages are not tested"
    ;;
esac

parts="$*"
for part in $parts; do
    begun=$SECONDS
    step "$part"
    "part_$part"
    note "$part took $((SECONDS - begun)) s"
done
step_name=''

line="$passed passed, $failed failed"
[ "$skipped" -eq 0 ] || line+=", $skipped skipped"
printf '%s\n' "$line"
[ "$failed" -eq 0 ]
