#!/bin/sh
# The first program of a lab's machine: mounts what is needed, does what the boot is for, powers off. No policy is loaded yet.
/bin/busybox --install -s /bin
export PATH=/bin HOME=/tmp
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
mount -t tmpfs tmpfs /tmp
mount -t selinuxfs selinuxfs /sys/fs/selinux
exec </dev/null >/dev/ttyS0 2>&1

# The firmware leaves the console in the middle of a line.
echo

boot=$(sed -n 's/.*lab=\([a-z0-9-]*\).*/\1/p' /proc/cmdline)
. /cases.sh
case "$boot" in
    program | damaged | decisions | enforcing) "boot_$boot" ;;
    *) boot_load ;;
esac
# Some policies leave no program that can be started; the shell can always do this.
printf o >/proc/sysrq-trigger
while :; do :; done
