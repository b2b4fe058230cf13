#!/usr/bin/env bash
# The floors of src/: node/ -> store/ -> sqlite/, and SQL beside the store that owns it.
set -euo pipefail
cd "$(dirname "$0")/.."

failed=0
forbid() { # what pattern paths...
  local what=$1 pattern=$2
  shift 2
  if grep -rnE --include='*.rs' "$pattern" "$@"; then
    echo "floors: $what" >&2
    failed=1
  fi
}

forbid 'only node/ may name napi' '\bnapi(_derive|_build)?(::|\b *=)|#\[napi' src/store src/sqlite
forbid 'sqlite/ may not use the floors above it' 'crate::(store|node)\b|super::super::(store|node)' src/sqlite
forbid 'store/ may not use node/' 'crate::node\b|super::super::node' src/store
forbid 'two stores may not use each other' '\b(super|store)::sessions\b' src/store/outputs.rs
forbid 'two stores may not use each other' '\b(super|store)::outputs\b' src/store/sessions.rs
forbid 'node/ holds no SQL' '"[^"]*\b(SELECT .* FROM|INSERT INTO|DELETE FROM|UPDATE .* SET)\b' src/node
forbid 'Electron takes no memory that an addon lends' \
  'napi_create_external_(buffer|arraybuffer)|external_string|\b(Buffer|ArrayBuffer|BufferSlice|(Uint|Int|Float|BigInt|BigUint)[0-9]+(Clamped)?Array)(Slice)?::' \
  src/node

exit "$failed"
