# Copyright (C) the ngx_trading authors
# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
#
# The state directory: what deploy.sh writes before anything is started.
#
#   <state>/etc       user, options, fingerprints of what is running
#   <state>/app       copies of marketd, module and catalogue, so that a build
#                     does not pull them away from under what is running
#   <state>/service   one folder a service, for runit
#   <state>/log       one folder a log
#   <state>/nginx     nginx's pid file and, without root, temporary files
#   <state>/run       the runtime directory: board; on tmpfs
#   <state>/nginx.conf
#
# Sourced by deploy.sh, whose `root` and `state` it uses.

# shellcheck disable=SC2004

# open_state: makes or checks the state directory; it must be ours
open_state()
{
    case $state in
    *[!A-Za-z0-9._/+@,:~=-]*)
        fail "state directory \"$state\": only letters, digits and" \
            "._/+@,:~=- are possible in its path"
        ;;
    esac

    mkdir -p "$state" 2> /dev/null ||
        fail "cannot make the state directory \"$state\""
    state=$(cd "$state" && pwd -P) || exit 1

    [ -O "$state" ] ||
        fail "state directory \"$state\" belongs to $(stat -c %U "$state")," \
            "not to $(id -un)"

    mkdir -p "$state"/{etc,app,nginx,log,service/.bin} \
        "$state"/log/{marketd,nginx,rotate,access} ||
        fail "cannot write to the state directory \"$state\""

    # one deploy.sh at a time; what it starts must not inherit the lock
    exec 9> "$state/etc/lock"
    flock -w 60 9 || fail "another deploy.sh is at work on \"$state\""

    user=''
    if [ "$(id -u)" -eq 0 ]; then
        user=www-data
        id "$user" > /dev/null 2>&1 || user=nobody
    fi
    printf '%s\n' "$user" > "$state/etc/user"
}

# read_dotenv: fills the associative array `setting` from .env, then from
# the environment, which wins
read_dotenv()
{
    local known line key value n=0 file=$root/.env

    known=$(sed -n 's/^#\{0,1\}\([A-Z][A-Z0-9_]*\)=.*/\1/p' \
        "$root/.env.example")

    if [ -e "$file" ]; then
        [ -r "$file" ] || fail "cannot read $file"

        while IFS= read -r line || [ -n "$line" ]; do
            n=$((n + 1))
            line=${line%$'\r'}
            case $line in
            '' | '#'*) continue ;;
            esac

            [[ $line =~ ^([A-Za-z_][A-Za-z0-9_]*)=(.*)$ ]] ||
                fail "$file:$n: not a KEY=VALUE line"
            key=${BASH_REMATCH[1]}
            value=${BASH_REMATCH[2]}

            grep -qx "$key" <<< "$known" ||
                fail "$file:$n: unknown variable \"$key\"" \
                    "(.env.example lists all)"

            if [[ $value =~ ^\"(.*)\"$ || $value =~ ^\'(.*)\'$ ]]; then
                value=${BASH_REMATCH[1]}
            fi
            setting[$key]=$value
        done < "$file"
    fi

    # marketd refuses names of its families that it does not know, so all of
    # them are handed on
    for key in $(compgen -e); do
        case $key in
        TRADING_* | BINANCE_* | SIMULATOR_* | FEED_* | BOARD_* | \
            *_proxy | *_PROXY | SSL_CERT_FILE | SSL_CERT_DIR | TZ)
            setting[$key]=${!key}
            ;;
        *)
            ! grep -qx "$key" <<< "$known" || setting[$key]=${!key}
            ;;
        esac
    done
}

# read_options: what an earlier `up` was told; what is told now wins
read_options()
{
    local key value

    opt_port_was='' opt_source_was=''
    if [ -r "$state/etc/options" ]; then
        while IFS='=' read -r key value; do
            case $key in
            port) opt_port_was=$value ;;
            source) opt_source_was=$value ;;
            esac
        done < "$state/etc/options"
    fi
}

save_options()
{
    printf 'port=%s\nsource=%s\n' "$opt_port" "$opt_source" \
        > "$state/etc/options.new" &&
        mv "$state/etc/options.new" "$state/etc/options"
}

on_tmpfs()
{
    [ "$(stat -f -c %T "$1" 2> /dev/null)" = tmpfs ]
}

# may the unprivileged user look into this directory?
reachable()
{
    [ -z "$user" ] || chpst -u "$user" test -x "$1" 2> /dev/null
}

# the socket board.wake in it must fit into a socket's address
short()
{
    local LC_ALL=C
    [ ${#1} -le 96 ]
}

# make_run_dir: sets run_dir to a directory on tmpfs that marketd may write.
# nginx's workers run as the same user, and connect to the socket in it.
make_run_dir()
{
    local hash target owner

    if [ -n "${setting[TRADING_RUN_DIR]:-}" ]; then
        run_dir=${setting[TRADING_RUN_DIR]}
        case $run_dir in
        /*) ;;
        *) fail "TRADING_RUN_DIR=\"$run_dir\" is not an absolute path" ;;
        esac
        mkdir -p "$run_dir" 2> /dev/null && [ -w "$run_dir" ] ||
            fail "cannot write to TRADING_RUN_DIR=\"$run_dir\""
        on_tmpfs "$run_dir" ||
            fail "TRADING_RUN_DIR=\"$run_dir\" is not on tmpfs"
        short "$run_dir" ||
            fail "TRADING_RUN_DIR=\"$run_dir\" is longer than 96 bytes"
        [ -z "$user" ] || chpst -u "$user" test -w "$run_dir" ||
            fail "TRADING_RUN_DIR=\"$run_dir\" is not writable for $user"
        return
    fi

    run_dir=$state/run

    if [ ! -e "$run_dir" ] && [ ! -L "$run_dir" ] && on_tmpfs "$state" &&
        reachable "$state" && short "$run_dir"
    then
        mkdir -m 755 "$run_dir" || fail "cannot make $run_dir"
        [ -z "$user" ] || chown "$user:" "$run_dir"
    fi

    if [ -d "$run_dir" ] && [ ! -L "$run_dir" ] && on_tmpfs "$run_dir" &&
        short "$run_dir"
    then
        return
    fi

    on_tmpfs /dev/shm ||
        fail "/dev/shm is not a tmpfs: name one with TRADING_RUN_DIR"

    hash=$(printf '%s %s' "$(id -u)" "$state" | sha256sum)
    target=/dev/shm/trading-${hash:0:16}

    mkdir -m 755 "$target" 2> /dev/null
    # not followed: a link that somebody else left there is not a directory
    owner=$(stat -c '%F %U %a' "$target")
    case $owner in
    "directory $(id -un) 755") ;;
    "directory ${user:-$(id -un)} 755") ;;
    *)
        fail "runtime directory $target is not ours ($owner):" \
            "remove it, or name another with TRADING_RUN_DIR"
        ;;
    esac
    [ -z "$user" ] || chown -h "$user:" "$target"

    [ ! -d "$run_dir" ] || [ -L "$run_dir" ] || rmdir "$run_dir" 2> /dev/null
    ln -sfn "$target" "$run_dir" || fail "cannot make the link $run_dir"
    run_dir=$target
}

# put FROM TO MODE: copies if it differs, by rename, so that a running
# program is never written to
put()
{
    if ! cmp -s "$1" "$2"; then
        cp "$1" "$2.new" && chmod "$3" "$2.new" && mv "$2.new" "$2" ||
            fail "cannot write $2"
    fi
}

# put_text TO MODE: the same, from standard input
put_text()
{
    cat > "$1.text" && put "$1.text" "$1" "$2" && rm -f "$1.text"
}

# write_app: copies of what runs
write_app()
{
    local catalogue hash old

    put "$root/build/marketd" "$state/app/marketd" 755

    # A path of its own for each version: a reload finds a module that is
    # loaded already by its path, and would go on with the old code.
    hash=$(sha256sum < "$root/build/ngx_http_trading_module.so")
    module=$state/app/ngx_http_trading_module-${hash:0:12}.so
    put "$root/build/ngx_http_trading_module.so" "$module" 644

    for old in "$state"/app/ngx_http_trading_module-*.so; do
        [ "$old" = "$module" ] || stale_modules+=("$old")
    done

    catalogue=${setting[INSTRUMENTS_FILE]:-instruments.json}
    case $catalogue in
    /*) ;;
    *) catalogue=$root/$catalogue ;;
    esac
    [ -f "$catalogue" ] && [ -r "$catalogue" ] ||
        fail "INSTRUMENTS_FILE: cannot read \"$catalogue\""
    instruments=${catalogue##*/}
    put "$catalogue" "$state/app/$instruments" 644

    write_docs
    write_demo
}

# take_over TO: TO.new becomes TO, if it is another
take_over()
{
    chmod -R u=rwX,go=rX "$1.new"

    if diff -rq "$1.new" "$1" > /dev/null 2>&1; then
        rm -rf "$1.new"
        return
    fi
    rm -rf "$1.old"
    [ ! -e "$1" ] || mv "$1" "$1.old" || fail "cannot write $1"
    mv "$1.new" "$1" || fail "cannot write $1"
    rm -rf "$1.old"
}

# write_demo: the live page, and the client that it follows the market with
write_demo()
{
    local to=$state/app/demo

    rm -rf "$to.new"
    mkdir -p "$to.new/lib" && cp "$root"/web/stream/* "$to.new/" &&
        cp "$root"/web/lib/*.js "$to.new/lib/" || fail "cannot write $to"
    take_over "$to"
}

# path_of NAME: by what path nginx and marketd find a directory of the state.
# They may not be able to look into those above it (the state may lie in root's
# home): then from their own directories, nginx/ and app/, beside it.
path_of()
{
    if reachable "$state"; then
        printf '%s' "$state/$1"
    else
        printf '../%s' "$1"
    fi
}

# write_docs: the documentation; without its pages, the documents alone
write_docs()
{
    local from=$root/build/web/docs name to=$state/app/docs

    rm -rf "$to.new"
    if [ -r "$from/openapi/docs.html" ]; then
        cp -r "$from" "$to.new" || fail "cannot write $to"
    else
        for name in market trading openapi; do
            mkdir -p "$to.new/$name" &&
                cp "$root/docs/openapi/$name.json" \
                    "$to.new/$name/openapi.json" || fail "cannot write $to"
        done
    fi
    take_over "$to"
}

# write_env: marketd's environment, one variable a file (chpst -e)
write_env()
{
    local dir=$state/service/marketd/env key

    setting[TRADING_RUN_DIR]=$run_dir
    setting[TRADING_SOURCE]=$source
    setting[INSTRUMENTS_FILE]=$instruments

    if [ -z "${setting[HISTORY_DIR]:-}" ]; then
        setting[HISTORY_DIR]=$(path_of history)
        mkdir -p "$state/history" && chmod 755 "$state/history" ||
            fail "cannot make $state/history"
        [ -z "$user" ] || chown "$user:" "$state/history"
    fi

    rm -rf "$dir.new"
    mkdir -p "$dir.new" && chmod 700 "$dir.new" || fail "cannot make $dir"

    for key in "${!setting[@]}"; do
        case $key in
        CORS_ORIGINS | TRADING_PORT | TRADING_STATE_DIR) continue ;;
        esac
        # an empty file would unset the variable; empty means the default
        [ -n "${setting[$key]}" ] || continue
        printf '%s\n' "${setting[$key]}" > "$dir.new/$key" ||
            fail "cannot write $dir"
    done

    rm -rf "$dir"
    mv "$dir.new" "$dir"
}

write_services()
{
    local name

    put "$root/deploy/service/leftovers" "$state/service/.bin/leftovers" 755

    for name in marketd nginx rotate; do
        mkdir -p "$state/service/$name/log"
        put "$root/deploy/service/$name/run" "$state/service/$name/run" 755
        put "$root/deploy/service/log-run" "$state/service/$name/log/run" 755
        printf 's10000000\nn10\n' | put_text "$state/log/$name/config" 644
    done

    mkdir -p "$state/service/nginx/control"
    put "$root/deploy/service/nginx/control/t" \
        "$state/service/nginx/control/t" 755
}

# cors_lines: the map's lines for CORS_ORIGINS
cors_lines()
{
    local origin origins=${setting[CORS_ORIGINS]:-}

    case $origins in
    '') echo '        default         "";' ;;
    '*') echo '        default         "*";' ;;
    *)
        echo '        default         "";'
        for origin in ${origins//,/ }; do
            [[ $origin =~ ^https?://[A-Za-z0-9.-]+(:[0-9]{1,5})?$ ]] ||
                fail "CORS_ORIGINS: \"$origin\" is not an origin" \
                    "(https://host or https://host:port, or * alone)"
            echo "        \"$origin\" \$http_origin;"
        done
        ;;
    esac
}

# write_nginx_conf TO: nginx.conf.example with the marked values replaced
write_nginx_conf()
{
    local cors files max=65536 ipv6='' tmp=/var/lib/nginx app

    app=$(path_of app)
    cors=$(set -f; cors_lines) || exit 1
    files=$(ulimit -Hn)
    [ "$files" = unlimited ] || [ "$files" -ge "$max" ] || max=$files
    [ ! -s /proc/net/if_inet6 ] || ipv6=1
    [ -n "$user" ] || tmp=$state/nginx

    MODULE=$module NGINX_USER=$user PID=$state/nginx/nginx.pid RUN=$run_dir \
        LOG=$state/log/access/access.log TMP=$tmp CORS=$cors PORT=$port \
        IPV6=$ipv6 FILES=$max DOCS=$app/docs DEMO=$app/demo awk '
        function put(old, new,    i) {
            i = index($0, old)
            if (i == 0) {
                print "nginx.conf.example:" NR ": no \"" old \
                    "\" to replace" > "/dev/stderr"
                bad = 1
                exit 1
            }
            $0 = substr($0, 1, i - 1) new substr($0, i + length(old))
        }

        match($0, / *# deploy: [a-z0-9]+$/) {
            key = $NF
            $0 = substr($0, 1, RSTART - 1)
            seen[key] = 1

            if (key == "module")
                put("/usr/lib/nginx/modules/ngx_http_trading_module.so",
                    ENVIRON["MODULE"])
            else if (key == "user" && ENVIRON["NGINX_USER"] == "")
                $0 = "# " $0
            else if (key == "user")
                put("www-data", ENVIRON["NGINX_USER"])
            else if (key == "pid")
                put("/run/nginx.pid", ENVIRON["PID"])
            else if (key == "nofile")
                put("65536", ENVIRON["FILES"])
            else if (key == "connections" && ENVIRON["FILES"] < 32768)
                put("16384", int(ENVIRON["FILES"] / 2))
            else if (key == "connections")
                ;
            else if (key == "run")
                put("/run/trading", ENVIRON["RUN"])
            else if (key == "log")
                put("/var/log/nginx/trading.log", ENVIRON["LOG"])
            else if (key == "tmp")
                put("/var/lib/nginx", ENVIRON["TMP"])
            else if (key == "docs")
                put("/usr/share/trading/docs", ENVIRON["DOCS"])
            else if (key == "demo")
                put("/usr/share/trading/demo", ENVIRON["DEMO"])
            else if (key == "cors")
                $0 = ENVIRON["CORS"]
            else if (key == "port6" && ENVIRON["IPV6"] == "")
                $0 = "# " $0
            else if (key == "port" || key == "port6")
                put("8080", ENVIRON["PORT"])
            else {
                print "nginx.conf.example:" NR ": deploy.sh knows no \"" \
                    key "\"" > "/dev/stderr"
                bad = 1
                exit 1
            }
        }

        NR == 1 {
            print "# Written by deploy.sh from nginx.conf.example at every" \
                " start: edit that one."
            print "#"
        }

        { print }

        END {
            n = split("module user pid nofile connections run log tmp cors" \
                " docs demo port port6", keys, " ")
            for (i = 1; i <= n && !bad; i++) {
                if (!(keys[i] in seen)) {
                    print "nginx.conf.example: no line is marked \"# deploy:" \
                        " " keys[i] "\"" > "/dev/stderr"
                    exit 1
                }
            }
        }' "$root/nginx.conf.example" > "$1" ||
        fail "nginx.conf.example could not be instantiated"
}

# check_nginx FILE: nginx -t; on failure its words
check_nginx()
{
    local log=$state/log/nginx-test.log

    step_log=$log
    (cd "$state" && nginx -t -q -e stderr -p "$state/nginx" -c "$1") \
        > "$log" 2>&1 || fail "nginx refuses the configuration"
    step_log=''
}

# fingerprints: what a running process was started from
fingerprint_marketd()
{
    (
        cd "$state" || exit 1
        cat etc/user app/marketd "app/$instruments" service/marketd/run
        head -v service/marketd/env/*
    ) | sha256sum
}

# what a reload cannot change: module, binary, user, run script
fingerprint_nginx()
{
    {
        echo "$module"
        cat "$state/etc/user" "$state/service/nginx/run"
        sha256sum < "$(command -v nginx)"
    } | sha256sum
}

fingerprint_conf()
{
    sha256sum < "$state/nginx.conf"
}

# recorded NAME VALUE / record NAME VALUE
recorded()
{
    [ "$(cat "$state/etc/running-$1" 2> /dev/null)" = "$2" ]
}

record()
{
    printf '%s\n' "$2" > "$state/etc/running-$1"
}
