# shellcheck shell=bash disable=SC2154
# Shared by the scripts here; sourced, with $root set to the checkout.

say() { echo "${0##*/}: $*" >&2; }
die() { say "$*"; exit 1; }

# Where preset $1 is built: in the checkout, or in the user's cache when the checkout is not ours to write.
build_folder() {
  if [ -w "$root" ] && { [ ! -e "$root/build" ] || [ -w "$root/build" ]; } &&
     { [ ! -e "$root/build/$1" ] || [ -w "$root/build/$1" ]; }; then
    echo "$root/build/$1"
  else
    echo "${XDG_CACHE_HOME:-$HOME/.cache}/lxss/build-$(echo "$root" | cksum | cut -d' ' -f1)/$1"
  fi
}

# Builds preset $1 in folder $2, with the tests when $3 is "tests". One build at a time; output to standard error.
build() {
  mkdir -p "$2"
  (
    flock 9
    if [ ! -f "$2/build.ninja" ] || { [ "${3-}" = tests ] && grep -q '^BUILD_TESTING:.*=OFF' "$2/CMakeCache.txt"; }; then
      tests=OFF
      [ "${3-}" = tests ] && tests=ON
      (cd "$root" && cmake --preset "$1" -B "$2" -DBUILD_TESTING="$tests") || exit 1
    fi
    # Taken before the build: a file saved while it runs is newer than the stamp.
    touch "$2/.built.new"
    nice cmake --build "$2" --parallel "${LXSS_JOBS:-$(nproc)}" && mv "$2/.built.new" "$2/.built"
  ) 9>"$2/.lock" >&2
}

# True when nothing that the build reads is newer than the last good build. Folders are compared too, which shows
# files that were removed.
up_to_date() {
  [ -f "$1/.built" ] && [ -z "$(find "$root/CMakeLists.txt" "$root/CMakePresets.json" "$root/src" "$root/cmake" \
    "$root/tests" "$root/tools" "$root/bench" -newer "$1/.built" -print -quit 2>/dev/null)" ]
}

# The prefix in which Wine runs the NT build: made once, in the build folder of preset nt.
wine_prefix() { echo "$(build_folder nt)/wine"; }

# Sets what a Windows program needs to run under Wine, and makes the prefix when there is none. Wine keeps the memory that its
# processes share in temporary files: /dev/shm makes them cheap.
use_wine() {
  local loader
  for loader in /usr/lib/wine/wine64 "$(command -v wine64)" "$(command -v wine)"; do
    [ -x "$loader" ] && break
  done
  [ -x "$loader" ] || die "Wine is missing: scripts/setup test"
  WINE=$loader
  WINEPREFIX=$(wine_prefix)
  WINEDEBUG=${WINEDEBUG--all}
  [ -d /dev/shm ] && [ -w /dev/shm ] && TMPDIR=/dev/shm
  # Wine makes file names in the locale's encoding, and finds none for escaped ones in C's.
  LC_ALL=C.UTF-8
  export WINE WINEPREFIX WINEDEBUG TMPDIR LC_ALL
  mkdir -p "$WINEPREFIX"
  (
    flock 9
    [ -f "$WINEPREFIX/.made" ] && exit 0
    say "making Wine's prefix, once"
    # No browser, no .NET: nobody would answer its questions.
    WINEDLLOVERRIDES='mscoree=;mshtml=' timeout 300 "$WINE" wineboot -i >/dev/null 2>&1 </dev/null || exit 1
    touch "$WINEPREFIX/.made"
  ) 9>"$WINEPREFIX/.lock" || die "Wine cannot make its prefix $WINEPREFIX"
}
