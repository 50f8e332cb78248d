# Cases of policies on a kernel. A file of a policy has its version as ending; beside it, as `.sha256`, is the fingerprint that
# was told before, and where none is, the policy is no policy.

count=0

# Runs a command, which passes if it succeeds: judge NAME COMMAND…
judge() {
    name=$1
    shift
    count=$((count + 1))
    if "$@" >/tmp/log 2>&1; then
        echo "PASS $name"
    else
        echo "FAIL $name"
        sed 's/^/  | /' /tmp/log
        dmesg | grep SELinux | tail -n 5 | sed 's/^/  # /'
    fi
}

# One write, as the kernel wants it.
load() { dd if="$1" of=/sys/fs/selinux/load bs="$(wc -c <"$1")" count=1; }

refused() {
    if load "$1"; then
        echo "the kernel loaded it"
        return 1
    fi
}

# After some policies no program can be started, since its context would be none. So what reads is started before, and waits
# for a pipe to be closed before it goes on with the kernel's policy.
loads_and_reads_back() {
    rm -f /tmp/gate
    mkfifo /tmp/gate
    cat /tmp/gate /sys/fs/selinux/policy | sha256sum >/tmp/hash &
    load "$1"
    loaded=$?
    : >/tmp/gate
    wait
    [ "$loaded" = 0 ] || return
    read -r got _ </tmp/hash
    read -r predicted <"$1.sha256"
    [ "$got" = "$predicted" ] && return
    echo "read back: $got"
    echo "predicted: $predicted"
    return 1
}

policies() { ls "/policies/$1"/* | grep -v '\.sha256$'; }

# -- every policy of the boot is loaded, one after another; newer versions than the kernel's are refused -----------------

boot_load() {
    newest=$(cat /sys/fs/selinux/policyvers)
    for policy in $(policies "$boot"); do
        name=${policy##*/}
        if [ "${policy##*.}" -gt "$newest" ]; then
            judge "${name}_is_newer_than_the_kernel_and_refused" refused "$policy"
        else
            judge "${name}_is_read_back_as_predicted" loads_and_reads_back "$policy"
        fi
    done
    echo "END $count"
}

# -- the program itself, where the policy is enforced --------------------------------------------------------------------

program_predicts() {
    told=$(hardpan policy fingerprint --kernel "$(uname -r)" "$1") && [ "${told%% *}" = "$(cat "$1.sha256")" ] && return
    echo "told: $told"
    return 1
}

program_hashes_what_the_kernel_gives_back() {
    told=$(hardpan policy fingerprint /sys/fs/selinux/policy)
    given=$(sha256sum /sys/fs/selinux/policy)
    [ -n "$told" ] && [ "$told" = "$given" ] && return
    echo "told: $told"
    return 1
}

boot_program() {
    policy=$(policies program)
    judge the_program_predicts_on_this_machine_too program_predicts "$policy"
    judge "${policy##*/}_is_read_back_as_predicted" loads_and_reads_back "$policy"
    judge the_program_hashes_what_the_kernel_gives_back program_hashes_what_the_kernel_gives_back
    judge the_program_reads_what_the_kernel_gives_back hardpan policy info /sys/fs/selinux/policy
    echo "END $count"
}

# -- damaged policies --------------------------------------------------------------------------------------------------

boot_damaged() {
    for policy in $(policies damaged); do
        name=${policy##*/}
        if [ -e "$policy.sha256" ]; then
            judge "${name}_is_read_back_as_predicted" loads_and_reads_back "$policy"
        else
            judge "${name}_is_refused" refused "$policy"
        fi
    done
    echo "END $count"
}

# -- what the policy answers -------------------------------------------------------------------------------------------

# The file answers what was written to it before it was closed; the first number of the answer is what is allowed.
decides() {
    class=/sys/fs/selinux/class/$3
    index=$(cat "$class/index") permission=$(cat "$class/perms/$4")
    exec 3<>/sys/fs/selinux/access
    printf '%s %s %s' "$1" "$2" "$index" >&3 || return
    read -r allowed _ <&3
    exec 3>&-
    [ $(((0x$allowed >> (permission - 1)) & 1)) = "$5" ] && return
    echo "allowed: $allowed"
    return 1
}

boot_decisions() {
    policy=$(policies decisions)
    judge "${policy##*/}_is_read_back_as_predicted" loads_and_reads_back "$policy"
    while read -r source target class permission wanted; do
        judge "$source $target $class $permission: $wanted" decides "$source" "$target" "$class" "$permission" "$wanted"
    done </decisions
    echo "END $count"
}

# -- enforcing ---------------------------------------------------------------------------------------------------------

# A directory with this label, in which files can have others: tree PATH TYPE
tree() {
    mkdir -p "$1"
    mount -t tmpfs -o "rootcontext=\"system_u:object_r:$2\"" tmpfs "$1"
}

# Makes a file with a label, which is that of all files until it is taken back by an empty line. (`echo` writes the end of its
# line by itself, so that it takes its own label back.) put PATH TYPE
put() {
    printf %s "system_u:object_r:$2" >/proc/self/attr/fscreate
    cat >"$1"
    printf '\n' >/proc/self/attr/fscreate
    chmod 755 "$1"
}

set_up() {
    tree /settings settings.config:s0
    put /settings/file settings.config:s0 </cases.sh
    tree /store settings.store:s0
    put /store/file settings.store:s0 </cases.sh
    tree /layers image.layer:s0
    put /layers/file image.layer:s0 </cases.sh
    for pair in init:init.program service:os.program api:api.program runtime:runtime.program; do
        tree "/programs/${pair%:*}" os.file:s0
        put "/programs/${pair%:*}/sh" "${pair#*:}:s0" </bin/busybox
    done
    put /programs/service/chroot os.program:s0 </bin/busybox
    # The label of the file system is that of the node, which is mounted to where it is used.
    mkdir /terminals
    mount -t tmpfs -o context=system_u:object_r:device.terminal:s0 tmpfs /terminals
    mknod /terminals/tty c 4 64
    set_up_container
    : >/tty
    mount --bind /terminals/tty /tty
}

set_up_container() {
    tree /one container.data:s0:c1,c2
    mkdir /one/proc
    mount -t proc proc /one/proc
    put /one/own container.data:s0:c1,c2 </cases.sh
    put /one/other container.data:s0:c3,c4 </cases.sh
    put /one/layer image.layer:s0 </cases.sh
    put /one/busybox os.program:s0 </bin/busybox
    put /one/sh container.data:s0:c1,c2 </bin/busybox
    put /one/enforced.sh container.data:s0:c1,c2 </enforced.sh
    put /one/tty container.data:s0:c1,c2 </dev/null
    mount --bind /terminals/tty /one/tty
}

boot_enforcing() {
    policy=$(policies enforcing)
    judge "${policy##*/}_is_read_back_as_predicted" loads_and_reads_back "$policy"
    set_up
    exec >/tty 2>&1
    printf 1 >/sys/fs/selinux/enforce
    exec /programs/init/sh /enforced.sh init
}
