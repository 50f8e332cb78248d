# What the init of the lab's roots does: shows what the boot left it, does what the case is for, ends the machine. The shell is
# the init itself, in its domain; what it starts are services, which may do less, so that most is done by the shell alone.
PATH=/usr/bin
(echo lab-init >/dev/kmsg) 2>&-
read -r slot </usr/share/lab/slot
echo "LAB init slot=$slot pid=$$"
IFS= read -r parameters </proc/cmdline

shows() {
    value=
    # Not every file of the kernel's ends with a newline.
    IFS= read -r -d '' value <"$2"
    echo "LAB $1 ${value%$'\n'}"
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
for entry in /* /etc/* /etc/some/where/*; do echo "LAB entry $entry"; done
for file in /proc/self/fd/*; do echo "LAB fd $file"; done
refuses writing_the_root ': >/usr/share/lab/slot'
refuses kernel_memory 'read -r _ </dev/mem'
refuses an_unsigned_module 'insmod /usr/share/lab/big'
refuses kexec_again 'printf 0 >/proc/sys/kernel/kexec_load_disabled'
refuses permissive_mode 'printf 0 >/sys/fs/selinux/enforce'
while IFS= read -r line; do echo "LAB receipt $line"; done </run/hardpan/boot.json

# Hardens the kernel that runs, as on a host that did not boot by hardpan-boot.
apply() {
    hardpan --version >/dev/null || echo "LAB no program"
    shows 'lockdown before' /sys/kernel/security/lockdown
    hardpan lockdown apply --lockdown integrity --one-way --dry-run
    echo "LAB dry run $?"
    hardpan lockdown apply --lockdown integrity --one-way
    echo "LAB applied $?"
    hardpan lockdown apply --lockdown integrity --one-way >/dev/null
    echo "LAB again $?"
    shows 'lockdown after' /sys/kernel/security/lockdown
    shows 'kexec after' /proc/sys/kernel/kexec_load_disabled
    refuses kexec_after_all 'printf 0 >/proc/sys/kernel/kexec_load_disabled'
    hardpan lockdown check /
    echo "LAB checked $?"
    hardpan lockdown receipt
    echo "LAB receipt judged $?"
}

case "$parameters" in
    *lab=apply*) apply ;;
    *lab=log*) while IFS= read -r -t 1 line; do echo "LAB log $line"; done </dev/kmsg ;;
    *lab=read*) mapfile </usr/share/lab/big 2>&- ;;
esac
echo "LAB END"
printf o >/proc/sysrq-trigger
while :; do :; done
