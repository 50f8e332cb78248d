# What processes may do under Hardpan's own policy when it is enforced. Each domain runs a part of this, by the shell alone, which
# is a program with that domain's label; it exits with the number of its cases.

count=0

judge() {
    name=$1
    shift
    count=$((count + 1))
    if "$@" 2>&-; then echo "PASS $name"; else echo "FAIL $name"; fi
}

is() {
    read -r context </proc/self/attr/current
    [ "$context" = "$1" ] && return
    echo "  | $context, not $1"
    return 1
}

# The shell ends where a redirection of its own fails, so that each is tried in another.
reads() { (read -r _ <"$1"); }
writes() { (: >>"$1"); }
says() { (printf %s "$2" >"$1"); }
cannot() { ! "$@"; }

# Another domain does its part, and the cases are counted: run PROGRAM… PART
run() {
    "$@"
    count=$((count + $?))
}

part_init() {
    # The cases before.
    count=1
    judge init_has_its_domain is system_u:system_r:init.process:s0
    judge init_reads_settings reads /settings/file
    judge init_changes_no_settings cannot writes /settings/file
    judge init_reads_no_store cannot reads /store/file
    judge init_writes_no_layer cannot writes /layers/file
    judge init_reads_no_data_of_containers cannot reads /one/own
    run /programs/service/sh /enforced.sh service
    run /programs/api/sh /enforced.sh api
    run /programs/runtime/sh /enforced.sh runtime
    judge nobody_leaves_enforcing_mode cannot says /sys/fs/selinux/enforce 0
    judge nobody_loads_a_policy cannot says /sys/fs/selinux/load x
    read -r enforcing </sys/fs/selinux/enforce
    judge the_policy_is_enforced [ "$enforcing" = 1 ]
    echo "END $count"
    # By the program that does it, init would run it in another domain.
    printf o >/proc/sysrq-trigger
    while :; do :; done
}

part_service() {
    judge a_service_has_its_domain is system_u:system_r:service.process:s0
    judge a_service_reads_settings reads /settings/file
    judge a_service_changes_no_settings cannot writes /settings/file
    judge a_service_reads_no_store cannot reads /store/file
    judge a_service_writes_no_layer cannot writes /layers/file
    exit "$count"
}

part_api() {
    judge the_api_has_its_domain is system_u:system_r:api.process:s0
    judge the_api_changes_settings writes /settings/file
    judge the_api_reads_its_store reads /store/file
    judge the_api_changes_its_store writes /store/file
    judge the_api_writes_no_layer cannot writes /layers/file
    exit "$count"
}

part_runtime() {
    judge the_runtime_has_its_domain is system_u:system_r:runtime.process:s0
    judge the_runtime_writes_layers writes /layers/file
    judge the_runtime_changes_no_settings cannot writes /settings/file
    judge the_runtime_reads_no_store cannot reads /store/file
    judge the_runtime_writes_data_of_containers writes /one/other
    run /programs/service/chroot /one /busybox sh /enforced.sh enter
    exit "$count"
}

# In the container's root, still as the runtime.
part_enter() {
    printf %s system_u:system_r:container.process:s0:c1,c2 >/proc/self/attr/exec
    exec /sh /enforced.sh container
}

part_container() {
    # The kernel closed the console, which was not opened by the runtime.
    exec >/tty
    judge a_container_has_its_domain is system_u:system_r:container.process:s0:c1,c2
    judge a_container_reads_its_data reads /own
    judge a_container_changes_its_data writes /own
    judge a_container_reads_no_data_of_another cannot reads /other
    judge a_container_changes_no_data_of_another cannot writes /other
    judge a_container_writes_no_layer cannot writes /layer
    judge a_container_changes_nothing_of_the_kernel cannot says /proc/sys/kernel/hostname x
    exit "$count"
}

"part_$1"
