#!/bin/sh
# Installs alpaca-run for this machine from a release: downloads the archive, checks its SHA-256 and
# copies the program.
#
#   ALPACA_RUN_RELEASE  address of the files of a release
#   ALPACA_RUN_BIN      directory for the program (default: ~/.local/bin)
#   ALPACA_RUN_TARGET   another package than the one for this machine, such as x86_64-unknown-linux-gnu
set -eu

release=${ALPACA_RUN_RELEASE:-@RELEASE@}
bin=${ALPACA_RUN_BIN:-$HOME/.local/bin}
# The script works in another directory.
case $bin in
/* | [A-Za-z]:*) ;;
*) bin=$PWD/$bin ;;
esac

fail() {
    echo "error: $1" >&2
    echo "hint: $2" >&2
    exit 1
}

case $release in
http*) ;;
*) fail "no release to install from" "set ALPACA_RUN_RELEASE to the address of the files of a release" ;;
esac

# The name of the package for this machine.
detect() {
    system=$(uname -s) machine=$(uname -m)
    case $machine in
    x86_64 | amd64) machine=x86_64 ;;
    aarch64 | arm64) machine=aarch64 ;;
    *) fail "there is no package for the processor $machine" "build it: cargo install --locked alpaca-run" ;;
    esac
    case $system in
    # The static build runs on every Linux.
    Linux) echo "$machine-unknown-linux-musl" ;;
    Darwin) echo "$machine-apple-darwin" ;;
    MINGW* | MSYS* | CYGWIN*) echo x86_64-pc-windows-msvc ;;
    *) fail "there is no package for $system" "build it: cargo install --locked alpaca-run" ;;
    esac
}
target=${ALPACA_RUN_TARGET:-$(detect)}

archive=alpaca-run-$target.tar.gz
case $target in *windows*) archive=alpaca-run-$target.zip ;; esac

command -v curl >/dev/null || fail "curl is not installed" "install it, or download $release/$archive by hand"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM
for file in "$archive" "$archive.sha256"; do
    curl --fail --silent --show-error --location --retry 3 --output "$work/$file" "$release/$file" ||
        fail "cannot download $release/$file" "check the address and the network, or download the archive by hand"
done
cd "$work"
if command -v sha256sum >/dev/null; then
    sha256sum --check --status "$archive.sha256" || wrong=1
else
    shasum -a 256 --check --status "$archive.sha256" || wrong=1
fi
[ -z "${wrong:-}" ] || fail "the SHA-256 of $archive is not that of the release" "download it again; if it stays wrong, report it"
case $archive in
*.zip) unzip -q "$archive" ;;
*) tar -xzf "$archive" ;;
esac
mkdir -p "$bin" || fail "cannot create $bin" "set ALPACA_RUN_BIN to a directory that you may write to"
program=$(ls alpaca-run-"$target"/alpaca-run alpaca-run-"$target"/alpaca-run.exe 2>/dev/null | head -n 1)
# Renamed, so that a program that runs now keeps its file.
cp "$program" "$bin/.alpaca-run.new" && mv "$bin/.alpaca-run.new" "$bin/$(basename "$program")" ||
    fail "cannot write to $bin" "set ALPACA_RUN_BIN to a directory that you may write to"
"$bin/$(basename "$program")" --version
echo "installed in $bin"
case :$PATH: in
*:"$bin":*) ;;
*) echo "hint: add $bin to PATH" ;;
esac
