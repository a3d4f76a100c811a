# Copyright (C) the ngx_trading authors
# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
#
# What deploy.sh and test.sh share: how they speak, and Debian's packages.
# Sourced; sets no options and runs nothing by itself.

if [ -t 1 ] && [ -z "${NO_COLOR:-}" ] && [ "${TERM:-dumb}" != dumb ]; then
    c_ok=$'\e[32m' c_bad=$'\e[31m' c_step=$'\e[36m' c_dim=$'\e[2m'
    c_off=$'\e[0m' terminal=1
else
    c_ok='' c_bad='' c_step='' c_dim='' c_off='' terminal=''
fi

# the step that is under way, and the log that tells about it
step_name=''
step_log=''

step()
{
    step_name=$1
    step_log=${2:-}
    printf '%s==>%s %s\n' "$c_step" "$c_off" "$1"
}

note()
{
    printf '    %s\n' "$*"
}

good()
{
    printf '    %s%s%s\n' "$c_ok" "$*" "$c_off"
}

# fail MESSAGE...: names the step, shows its log's tail, ends with 1
fail()
{
    printf '%serror:%s %s\n' "$c_bad" "$c_off" "$*" >&2

    if [ -n "$step_log" ] && [ -s "$step_log" ]; then
        printf '%s    last lines of %s:%s\n' "$c_dim" "$step_log" \
            "$c_off" >&2
        tail -n 15 "$step_log" | sed 's/^/    /' >&2
    fi

    [ -z "$step_name" ] || printf 'failed step: %s\n' "$step_name" >&2
    exit 1
}

# need_packages LOG NAME...: installs those that are missing, or says how and
# ends with 1
need_packages()
{
    local why=''
    want_packages "$@" || fail "$why"
}

# want_packages LOG NAME...: the same, for whom it is no end: 1, and why
want_packages()
{
    local log=$1 have missing=() name sudo=()
    shift

    if ! command -v dpkg-query > /dev/null; then
        note "no dpkg here: what is missing will show when it is needed"
        return
    fi

    have=" $(dpkg-query -W -f '${db:Status-Abbrev}:${Package} ' "$@" \
        2> /dev/null) "

    for name in "$@"; do
        case $have in
        *"ii :$name "*) ;;
        *) missing+=("$name") ;;
        esac
    done

    [ ${#missing[@]} -gt 0 ] || return 0

    step "installing ${missing[*]}" "$log"

    if [ "$(id -u)" -ne 0 ]; then
        if command -v sudo > /dev/null &&
            { sudo -n true 2> /dev/null || [ -n "$terminal" ]; }
        then
            sudo=(sudo)
        else
            step_log=''
            note "this needs root, once:"
            note "apt-get install --no-install-recommends ${missing[*]}"
            why="packages are missing and may not be installed by $(id -un)"
            return 1
        fi
    fi

    install_packages "$log" || {
        note "to do it by hand:"
        note "apt-get install --no-install-recommends ${missing[*]}"
        why="apt-get could not install ${missing[*]}"
        return 1
    }
}

# Debian starts what it installs; no second nginx shall sit on port 80, so
# services are held back while apt runs: in a subshell, whose trap takes the
# policy away whatever ends it.  Uses missing and sudo of the caller.
install_packages()
(
    policy=/usr/sbin/policy-rc.d rc=0
    apt=(env DEBIAN_FRONTEND=noninteractive apt-get -q -y)

    : > "$1" || return 1

    if [ ! -e "$policy" ]; then
        trap '"${sudo[@]}" rm -f "$policy"' EXIT
        trap 'exit 1' INT TERM HUP
        printf '#!/bin/sh\nexit 101\n' |
            "${sudo[@]}" sh -c "cat > $policy && chmod 755 $policy"
    fi

    "${sudo[@]}" "${apt[@]}" update >> "$1" 2>&1
    "${sudo[@]}" "${apt[@]}" install --no-install-recommends \
        "${missing[@]}" >> "$1" 2>&1 < /dev/null || rc=1

    exit $rc
)

runtime_packages=(nginx runit curl ca-certificates libevent-2.1-7 libcurl4
    libwslay1 libjansson4 zlib1g libzstd1 libssl3)

build_packages=(gcc libc6-dev make nginx-dev libevent-dev
    libcurl4-openssl-dev libwslay-dev libjansson-dev zlib1g-dev libssl-dev
    libzstd-dev libxxhash-dev libpcre2-dev)

test_packages=(libcmocka-dev clang libclang-rt-14-dev cppcheck shellcheck
    binutils perl python3 python3-yaml)

# tests are skipped, and say so, where these may not be installed
wanted_packages=(prometheus)
web_packages=(chromium)
export runtime_packages build_packages test_packages wanted_packages \
    web_packages

# want_npm LOG: Debian's, unless there is one already, of whatever origin
want_npm()
{
    command -v npm > /dev/null || want_packages "$1" npm
}

# build LOG TARGET...: make, with a line of progress
build()
{
    local log=$1 line n=0 rc
    shift

    {
        make -j"$(nproc)" "$@" 2>&1
        echo "make: exit $?"
    } | while IFS= read -r line; do
        printf '%s\n' "$line" >> "$log"

        case $line in
        *' -c -o '*)
            n=$((n + 1))
            if [ -n "$terminal" ]; then
                printf '\r    %d files compiled' "$n"
            elif [ $((n % 20)) -eq 0 ]; then
                note "$n files compiled"
            fi
            ;;
        esac
    done
    [ -z "$terminal" ] || printf '\r\e[K'

    rc=$(sed -n '$s/^make: exit //p' "$log")
    return "${rc:-1}"
}
