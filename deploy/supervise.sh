# Copyright (C) the ngx_trading authors
# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
#
# The supervisor, runit, private to the state directory: runsvdir starts a
# runsv for each folder of <state>/service, runsv restarts its process at once
# when it dies.  Nothing is ever ended by its name: only by a recorded pid
# whose start time and command line are those that were recorded, or through
# the control pipe of a runsv of ours.
#
# Sourced by deploy.sh.

services=(marketd nginx rotate)

# start time of a process in clock ticks since boot, nothing if it is gone
start_time()
{
    local stat
    { read -r stat < "/proc/$1/stat"; } 2> /dev/null || return 1
    # the second field, a name in parentheses, may hold anything
    stat=${stat##*) }
    # shellcheck disable=SC2086
    set -- $stat
    [ "$1" != Z ] && printf '%s' "${20}"
}

# seconds since a process started
age_of()
{
    local start hertz up
    start=$(start_time "$1") || return 1
    hertz=$(getconf CLK_TCK)
    read -r up _ < /proc/uptime
    printf '%d' $((${up%.*} - start / hertz))
}

# supervisor_pid: the recorded one, if that very process still runs
supervisor_pid()
{
    local pid start line
    [ -r "$state/etc/supervisor" ] || return 1
    read -r pid start < "$state/etc/supervisor" || return 1
    [ -n "$start" ] && [ "$(start_time "$pid")" = "$start" ] || return 1

    line=$(tr '\0' ' ' 2> /dev/null < "/proc/$pid/cmdline")
    case $line in
    "runsvdir -P $state/service "*) printf '%s' "$pid" ;;
    *) return 1 ;;
    esac
}

# has this service a runsv?
supervised()
{
    sv status "$state/service/$1" > /dev/null 2>&1
}

# pid of a service's process; only a living runsv is believed
service_pid()
{
    local pid
    supervised "$1" || return 1
    read -r pid 2> /dev/null < "$state/service/$1/supervise/pid" || return 1
    [ -n "$pid" ] && printf '%s' "$pid"
}

# wait_for SECONDS COMMAND...: until it succeeds
wait_for()
{
    local end=$((${EPOCHREALTIME/./} + $1 * 1000000))
    shift
    until "$@"; do
        [ "${EPOCHREALTIME/./}" -lt "$end" ] || return 1
        sleep 0.05
    done
}

start_supervisor()
{
    local pid

    # neither our lock nor our terminal goes with it
    env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin \
        setsid runsvdir -P "$state/service" \
        < /dev/null > "$state/log/supervisor.log" 2>&1 9>&- &
    pid=$!
    disown "$pid" 2> /dev/null

    printf '%s %s\n' "$pid" "$(start_time "$pid")" > "$state/etc/supervisor"
    wait_for 3 supervisor_pid > /dev/null
}

unsupervised()
{
    ! supervised "$1"
}

# down, and runsv has understood that it shall stay so: "sv up" looks at what
# is wanted before it says anything, and runsv may be a second late
is_down()
{
    local line
    line=$(sv status "$state/service/$1" 2> /dev/null) || return 0
    [[ $line == down:* && $line != *'want up'* ]]
}

process_gone()
{
    ! start_time "$1" > /dev/null
}

# stop_service NAME SECONDS: asks, waits, insists
stop_service()
{
    local pid start signal

    supervised "$1" || return 0
    pid=$(service_pid "$1") || pid=''

    sv down "$state/service/$1" > /dev/null 2>&1
    ! wait_for "$2" is_down "$1" || return 0
    [ -n "$pid" ] && start=$(start_time "$pid") || return 0

    for signal in TERM KILL; do
        note "$1 (pid $pid) is not gone after $2 s: $signal"
        [ "$(start_time "$pid")" = "$start" ] || return 0
        kill -s "$signal" "$pid" 2> /dev/null
        ! wait_for 2 is_down "$1" || return 0
    done
}

# stop_all: in order; 1 if there was nothing to stop
stop_all()
{
    local name pid found=''

    # nginx first: nobody shall be answered from a board without a writer
    for name in nginx marketd rotate; do
        supervised "$name" || continue
        found=1
        case $name in
        nginx) stop_service nginx 10 ;;
        *) stop_service "$name" 5 ;;
        esac
        note "$name stopped"
    done

    if pid=$(supervisor_pid); then
        found=1
        # HUP: runsvdir tells every runsv to end, then ends
        kill -s HUP "$pid"
        wait_for 5 process_gone "$pid" || kill -s KILL "$pid"
    fi

    for name in "${services[@]}"; do
        # left over if runsvdir itself was killed
        ! supervised "$name" || sv exit "$state/service/$name" > /dev/null 2>&1
    done
    for name in "${services[@]}"; do
        wait_for 5 unsupervised "$name"
    done

    # and what outlived its runsv
    if [ -x "$state/service/.bin/leftovers" ]; then
        (cd "$state/app" && ../service/.bin/leftovers marketd TERM)
        [ ! -d "$state/service/nginx" ] ||
            (cd "$state/service/nginx" && ../.bin/leftovers nginx TERM)
    fi

    rm -f "$state"/etc/{supervisor,running-*}
    [ -n "$found" ]
}

# port_taken PORT: does anything listen there? 0A is LISTEN
port_taken()
{
    awk -v port="$(printf '%04X' "$1")" '
        $4 == "0A" && $2 ~ (":" port "$") { found = 1 }
        END { exit !found }' /proc/net/tcp /proc/net/tcp6 2> /dev/null
}

# workers PID: how many children a master has, and their pids
workers()
{
    cat "/proc/$1/task/$1/children" 2> /dev/null
}

new_workers()
{
    local pid
    for pid in $(workers "$1"); do
        case " $2 " in
        *" $pid "*) ;;
        *) return 0 ;;
        esac
    done
    return 1
}

# reload_nginx: new workers with the new configuration, old ones finish
reload_nginx()
{
    local pid before

    pid=$(service_pid nginx) || fail "nginx is not running"
    before=$(workers "$pid")
    step_log=$state/log/nginx/current
    kill -s HUP "$pid" || fail "nginx could not be told"
    wait_for 5 new_workers "$pid" "$before" ||
        fail "nginx did not take over the configuration"
    step_log=''
}

# ask ARGUMENT...: curl to the gateway on this machine: whatever proxy the
# environment or ~/.curlrc names is for the world outside
ask()
{
    curl -q --noproxy '*' "$@"
}

# get PATH: a body from the gateway
get()
{
    ask -sS --max-time 2 "http://127.0.0.1:$port$1"
}

prices_now()
{
    ask -fsS --max-time 2 "http://127.0.0.1:$port/api/v1/market/prices" \
        2> /dev/null
}

# wait_healthy SECONDS: ready, and prices that move.  A service that is down
# most of the time, because it dies again and again, ends the wait: its log
# knows why.
wait_healthy()
{
    local end=$((${EPOCHREALTIME/./} + $1 * 1000000)) name pid
    local first='' now status steady=0
    declare -A seen=() missed=()

    while [ "${EPOCHREALTIME/./}" -lt "$end" ]; do
        steady=$((steady + 1))

        for name in marketd nginx; do
            pid=$(service_pid "$name")
            [ "$pid" = "${seen[$name]:-}" ] || steady=0
            seen[$name]=$pid
            [ -z "$pid" ] || continue

            steady=0
            missed[$name]=$((${missed[$name]:-0} + 1))
            if [ "${missed[$name]}" -ge 25 ]; then
                step_log=$state/log/$name/current
                failing=$name
                return 1
            fi
        done

        status=$(ask -s -o /dev/null -w '%{http_code}' --max-time 1 \
            "http://127.0.0.1:$port/health/ready" 2> /dev/null)
        if [ "$status" = 200 ] && [ "$steady" -ge 4 ]; then
            # a market that was told to fall silent need not move
            [ "${setting[SIMULATOR_UPDATES]:-0}" = 0 ] || return 0
            now=$(prices_now | cksum)
            [ -n "$first" ] || first=$now
            [ "$now" = "$first" ] || return 0
        fi
        sleep 0.05
    done

    failing=''
    step_log=$state/log/marketd/current
    if [ "$status" = 200 ]; then
        note "the gateway is ready, but no price moved within $1 s"
    else
        note "the gateway was not ready within $1 s: /health/ready gave" \
            "${status:-nothing}"
        get /health/ready 2>&1 | head -c 1500 | sed 's/^/    /'
        echo
    fi
    return 1
}
