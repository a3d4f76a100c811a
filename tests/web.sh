# Copyright (C) the ngx_trading authors
# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
#
# The web part of test.sh: the JavaScript client, the OpenAPI documents, and
# every page in Chromium.  What cannot be had on this machine (node 20, npm's
# packages, Chromium) is skipped, counted, and its reason is said.
#
# Sourced by test.sh; runs nothing by itself.

# openapi_lint: the documents please the linter, without a warning
openapi_lint()
{
    local out rc=0

    out=$(REDOCLY_TELEMETRY=off REDOCLY_SUPPRESS_UPDATE_NOTICE=true \
        build/web/npm/node_modules/.bin/redocly lint \
        --config redocly.yaml 2>&1) || rc=$?
    printf '%s\n' "$out"
    ! grep -qE 'has [0-9]+ warning|You have [0-9]+ warning' <<< "$out" &&
        [ "$rc" -eq 0 ]
}

# run_node NAME FILE...: node counts by itself
run_node()
{
    local name=$1 log rc=0 good bad skip
    shift
    log=$(log_of "$name")
    timeout -k 5 300 node "${node_flags[@]}" \
        --test --test-reporter=tap "$@" > "$log" 2>&1 || rc=$?

    good=$(sed -n 's/^# pass \([0-9]*\)$/\1/p' "$log" | tail -n 1)
    bad=$(sed -n 's/^# \(fail\|cancelled\) \([0-9]*\)$/\2/p' "$log" |
        awk '{ n += $1 } END { print n + 0 }')
    skip=$(sed -n 's/^# skipped \([0-9]*\)$/\1/p' "$log" | tail -n 1)

    if [ "$rc" -ne 0 ] && [ "$bad" -eq 0 ]; then
        echo "exit status $rc" >> "$log"
        bad=1
    elif [ "${good:-0}" -eq 0 ] && [ "$bad" -eq 0 ]; then
        echo "no test was run" >> "$log"
        bad=1
    fi
    result "$name" "${good:-0}" "$bad" "${skip:-0}" "$log"
}

# web_client: web/lib under node, which has what a browser has from 20 on
web_client()
{
    local files=(web/lib/test/*.test.mjs) flag number why
    node_flags=()

    for flag in --experimental-websocket --experimental-eventsource; do
        ! node "$flag" -e 0 > /dev/null 2>&1 || node_flags+=("$flag")
    done

    if node "${node_flags[@]}" -e \
        'process.exit(typeof WebSocket + typeof EventSource
            === "functionfunction" ? 0 : 1)' > /dev/null 2>&1
    then
        run_node web/lib "${files[@]}"
        return
    fi

    why="there is no node"
    ! command -v node > /dev/null ||
        why="node $(node --version) has no WebSocket and EventSource, 20.18 has"
    number=$(cat "${files[@]}" | grep -c '^test(')
    skip web/lib "$number" "$why"
}

# web_pages: 1 if the documentation pages cannot be built here
web_pages()
{
    local log why

    log=$(log_of build-npm)
    ! make -q docs > /dev/null 2>&1 || return 0

    if ! command -v npm > /dev/null; then
        why='there is no npm'
    elif timeout -k 5 300 make docs-npm > "$log" 2>&1; then
        make_step 'documentation pages' docs
        return
    elif grep -qE 'EINTEGRITY|EUSAGE|ETARGET|EJSONPARSE|E404' "$log"; then
        # what is pinned is wrong: a fault of ours
        result 'build: npm packages' 0 1 0 "$log"
        return 1
    else
        why="npm cannot download, see $log"
    fi

    skip 'build: documentation pages' 1 "$why"
    return 1
}

web_linter()
{
    local modules=build/web/npm/node_modules why=''

    if ! command -v node > /dev/null; then
        why='there is no node'
    elif [ ! -e "$modules/.bin/redocly" ]; then
        why='npm could not download the linter'
    elif ! why=$(node web/docs/engine.mjs "$modules/@redocly/cli" 2>&1); then
        case $why in
        *' needs node '*) ;;
        *)
            echo "$why" > "$(log_of web/openapi-lint)"
            result web/openapi-lint 0 1 0 "$(log_of web/openapi-lint)"
            return
            ;;
        esac
    fi

    if [ -n "$why" ]; then
        skip web/openapi-lint 1 "$why"
    else
        run_plain web/openapi-lint 120 ./test.sh --openapi-lint
    fi
}

# the client, the OpenAPI documents, and all pages in Chromium
part_web()
{
    normal_build || return
    beside web_client
    # a page that is not built is skipped by its test
    web_pages
    beside web_linter
    beside run_python web/test_openapi.py tests/e2e/test_openapi.py
    beside run_python web/test_stream_page.py tests/e2e/test_stream_page.py
    collect_all
}
