#!/bin/sh
# Installs into a directory of its own and asks systemd whether the unit, the user and the
# directories are right. Where systemd's tools are missing it says so and is skipped (77).
set -eu
build=$1
command -v systemd-analyze >/dev/null || exit 77
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
prefix=$root/usr
cmake --install "$build" --prefix "$prefix" >"$root/install.log" 2>&1 || {
  cat "$root/install.log"
  exit 1
}

for path in bin/ringfenced bin/ringfencectl bin/shmdump lib/libringfence-preload.so \
  lib/systemd/system/ringfenced.service lib/sysusers.d/ringfence.conf lib/tmpfiles.d/ringfence.conf \
  etc/ringfence/ringfenced.toml; do
  [ -e "$prefix/$path" ] || {
    echo "cmake --install leaves no $path"
    exit 1
  }
done

# A second install keeps the configuration that the site has written.
echo '# changed by hand' >>"$prefix/etc/ringfence/ringfenced.toml"
cmake --install "$build" --prefix "$prefix" >/dev/null
grep -q 'changed by hand' "$prefix/etc/ringfence/ringfenced.toml" || {
  echo "a second install overwrote ringfenced.toml"
  exit 1
}

unit=$prefix/lib/systemd/system/ringfenced.service
systemd-analyze verify --man=no "$unit"
# 10 is a service without any hardening, 0 one that cannot do anything; in tenths.
systemd-analyze security --offline=true --threshold=20 "$unit" >"$root/security.log" 2>&1 || {
  cat "$root/security.log"
  exit 1
}
systemd-sysusers --dry-run "$prefix/lib/sysusers.d/ringfence.conf" >/dev/null
if [ "$(id -u)" -eq 0 ]; then
  mkdir -p "$root/host/etc"
  systemd-sysusers --root="$root/host" "$prefix/lib/sysusers.d/ringfence.conf" >/dev/null 2>&1
  systemd-tmpfiles --root="$root/host" --create "$prefix/lib/tmpfiles.d/ringfence.conf"
  mode=$(stat -c %a "$root/host/dev/shm/ringfence")
  [ "$mode" = 2755 ] || {
    echo "tmpfiles.d makes /dev/shm/ringfence with mode $mode, not 2755"
    exit 1
  }
  mode=$(stat -c %a "$root/host/dev/shm/ringfence/shims")
  [ "$mode" = 1777 ] || {
    echo "tmpfiles.d makes /dev/shm/ringfence/shims with mode $mode, not 1777"
    exit 1
  }
fi
