#!/bin/bash
# Copyright (C) the ngx_trading authors
# SPDX-License-Identifier: BSD-2-Clause
#
# Installs, builds, starts, watches and stops ngx_trading on one machine.
# deploy/common.sh speaks and installs, deploy/state.sh writes the state
# directory, deploy/supervise.sh starts and stops.

# shellcheck source=deploy/common.sh
# shellcheck source=deploy/state.sh
# shellcheck source=deploy/supervise.sh

set -u
umask 022

here=$PWD
root=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P) || exit 1
cd "$root" || exit 1
. deploy/common.sh || exit 1
. deploy/state.sh || exit 1
. deploy/supervise.sh || exit 1

usage()
{
    cat << 'USAGE'
usage: ./deploy.sh COMMAND [--state DIR]

  up [--source simulator|live|replay:FILE] [--port N] [--foreground]
            install what is missing, build, start, wait until healthy;
            while it runs: apply what has changed, or leave it alone
  down      stop in order: nginx once its requests are done, then marketd
  restart   down, then up with the options it runs with
  reload    check the configuration, then take it over without losing a
            request; marketd restarts only if something of it changed
  status    one line a process: pid, uptime, health
  logs [marketd|nginx|access|rotate]
            follow the logs

  --state DIR   where everything is kept (default ./var)
  --foreground  stay, and stop everything on TERM or INT (containers)

Settings: .env or the environment, see .env.example.
USAGE
}

refuse()
{
    printf 'error: %s\n' "$*" >&2
    echo "try ./deploy.sh --help" >&2
    exit 1
}

state='' opt_port='' opt_source='' foreground='' log_name=''
failing='' run_dir='' module='' instruments='' port='' source=''
declare -A setting=()
stale_modules=()

parse()
{
    command=${1:-}
    [ $# -eq 0 ] || shift

    case $command in
    up | down | restart | reload | status | logs) ;;
    '' | help | -h | --help)
        usage
        [ -n "$command" ]
        exit
        ;;
    *) refuse "unknown command \"$command\"" ;;
    esac

    while [ $# -gt 0 ]; do
        case $command:$1 in
        *:--help | *:-h)
            usage
            exit 0
            ;;
        *:--state)
            [ -n "${2:-}" ] || refuse "--state needs a directory"
            state=$2
            shift 2
            ;;
        up:--port)
            [[ ${2:-} =~ ^[0-9]{1,5}$ ]] && [ "$2" -ge 1 ] &&
                [ "$2" -le 65535 ] ||
                refuse "--port needs a number from 1 to 65535," \
                    "not \"${2:-}\""
            opt_port=$((10#$2))
            shift 2
            ;;
        up:--source)
            case ${2:-} in
            simulator | live) opt_source=$2 ;;
            replay:?*)
                [ -r "${2#replay:}" ] ||
                    refuse "--source $2: there is no such file to read"
                opt_source=replay:$(realpath "${2#replay:}")
                ;;
            *)
                refuse "--source needs simulator, live or replay:FILE," \
                    "not \"${2:-}\""
                ;;
            esac
            shift 2
            ;;
        up:--foreground)
            foreground=1
            shift
            ;;
        logs:marketd | logs:nginx | logs:access | logs:rotate)
            log_name=$1
            shift
            ;;
        logs:-*) refuse "unknown option \"$1\" of logs" ;;
        logs:*)
            refuse "no log \"$1\": there are marketd, nginx, access, rotate"
            ;;
        *) refuse "unknown option \"$1\" of $command" ;;
        esac
    done
}

# tools: what must be installed and built before anything can run
tools()
{
    local targets=(build/marketd build/ngx_http_trading_module.so
        build/tradingctl)

    step "checking packages"
    if [ -e Makefile ]; then
        need_packages "$state/log/packages.log" "${runtime_packages[@]}" \
            "${build_packages[@]}"
    else
        need_packages "$state/log/packages.log" "${runtime_packages[@]}"
    fi

    if [ -e Makefile ] && ! make -q "${targets[@]}" > /dev/null 2>&1; then
        step "building" "$state/log/build.log"
        : > "$state/log/build.log"
        build "$state/log/build.log" "${targets[@]}" ||
            fail "the build failed"
        step_log=''
    fi

    [ -x build/marketd ] && [ -r build/ngx_http_trading_module.so ] ||
        fail "build/marketd and build/ngx_http_trading_module.so are not there"
}

# documentation: its pages are npm's, and both take longer than all the rest, so
# the market runs already, and does not depend on them: what cannot be had is
# said, and again by nginx where it would be.
documentation()
{
    local log=$state/log/docs.log why='' line

    [ -e Makefile ] && ! make -q docs > /dev/null 2>&1 || return 0
    note "the market is up on port $port; its documentation follows"

    # no reload waits for apt
    if [ "$command" = reload ]; then
        command -v npm > /dev/null || why="there is no npm"
    else
        want_npm "$state/log/packages-npm.log" || why=${why:-no npm}
    fi

    step "building the documentation pages"
    if [ -z "$why" ]; then
        if timeout 180 make docs > "$log" 2>&1 < /dev/null; then
            write_docs
            return
        fi
        why="npm could not get or make them, see $log"
        line=$(sed -n 's/^npm [Ee].* \(request to http.*\)/\1/p' "$log")
        [ -z "$line" ] || note "${line%%$'\n'*}"
    fi

    if has_pages; then
        note "/docs and /redoc are of an earlier build: $why"
    else
        note "/docs and /redoc are missing: $why"
    fi
}

has_pages()
{
    [ -r "$state/app/docs/openapi/docs.html" ]
}

# settle: options, environment and what was asked for before become
# port and source
settle()
{
    read_options

    if [ "$command" != up ] || supervisor_pid > /dev/null; then
        opt_port=${opt_port:-$opt_port_was}
        opt_source=${opt_source:-$opt_source_was}
    fi

    port=${opt_port:-${setting[TRADING_PORT]:-8080}}
    [[ $port =~ ^[0-9]{1,5}$ ]] && [ "$port" -ge 1 ] &&
        [ "$port" -le 65535 ] ||
        fail "TRADING_PORT: \"$port\" is not a number from 1 to 65535"
    port=$((10#$port))
    source=${opt_source:-${setting[TRADING_SOURCE]:-simulator}}

    case $source in
    simulator | live) ;;
    replay:?*)
        # in root's home, for instance
        [ -z "$user" ] || chpst -u "$user" test -r "${source#replay:}" ||
            fail "$source: marketd runs as $user, who cannot read that file"
        ;;
    *) fail "TRADING_SOURCE: \"$source\" is neither simulator nor live" ;;
    esac
}

# prepare: writes the state directory; nginx must like its configuration
prepare()
{
    step "preparing $state"
    make_run_dir
    write_app
    write_nginx_conf "$state/nginx.conf.new"
    check_nginx "$state/nginx.conf.new"
    write_services
    write_env
    mv "$state/nginx.conf.new" "$state/nginx.conf"
}

check_port()
{
    ! port_taken "$port" ||
        fail "port $port is taken by another program; choose one with --port"

    local first=1024
    read -r first 2> /dev/null < /proc/sys/net/ipv4/ip_unprivileged_port_start
    [ "$(id -u)" -eq 0 ] || [ "$port" -ge "$first" ] ||
        fail "port $port needs root; choose a higher one with --port"
}

record_all()
{
    record marketd "$(fingerprint_marketd)"
    record nginx "$(fingerprint_nginx)"
    record conf "$(fingerprint_conf)"
    record port "$port"
}

# apply: what has changed since the processes started, and no more.
# $1: reload nginx in any case
apply()
{
    local changed='' mark

    mark=$(fingerprint_marketd)
    if ! recorded marketd "$mark" || ! service_pid marketd > /dev/null; then
        step "restarting marketd" "$state/log/marketd/current"
        stop_service marketd 5
        sv up "$state/service/marketd" > /dev/null
        record marketd "$mark"
        changed=1
    fi

    mark=$(fingerprint_nginx)
    if ! recorded nginx "$mark" || ! service_pid nginx > /dev/null; then
        # a module cannot be exchanged in a process that has loaded it
        step "restarting nginx" "$state/log/nginx/current"
        stop_service nginx 10
        sv up "$state/service/nginx" > /dev/null
        record nginx "$mark"
        record conf "$(fingerprint_conf)"
        changed=1
    elif [ -n "${1:-}" ] || ! recorded conf "$(fingerprint_conf)"; then
        step "reloading nginx" "$state/log/nginx/current"
        reload_nginx
        record conf "$(fingerprint_conf)"
        changed=1
    fi

    service_pid rotate > /dev/null || sv up "$state/service/rotate" > /dev/null
    record port "$port"
    [ ${#stale_modules[@]} -eq 0 ] || rm -f "${stale_modules[@]}"
    [ -n "$changed" ]
}

# healthy: waits; $1 = what to do about a start that came to nothing
healthy()
{
    step "waiting until healthy"
    wait_healthy 15 && return

    if [ -n "$failing" ]; then
        [ "${1:-}" != stop ] || stop_all > /dev/null 2>&1
        fail "$failing does not stay up"
    fi
    fail "not healthy; the processes go on (./deploy.sh status, down)"
}

urls()
{
    local base=http://localhost:$port path pages=()

    ! has_pages || pages=(/docs /redoc)

    good "running: $source market on port $port"
    note "ws://localhost:$port/ws"
    for path in / '/sse?channels=prices' /demo/ "${pages[@]}" \
        /openapi.json /health /health/ready /metrics \
        /api/v1/market/{,health,prices,prices/BTC,prices/asset/CRYPTO} \
        '/api/v1/market/prices?symbols=BTC,ETH' \
        /api/v1/market/{overview,summary,supported-symbols,instruments} \
        /api/v1/market/cache/stats \
        /api/v1/trading/{,health,signals,signals/BTC,signals/asset/CRYPTO} \
        /api/v1/trading/{binary,binary/BTC,analysis,analysis/trends} \
        /api/v1/trading/recommendations
    do
        note "$base$path"
    done
    note ""
    note "try:  curl -s $base/api/v1/market/prices/BTC"
    note "      curl -N '$base/sse?channels=prices&symbols=BTC'"
    if [ -x build/tradingctl ]; then
        note "      build/tradingctl top --run-dir $state/run --url $base"
    fi
}

cmd_up()
{
    local running=''

    open_state
    tools
    settle

    step "checking what runs"
    if supervisor_pid > /dev/null; then
        running=1
        recorded port "$port" || check_port
    else
        # a supervisor that was killed leaves its services behind
        stop_all > /dev/null && note "cleared what an earlier run left"
        check_port
    fi

    prepare

    if [ -z "$running" ]; then
        step "starting marketd and nginx" "$state/log/supervisor.log"
        record_all
        start_supervisor || fail "the supervisor did not start"
        step_log=''
        healthy stop
        [ ${#stale_modules[@]} -eq 0 ] || rm -f "${stale_modules[@]}"
    elif apply; then
        healthy
    else
        healthy
        note "it is running already, nothing has changed"
    fi

    save_options
    documentation
    urls
    [ -z "$foreground" ] || stay
}

# stay: containers end with us, and read the logs from our output
stay()
{
    local tail

    exec 9>&-
    tail -q -n 0 -F "$state"/log/{marketd,nginx}/current &
    tail=$!
    trap 'trap "" TERM INT; step stopping; stop_all; remove_run_dir
        kill "$tail"; exit 0' TERM INT
    while supervisor_pid > /dev/null; do
        sleep 1 &
        wait $!
    done
    kill "$tail"
    fail "the supervisor is gone"
}

# only the directory that make_run_dir() itself has made
remove_run_dir()
{
    local target

    target=$(readlink "$state/run" 2> /dev/null)
    case $target in
    /dev/shm/trading-????????????????)
        [ ! -d "$target" ] || [ -L "$target" ] || rm -rf "$target"
        ;;
    esac
}

cmd_down()
{
    open_state
    step "stopping"
    if stop_all; then
        good "stopped"
    else
        note "it was not running"
    fi
    remove_run_dir
}

cmd_restart()
{
    open_state
    settle
    tools
    step "stopping"
    stop_all || note "it was not running"
    check_port
    prepare
    step "starting marketd and nginx" "$state/log/supervisor.log"
    record_all
    start_supervisor || fail "the supervisor did not start"
    step_log=''
    healthy stop
    [ ${#stale_modules[@]} -eq 0 ] || rm -f "${stale_modules[@]}"
    save_options
    documentation
    urls
}

cmd_reload()
{
    open_state
    supervisor_pid > /dev/null ||
        fail "it is not running: ./deploy.sh up starts it"
    tools
    settle
    prepare
    apply always
    healthy
    documentation
    good "reloaded"
}

duration()
{
    local s=$1
    if [ "$s" -ge 86400 ]; then
        printf '%dd%02dh' $((s / 86400)) $((s % 86400 / 3600))
    elif [ "$s" -ge 3600 ]; then
        printf '%dh%02dm' $((s / 3600)) $((s % 3600 / 60))
    else
        printf '%dm%02ds' $((s / 60)) $((s % 60))
    fi
}

status_line()
{
    local age='-'
    [ -z "$2" ] || age=$(duration "$(age_of "$2" || echo 0)")
    printf '%-12s pid %-8s up %-8s %s\n' "$1" "${2:--}" "$age" "$3"
}

cmd_status()
{
    local pid name ready health word rc=0

    [ -d "$state/etc" ] || {
        echo "not running (no state in $state)"
        exit 3
    }
    state=$(cd "$state" && pwd -P)
    port=$(cat "$state/etc/running-port" 2> /dev/null)

    if ! pid=$(supervisor_pid); then
        echo "not running"
        exit 3
    fi
    status_line supervisor "$pid" "ok"

    for name in "${services[@]}"; do
        if ! pid=$(service_pid "$name"); then
            status_line "$name" '' "DOWN"
            rc=1
            continue
        fi

        health=ok
        case $name in
        nginx)
            ready=$(ask -s -o /dev/null -w '%{http_code} in %{time_total} s' \
                --max-time 2 "http://127.0.0.1:$port/health/ready")
            word=$(workers "$pid" | wc -w)
            health="port $port, $word workers, /health/ready $ready"
            case $ready in
            200*) ;;
            *) rc=1 ;;
            esac
            ;;
        marketd)
            health=$(heartbeat) || rc=1
            ;;
        esac
        status_line "$name" "$pid" "$health"
    done
    exit $rc
}

# heartbeat: what the board says of its writer
heartbeat()
{
    local body age

    body=$(get /api/v1/market/health 2> /dev/null)
    age=$(grep -o '"heartbeat_age_ms": *[0-9]*' <<< "$body" | head -1)
    age=${age##*[: ]}

    if [ -z "$age" ]; then
        echo "no heartbeat to be seen"
        return 1
    fi
    echo "heartbeat $age ms ago"
    [ "$age" -lt 2000 ]
}

cmd_logs()
{
    local files=() name

    [ -d "$state/log" ] || refuse "no logs in $state"
    for name in ${log_name:-marketd nginx access}; do
        case $name in
        access) files+=("$state/log/access/access.log") ;;
        *) files+=("$state/log/$name/current") ;;
        esac
    done
    exec tail -n 20 -F "${files[@]}"
}

parse "$@"
read_dotenv

if [ -z "$state" ]; then
    state=${setting[TRADING_STATE_DIR]:-var}
    here=$root
fi
case $state in
/*) ;;
*) state=$here/$state ;;
esac

"cmd_$command"
