# Starts, waits for and stops the cloud's processes. Sourced after settings.sh. Each process leads a
# process group of its own, and its pid is in a file.

pid_file() { echo "$ACC_STATE/pids/$1"; }

# running NAME: tests whether the process runs. The kernel reuses pids, so the start time must match
# too.
running() {
  local pid started
  read -r pid started 2>/dev/null < "$(pid_file "$1")" || return 1
  [ "$(started_at "$pid")" = "$started" ]
}

# started_at PID: prints the start time in clock ticks since boot (proc(5), starttime).
started_at() { sed 's/.*) //' "/proc/$1/stat" 2>/dev/null | cut -d' ' -f20; }

# spawn NAME USER COMMAND...: starts a process unless it is running.
spawn() {
  local name=$1 user=$2; shift 2
  running "$name" && return 0
  setsid setpriv --reuid="$user" --regid="$(id -g "$user")" --init-groups \
    env -i HOME="$ACC_STATE/etc" PATH=/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 "$@" \
    </dev/null >>"$ACC_LOG/$name.log" 2>&1 &
  local pid=$!
  echo "$pid $(started_at $pid)" > "$(pid_file "$name")"
  echo "$name" >> "$ACC_STATE/started"
}

# stop NAME: ends the process and its group.
stop() {
  local pid i
  if running "$1"; then
    read -r pid _ < "$(pid_file "$1")"
    kill -TERM -- "-$pid" 2>/dev/null
    for ((i = 0; i < 75; i++)); do
      kill -0 -- "-$pid" 2>/dev/null || break
      sleep 0.2
    done
    kill -KILL -- "-$pid" 2>/dev/null && log "$1 did not stop and was killed"
  fi
  rm -f "$(pid_file "$1")"
}

answers_tcp() { (exec 3<>"/dev/tcp/$ACC_IP/$1") 2>/dev/null; }
# Any status below 500 counts, because the paths differ.
answers_http() {
  case $(curl -s -o /dev/null -m 20 -w '%{http_code}' "http://$ACC_IP:$1/") in 000|5??) return 1 ;; esac
}

# await NAME HOW PORT SECONDS
await() {
  local name=$1 how=$2 port=$3 deadline=$((SECONDS + $4))
  until "$how" "$port"; do
    if ! running "$name" || [ $SECONDS -ge $deadline ]; then
      echo "$name does not answer on port $port:" >&2
      tail -20 "$ACC_LOG/$name.log" >&2
      return 1
    fi
    sleep 0.2
  done
}

# as USER COMMAND...: runs a service's own tool as the service's user, with our configuration.
as() {
  local user=$1; shift
  setpriv --reuid="$user" --regid="$(id -g "$user")" --init-groups env HOME="$ACC_STATE/etc" "$@"
}
