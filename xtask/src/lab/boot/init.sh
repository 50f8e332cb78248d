#!/usr/bin/busybox sh
# The init of the lab's roots: shows what the boot left it, does what the case is for, ends the machine. Under Hardpan's own
# policy it is init, which may run the programs of the image and show things on the console.
PATH=/usr/bin
(echo lab-init >/dev/kmsg) 2>&-
read -r slot </usr/share/lab/slot
echo "LAB init slot=$slot pid=$$"
IFS= read -r parameters </proc/cmdline

shows() {
    if read -r value <"$2"; then echo "LAB $1 $value"; else echo "LAB $1 unreadable"; fi
}
refuses() {
    name=$1
    shift
    if (eval "$*") 2>&-; then echo "LAB $name is possible"; else echo "LAB $name is refused"; fi
}

shows context /proc/self/attr/current
shows enforce /sys/fs/selinux/enforce
shows lockdown /sys/kernel/security/lockdown
shows kptr_restrict /proc/sys/kernel/kptr_restrict
shows hostname /etc/hostname
shows link /etc/link
while read -r _ target type options _; do echo "LAB mount $target $type $options"; done </proc/mounts
echo "LAB etc $(ls -ln /etc | cksum)"
for entry in /*; do echo "LAB root $entry"; done
for file in /proc/self/fd/*; do echo "LAB fd $file"; done
refuses writing_the_root ': >/usr/share/lab/slot'
refuses kernel_memory 'read -r _ </dev/mem'
refuses an_unsigned_module 'insmod /usr/share/lab/big'
refuses kexec_again 'echo 0 >/proc/sys/kernel/kexec_load_disabled'
refuses permissive_mode 'printf 0 >/sys/fs/selinux/enforce'
while IFS= read -r line; do echo "LAB receipt $line"; done </run/hardpan/boot.json

case "$parameters" in
    *lab=log*) dmesg ;;
    *lab=read*)
        if cat /usr/share/lab/big >/dev/null; then echo "LAB big was read"; else echo "LAB big was not read"; fi
        ;;
esac
echo "LAB END"
printf o >/proc/sysrq-trigger
while :; do :; done
