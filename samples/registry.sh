# SPDX-License-Identifier: Apache-2.0
# To be sourced: starts Debian's docker-registry on a free loopback port, and ends it again.
#
#   start_registry DIR     sets registry_port and registry_pid; its storage, configuration and log are in DIR
#   stop_registry PID      ends what start_registry started, and nothing else

start_registry() {
  mkdir -p "$1/storage"
  registry_port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
  cat >"$1/config.yml" <<EOF
version: 0.1
log: {level: warn, accesslog: {disabled: true}}
storage: {filesystem: {rootdirectory: $1/storage}, delete: {enabled: true}}
http: {addr: "127.0.0.1:$registry_port"}
EOF
  # No run of ours takes an hour: a registry that was forgotten ends by itself.
  timeout 3600 docker-registry serve "$1/config.yml" >"$1/log" 2>&1 &
  registry_pid=$!
  i=0
  until curl -fs "http://127.0.0.1:$registry_port/v2/" >/dev/null 2>&1; do
    i=$((i + 1))
    if [ $i -gt 100 ] || ! kill -0 "$registry_pid" 2>/dev/null; then
      echo "docker-registry did not start; its log:" >&2
      cat "$1/log" >&2
      return 1
    fi
    sleep 0.1
  done
}

stop_registry() {
  kill "$1" 2>/dev/null || true
  wait "$1" 2>/dev/null || true
}
