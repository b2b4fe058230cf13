#!/usr/bin/env bash
# Looks at the workflows (zizmor, actionlint) and at shell scripts (shellcheck), with the versions of
# .github/requirements-*.txt, installed once below target/.
set -euo pipefail
cd "$(dirname "$0")/.."

if ! python3 -c 'import venv, ensurepip' 2>/dev/null && [ "${GITHUB_ACTIONS:-}" != true ]; then
  echo 'Python 3 with venv was not found: workflows and shell scripts were NOT LOOKED AT' >&2
  exit 0
fi

tools=target/lint-tools
pip() { "$tools/bin/python" -m pip --quiet --disable-pip-version-check "$@"; }

wanted=$(cat .github/requirements-lint.txt .github/requirements-actionlint.txt)
if [ "$(cat "$tools/installed" 2>/dev/null || true)" != "$wanted" ]; then
  python3 -m venv --clear "$tools"
  if ! pip install --only-binary :all: -r .github/requirements-lint.txt; then
    echo 'The tools could not be installed: workflows and shell scripts were NOT LOOKED AT' >&2
    [ "${GITHUB_ACTIONS:-}" != true ]
    exit
  fi
  # Its package fetches the program from GitHub. Where that cannot be reached the rest still holds; in CI it can be.
  if [ "${GITHUB_ACTIONS:-}" = true ] ||
    "$tools/bin/python" -c 'import urllib.request as r; r.urlopen("https://github.com", timeout=5)' 2>/dev/null; then
    pip install -r .github/requirements-actionlint.txt
  fi
  printf '%s\n' "$wanted" >"$tools/installed"
fi

"$tools/bin/shellcheck" .ci/run scripts/*.sh
# Without the network: the pins of the actions are looked up by those who change them.
"$tools/bin/zizmor" --offline --quiet --no-progress .github
if [ -x "$tools/bin/actionlint" ]; then
  "$tools/bin/actionlint" -shellcheck "$tools/bin/shellcheck"
else
  echo 'actionlint could not be installed here (its package fetches it from GitHub): NOT RUN' >&2
fi
