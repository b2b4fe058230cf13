#!/usr/bin/env bash
# What the compiler does not keep of the floors: face -> store -> sqlite, and SQL beside the store that owns it.
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

forbid 'sqlite/ may not use store/' 'crate::store\b|super::super::store' crates/core/src/sqlite
forbid 'two stores may not use each other' '\b(super|store)::sessions\b' crates/core/src/store/outputs.rs
forbid 'two stores may not use each other' '\b(super|store)::outputs\b' crates/core/src/store/sessions.rs
forbid 'the face holds no SQL' '"[^"]*\b(SELECT .* FROM|INSERT INTO|DELETE FROM|UPDATE .* SET)\b' src
forbid 'Electron takes no memory that an addon lends' \
  'napi_create_external_(buffer|arraybuffer)|external_string|\b(Buffer|ArrayBuffer|BufferSlice|(Uint|Int|Float|BigInt|BigUint)[0-9]+(Clamped)?Array)(Slice)?::' \
  src

exit "$failed"
