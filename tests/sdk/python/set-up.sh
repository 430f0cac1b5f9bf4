#!/usr/bin/env bash
# Makes a Python with slack-sdk and slack-bolt in it and prints its path; does nothing when it is there already.
# Ends with 77, and says why, where it cannot be had: no python3, no venv module (Debian: python3-venv), no PyPI.
set -euo pipefail
cd "$(dirname "$0")"

CANNOT=77
requirements=$PWD/requirements.txt
cache=${PYTHON_SDK_CACHE:-$PWD/../../../.cache/python-sdk}

cannot() {
  echo "the Python SDKs are not checked: $*" >&2
  exit $CANNOT
}

command -v python3 >/dev/null || cannot "there is no python3"
python3 -c 'import ensurepip, venv' 2>/dev/null || cannot "python3 has no venv module (Debian: apt-get install python3-venv)"
mkdir -p "$cache"
cache=$(cd "$cache" && pwd)
stamp=$(cat "$requirements" <(python3 --version) | sha256sum)

exec 9>"$cache/lock" # several tests may start together
flock 9
if [ "$(cat "$cache/stamp" 2>/dev/null)" != "$stamp" ]; then
  rm -rf "$cache/venv" "$cache/stamp"
  python3 -m venv "$cache/venv" >"$cache/log" 2>&1 || cannot "python3 -m venv failed: $(tail -n 1 "$cache/log")"
  "$cache/venv/bin/python" -m pip install --disable-pip-version-check --no-input --retries 2 --timeout 20 \
    --require-hashes -r "$requirements" >"$cache/log" 2>&1 || cannot "pip install failed: $(tail -n 1 "$cache/log")"
  echo "$stamp" >"$cache/stamp"
fi
echo "$cache/venv/bin/python"
