#!/bin/sh
# What hardpan-boot is measured against: the same steps by a shell and veritysetup, as initramfs scripts do them. It proves nothing
# of what it does, and stops at nothing.
/bin/busybox mount -t devtmpfs -o nosuid devtmpfs /dev
/bin/busybox mount -t proc -o nosuid,nodev,noexec proc /proc
/bin/busybox mount -t sysfs -o nosuid,nodev,noexec sysfs /sys
/bin/busybox mount -t tmpfs -o nosuid,nodev,mode=0755 tmpfs /run
/bin/busybox mount -t securityfs securityfs /sys/kernel/security
b=/bin/busybox
mark() { echo "shell-boot: $1" >/dev/kmsg; }
mark start
while read -r module; do $b insmod "/modules/$module.ko"; done </modules/order
mark modules
data= hash=
while [ -z "$data" ] || [ -z "$hash" ]; do
    for event in /sys/class/block/*/uevent; do
        name=
        label=
        while IFS='=' read -r key value; do
            case "$key" in
                DEVNAME) name=$value ;;
                PARTNAME) label=$value ;;
            esac
        done <"$event"
        case "$label" in
            root-a) data=/dev/$name ;;
            hash-a) hash=/dev/$name ;;
        esac
    done
done
mark devices
read -r root </verity-root
veritysetup open --restart-on-corruption "$data" root "$hash" "$root"
mark verity
# The first and the last block.
$b dd if=/dev/mapper/root of=/dev/null bs=4096 count=1 2>/dev/null
$b dd if=/dev/mapper/root of=/dev/null bs=4096 count=1 skip=18431 2>/dev/null
$b mount -t erofs -o ro /dev/mapper/root /root
mark mounted
$b mount -t selinuxfs selinuxfs /sys/fs/selinux
$b dd if=/root/usr/share/selinux/hardpan/policy.33 of=/sys/fs/selinux/load bs=8M 2>/dev/null
mark policy
echo integrity >/sys/kernel/security/lockdown
echo 2 >/proc/sys/kernel/kptr_restrict
echo 1 >/proc/sys/kernel/dmesg_restrict
echo 1 >/proc/sys/kernel/unprivileged_bpf_disabled
echo 1 >/proc/sys/kernel/kexec_load_disabled
$b mount -t tmpfs -o nosuid,nodev,noexec,size=16M,mode=0755,context=system_u:object_r:settings.config:s0 tmpfs /root/etc
$b cp -a /root/usr/share/factory/etc/. /root/etc/
for directory in dev proc sys run; do $b mount --move "/$directory" "/root/$directory"; done
echo "shell-boot: exec" >/root/dev/kmsg
exec $b switch_root /root /sbin/init /usr/libexec/lab
