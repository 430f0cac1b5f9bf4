# Sourced by ./dev: brings in what a command needs, once.
#
# Everything here may be run again at any time and does nothing when there is nothing to do: packages are looked up,
# npm directories and build directories carry a stamp of what they were made from. Nothing is fetched but from the
# registries of apt and npm; no install script of an npm package runs, but OpenCode's own (see need_opencode).

# At least this. OpenCode's plugin types and the test runner need it; Debian 12 itself has 18.
NODE_MAJOR_MIN=20
NODE_OWN_VERSION=22
NPM_OWN_VERSION=10

BUILD_PACKAGES=(gcc libc6-dev meson ninja-build pkg-config python3 git ca-certificates libuv1-dev libcurl4-openssl-dev
  libwslay-dev node-llhttp libjansson-dev libyaml-dev libsqlite3-dev libpq-dev libssl-dev libcmocka-dev uthash-dev libmd4c-dev)
NODE_PACKAGES=(ca-certificates ripgrep git)
TEST_PACKAGES=(clang-format chromium python3-venv postgresql-15)
FUZZ_PACKAGES=(clang libclang-rt-14-dev)

LOGS=.cache/logs
mkdir -p "$LOGS"

die() {
  echo "dev: $*" >&2
  exit 1
}

# step TEXT COMMAND…: one line with the time it took; its output goes to a log, of which the end is shown when it fails.
step() {
  local text=$1 start=$EPOCHREALTIME status=0
  shift
  STEP_LOG=$LOGS/$(tr -cs 'A-Za-z0-9\n' - <<<"$text").log
  "$@" >"$STEP_LOG" 2>&1 || status=$?
  local ms=$(((${EPOCHREALTIME/./} - ${start/./}) / 1000))
  printf '%s %s (%d.%d s)\n' "$([ $status -eq 0 ] && echo '✔' || echo '✘')" "$text" $((ms / 1000)) $((ms % 1000 / 100))
  if [ $status -ne 0 ]; then
    echo "  failed with $status; the end of $STEP_LOG:"
    tail -n 30 "$STEP_LOG" | sed 's/^/    /'
  fi
  return $status
}

in_dir() {
  local dir=$1
  shift
  (cd "$dir" && "$@")
}

# One set-up at a time: two commands may be started together. What is started later does not inherit the lock.
locked() {
  local status=0
  mkdir -p .cache
  exec 9>.cache/lock
  flock 9
  "$@" 9>&- || status=$?
  exec 9>&-
  return $status
}

# ---- Debian packages ----

is_installed() {
  [ "$(dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null)" = installed ] ||
    # pkgconf and NodeSource's nodejs stand in for Debian's names
    { [ "$1" = pkg-config ] && command -v pkg-config >/dev/null; }
}

as_root() {
  if [ "$(id -u)" -eq 0 ]; then
    "$@"
  elif command -v sudo >/dev/null && { [ -t 0 ] || sudo -n true 2>/dev/null; }; then
    sudo "$@"
  else
    echo "needs root: run this as root, or with sudo" >&2
    return 1
  fi
}

apt() { as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -y -o DPkg::Lock::Timeout=300 "$@"; }

need_packages() {
  local package missing=()
  command -v dpkg-query >/dev/null || return 0 # not a Debian: the compiler will say what is missing
  for package in "$@"; do
    is_installed "$package" || missing+=("$package")
  done
  [ ${#missing[@]} -gt 0 ] || return 0
  if [ -z "${APT_UPDATED:-}" ]; then
    step "apt-get update" apt update || true # the lists that are there may do
    APT_UPDATED=1
  fi
  step "install ${missing[*]}" apt install --no-install-recommends "${missing[@]}" && return 0
  echo "  could not install: ${missing[*]}" >&2
  echo "  as root: apt-get install --no-install-recommends ${missing[*]}" >&2
  return 1
}

# ---- Node ----

node_major() { node -p 'process.versions.node.split(".")[0]' 2>/dev/null || echo 0; }

# Debian's nodejs comes in with node-llhttp, whether one wants it or not: PATH prefers our own.
need_node() {
  local bin=$ROOT/.cache/node/bin
  [ ! -x "$bin/node" ] || PATH=$bin:$PATH
  if [ "$(node_major)" -ge $NODE_MAJOR_MIN ] && command -v npm >/dev/null; then
    return 0
  fi
  command -v npm >/dev/null || need_packages npm || return 1
  step "bring in Node $NODE_OWN_VERSION (npm package)" fetch_node || return 1
  PATH=$bin:$PATH
  hash -r
}

fetch_node() {
  local arch modules=$ROOT/.cache/node/node_modules
  case $(uname -m) in
  x86_64) arch=x64 ;;
  aarch64) arch=arm64 ;;
  *) echo "no Node for $(uname -m)" && return 1 ;;
  esac
  mkdir -p .cache/node/bin
  echo '{"private": true}' >.cache/node/package.json
  in_dir .cache/node npm install --ignore-scripts --no-audit --no-fund --no-package-lock \
    "node-linux-$arch@$NODE_OWN_VERSION" "npm@$NPM_OWN_VERSION" || return 1
  ln -sf "$modules/npm/bin/npm-cli.js" .cache/node/bin/npm
  ln -sf "$modules/npm/bin/npx-cli.js" .cache/node/bin/npx
  ln -sf "$modules/node-linux-$arch/bin/node" .cache/node/bin/node
  .cache/node/bin/node --version
}

# npm_ci DIR: exactly what its lock file says. Versions 9, 10 and 11 of npm disagree about which install scripts run;
# none needs to, so none does.
npm_ci() {
  local dir=$1 stamp
  stamp=$(cat "$dir/package.json" "$dir/package-lock.json" | sha256sum)
  [ "$(cat "$dir/node_modules/.stamp" 2>/dev/null)" != "$stamp" ] || return 0
  step "npm ci ($dir)" in_dir "$dir" npm ci --ignore-scripts --no-audit --no-fund || return 1
  echo "$stamp" >"$dir/node_modules/.stamp"
}

npm_ci_all() {
  local top lock failed=0
  for top in "$@"; do
    for lock in "$top"/package-lock.json "$top"/*/package-lock.json; do
      [ ! -f "$lock" ] || npm_ci "${lock%/*}" || failed=1
    done
  done
  return $failed
}

# OpenCode's npm package is a launcher; its install script puts the platform's program in its place.
need_opencode() {
  local package=node_modules/opencode-ai version
  [ -z "${OPENCODE_BIN:-}" ] || return 0
  version=$(node -p "require('./$package/package.json').version") || return 1
  [ "$(cat node_modules/.opencode 2>/dev/null)" != "$version" ] || return 0
  step "OpenCode $version" place_opencode "$package" "$version" || return 1
  echo "$version" >node_modules/.opencode
}

place_opencode() {
  local arch
  arch=$(node -p process.arch)
  # The lock file may have been made where only one architecture was to be had.
  [ -d "node_modules/opencode-linux-$arch" ] || [ -d "node_modules/opencode-linux-$arch-baseline" ] ||
    npm install --no-save --ignore-scripts --no-audit --no-fund "opencode-linux-$arch@$2" || return 1
  in_dir "$1" node postinstall.mjs || return 1
  mkdir -p .cache/home
  # It must start, and be the one that was asked for.
  local said
  said=$(HOME=$ROOT/.cache/home node_modules/.bin/opencode --version) || return 1
  echo "$said"
  [ "$said" = "$2" ]
}

# build_plugin [--test]: --test also makes its modules one by one, for its tests.
build_plugin() {
  local made=plugin/dist/bridge.js stamp
  [ -z "${1:-}" ] || made=plugin/build/index.js
  stamp=$(find plugin/src plugin/*.* contract/schemas -type f -print0 | sort -z | xargs -0 sha256sum | sha256sum)
  [ ! -f "$made" ] || [ "$(cat "$made.stamp" 2>/dev/null)" != "$stamp" ] || return 0
  step "build the plugin" in_dir plugin node build.mjs "$@" || return 1
  echo "$stamp" | tee plugin/dist/bridge.js.stamp >"$made.stamp"
}

# ---- Meson ----

configure() { # DIR OPTIONS…
  local dir=$1 stamp
  shift
  stamp="${CC:-cc} $*"
  if [ -f "$dir/build.ninja" ] && [ "$(cat "$dir/.options" 2>/dev/null)" = "$stamp" ]; then
    return 0
  fi
  rm -rf "$dir"
  step "configure $dir" meson setup "$dir" "$@" || return 1
  echo "$stamp" >"$dir/.options"
}
