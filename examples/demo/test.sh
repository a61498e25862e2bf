#!/bin/sh
# Tests the demo's project and drivers with plain git, without devlab: see test/flow.mjs. Needs git and Node 20.19 or later.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d "${TMPDIR:-/tmp}/devlab-demo-test.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
node "$here/test/flow.mjs" "$work"
