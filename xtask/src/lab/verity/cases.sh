# Cases of `hardpan verity open`, `close` and `status` on a kernel. Each is a function `case_NAME`, run in a shell of its own
# that ends at the first command that fails; it passes if it comes to its end and leaves neither mapping, node nor loop
# device behind.

ROOT=$(cat /images/root)
SALT=$(cat /images/salt)
BLOCKS=2048
GIVEN="--data-blocks $BLOCKS --salt $SALT"
DASHES_GONE=0123456789ab4cde8f0123456789abcd

# -- tools of the cases ----------------------------------------------------------------------------------------------

hp() { hardpan -q verity "$@"; }

# Fresh copies of data and hash, to be damaged.
fresh() { cp /images/data data; cp /images/hash hash; }

# Has veritysetup make a tree, and keeps the root hash in `root`: format DATA HASH OPTION…
format() {
    veritysetup format "$@" >format.out
    root=$(sed -n 's/^Root hash:[[:space:]]*//p' format.out)
    [ -n "$root" ]
}

open_fresh() { hp open data v hash "$ROOT" $GIVEN "$@"; }

# Overwrites 16 bytes in a block of a file: damage FILE BLOCK [BLOCK SIZE]
damage() { printf 'damaged damaged!' | dd of="$1" bs=1 seek=$(($2 * ${3:-4096} + 100)) conv=notrunc 2>/dev/null; }

# Runs a command that must exit with a code, and keeps what it says in `out` and `err`: fails CODE COMMAND…
code() {
    wanted=$1
    shift
    got=0
    "$@" >out 2>err || got=$?
    [ "$got" = "$wanted" ] || { echo "exit code $got, not $wanted, of: $*"; cat out err; return 1; }
}

# Runs a command that must fail. (The shell does not end at a command with `!` before it.)
refused() { if "$@" 2>/dev/null; then echo "succeeded: $*"; return 1; fi; }

# A text that a file must have.
has() { grep -qF -- "$2" "$1" || { echo "$1 lacks: $2"; cat "$1"; return 1; }; }

no_mapping() {
    [ -z "$(dmsetup ls 2>/dev/null | grep -v '^No devices')" ] || { echo "a mapping is left:"; dmsetup ls; return 1; }
    [ -z "$(ls /dev/mapper | grep -v control)" ] || { echo "a node is left:"; ls -l /dev/mapper; return 1; }
}

no_loop() {
    # The kernel detaches a device some moments after the last one closed it.
    for _ in 1 2 3 4 5 6 7 8 9 10; do
        [ -z "$(ls -d /sys/block/loop*/loop 2>/dev/null)" ] && return 0
        sleep 0.2
    done
    echo "a loop device is left:"
    cat /sys/block/loop*/loop/backing_file
    return 1
}

clean_up() {
    umount /mnt 2>/dev/null
    for name in $(dmsetup ls 2>/dev/null | grep -v '^No devices' | cut -f1); do dmsetup remove --force "$name"; done
    rm -rf /dev/mapper/[!c]* /work/*
} >/dev/null 2>&1

# -- cases -----------------------------------------------------------------------------------------------------------

case_open_mount_read_close() {
    fresh
    [ "$(open_fresh)" = /dev/mapper/v ]
    mount -t ext4 -o ro /dev/mapper/v /mnt
    cmp /mnt/hello /images/tree/hello
    umount /mnt
    cmp data /dev/mapper/v
    code 0 hp status v
    has out verified
    code 0 hp close v
}

case_veritysetup_knows_our_mapping() {
    fresh
    open_fresh >/dev/null
    veritysetup status v >status
    has status "VERITY"
    has status "status:      verified"
    has status "root hash:   $ROOT"
    [ "$(dmsetup info -c --noheadings -o uuid v)" = "CRYPT-VERITY-$DASHES_GONE-v" ]
    veritysetup close v
}

case_we_know_veritysetups_mapping() {
    fresh
    veritysetup open data v hash "$ROOT"
    code 0 hp status v --json
    has out '"verified": true'
    has out "\"root_hash\": \"$ROOT\""
    has out "\"uuid\": \"CRYPT-VERITY-$DASHES_GONE-v\""
    has out '"backing_file": "/work/data"'
    code 0 hp close v --json
    has out '"closed": true'
}

# The kernel has the same tables, whoever loaded them; only the loop devices' numbers may differ.
case_the_tables_are_veritysetups() {
    fresh
    open_fresh --restart-on-corruption --ignore-zero-blocks --danger-check-at-most-once --use-tasklets 2>/dev/null >&2
    dmsetup table v | sed 's/ 7:[0-9]*/ LOOP/g' >ours
    hp close v
    veritysetup open data v hash "$ROOT" --restart-on-corruption --ignore-zero-blocks --check-at-most-once --use-tasklets
    dmsetup table v | sed 's/ 7:[0-9]*/ LOOP/g' >theirs
    veritysetup close v
    cmp ours theirs || { cat ours theirs; return 1; }
    has ours "restart_on_corruption"
    has ours "try_verify_in_tasklet"
}

case_a_corrupt_first_block_is_refused() {
    fresh
    damage data 0
    code 1 open_fresh
    has err "data blocks 0 do not belong"
    has err "device-mapper: verity: "
    no_mapping
    code 1 open_fresh --json
    has out '"verified": false'
    has out '"ranges"'
}

case_a_corrupt_last_block_is_refused() {
    fresh
    damage data 2047
    code 1 open_fresh
    has err "data blocks 2047 do not belong"
}

case_a_wrong_root_hash_is_refused() {
    fresh
    wrong=$(echo "$ROOT" | tr 0123456789abcdef 123456789abcdef0)
    code 1 hp open data v hash "$wrong" $GIVEN
    has err "data blocks 0, 2047 do not belong"
}

case_a_wrong_salt_is_refused() {
    fresh
    code 2 hp open data v hash "$ROOT" --data-blocks $BLOCKS --salt 00
    has err "superblock"
    no_mapping
    # Where no superblock says so, the kernel does.
    code 1 hp open data v hash "$ROOT" --data-blocks $BLOCKS --salt 00 --no-superblock --hash-offset 4096
}

case_other_geometry_is_refused() {
    fresh
    code 2 hp open data v hash "$ROOT" --data-blocks 2047 --salt "$SALT"
    code 2 hp open data v hash "$ROOT"
    has err "--trust-superblock"
    no_mapping
    code 0 hp open data v hash "$ROOT" --trust-superblock
    hp close v
    # One block fewer has the same levels and the same digests, but the last hash block is then another.
    code 1 hp open data v hash "$ROOT" --data-blocks 128 --salt "$SALT" --no-superblock --hash-offset 4096
}

case_corruption_in_the_middle_shows_when_it_is_read() {
    fresh
    damage data 1000
    open_fresh >/dev/null
    code 0 hp status v
    refused dd if=/dev/mapper/v of=/dev/null bs=4096 skip=1000 count=1
    code 1 hp status v
    has out corrupted
    veritysetup status v | grep -q corrupted
    code 1 hp status v --json
    has out '"verified": false'
    hp close v
}

case_a_full_check_finds_every_corrupt_block() {
    fresh
    for block in 7 1000 1001 1900; do damage data $block; done
    code 1 open_fresh --verify full
    has err "data blocks 7, 1000-1001, 1900 do not belong"
    no_mapping
    fresh
    code 0 open_fresh --verify full --json
    has out '"read": "full"'
    hp close v
}

# A leaf of the tree stands for 128 blocks; the superblock is before it, and the top.
case_a_corrupt_hash_block_is_found() {
    fresh
    damage hash 2
    code 1 open_fresh
    has err "data blocks 0 do not belong"
    fresh
    damage hash 5
    code 1 open_fresh --verify full
    has err "384-511"
}

# What would restart or panic is asked for, but the reads of the command itself only fail.
case_reactions_do_not_hit_the_check() {
    for reaction in --restart-on-corruption --panic-on-corruption; do
        fresh
        damage data 0
        code 1 open_fresh $reaction
        no_mapping
        cp /images/data data
        open_fresh $reaction >/dev/null
        dmsetup table v | grep -q "$(echo "$reaction" | tr -d - | cut -c1-5)"
        hp close v
    done
}

case_ignored_corruption_is_said() {
    fresh
    damage data 0
    code 0 open_fresh --danger-ignore-corruption
    has err "warning"
    code 1 hp status v
    has err "ignore_corruption"
    hp close v
}

case_check_at_most_once_is_warned_of() {
    fresh
    open_fresh --danger-check-at-most-once >/dev/null
    code 0 hp status v
    has err "check_at_most_once"
    hp close v
}

case_restart_on_error_where_the_kernel_has_it() {
    fresh
    set -- $(dmsetup targets | sed -n 's/^verity *v\([0-9]*\)\.\([0-9]*\).*/\1 \2/p')
    if [ "$2" -lt 10 ]; then
        code 2 open_fresh --restart-on-error
        has err "restart_on_error needs version 1.10.0 of the kernel's verity target, which is $1.$2."
    else
        open_fresh --restart-on-error >/dev/null
        dmsetup table v | grep -q restart_on_error
        code 0 hp status v
        has out restart_on_error
        hp close v
        open_fresh --panic-on-error >/dev/null
        dmsetup table v | grep -q panic_on_error
        hp close v
    fi
}

case_the_kernel_repairs_by_parity() {
    cp /images/data data
    format data hash --salt "$SALT" --fec-device fec --fec-roots 2
    for block in 0 1000 2047; do damage data $block; done
    code 1 hp open data v hash "$root" $GIVEN
    code 0 hp open data v hash "$root" $GIVEN --fec-device fec --fec-roots 2 --verify full
    cmp /images/data /dev/mapper/v
    code 0 hp status v
    has out "FEC roots:"
    code 0 hp status v --json
    has out '"roots": 2'
    dmsetup table v | sed 's/ 7:[0-9]*/ LOOP/g' >ours
    hp close v
    veritysetup open data v hash "$root" --fec-device fec --fec-roots 2
    dmsetup table v | sed 's/ 7:[0-9]*/ LOOP/g' >theirs
    veritysetup close v
    cmp ours theirs || { cat ours theirs; return 1; }
}

case_one_file_has_data_tree_and_parity() {
    # veritysetup covers what is between tree and parity, and does not make it.
    cp /images/data all
    truncate -s 12582912 all
    set -- --hash-offset 8388608 --fec-device all --fec-offset 12582912 --fec-roots 24
    format all all --salt "$SALT" --data-blocks $BLOCKS "$@"
    damage all 3
    code 0 hp open all v all "$root" $GIVEN "$@" --verify full
    cmp /images/data /dev/mapper/v
    dmsetup table v | sed 's/ 7:[0-9]*/ LOOP/g' >ours
    [ "$(ls -d /sys/block/loop*/loop | wc -l)" = 1 ]
    hp close v
    veritysetup open all v all "$root" "$@"
    dmsetup table v | sed 's/ 7:[0-9]*/ LOOP/g' >theirs
    veritysetup close v
    cmp ours theirs || { cat ours theirs; return 1; }
}

case_more_damage_than_parity_is_refused() {
    cp /images/data data
    format data hash --salt "$SALT" --fec-device fec --fec-roots 2
    # With 253 blocks a codeword and 2066 covered blocks, blocks 0, 9 and 18 share theirs.
    dd if=/dev/zero of=data bs=4096 count=30 conv=notrunc 2>/dev/null
    code 1 hp open data v hash "$root" $GIVEN --fec-device fec
    has err "data blocks 0 do not belong"
    code 2 hp open data v hash "$root" $GIVEN --fec-device fec --fec-offset 100
    has err "no multiple"
    code 2 hp open data v hash "$root" $GIVEN --fec-device fec --fec-offset 4096
    has err "are needed"
}

case_a_mounted_mapping_is_closed_deferred() {
    fresh
    open_fresh >/dev/null
    mount -t ext4 -o ro /dev/mapper/v /mnt
    code 2 hp close v
    has err "in use"
    code 0 hp close v --deferred --json
    has out '"deferred": true'
    cat /mnt/hello >/dev/null
    code 0 hp status v
    has err "removed when it is closed"
    umount /mnt
    code 2 hp status v
    has err "no device of that name"
    no_mapping
    # The other way round, and taken back.
    open_fresh >/dev/null
    mount -t ext4 -o ro /dev/mapper/v /mnt
    hp close v --deferred
    hp close v --cancel-deferred
    umount /mnt
    code 0 hp status v
    hp close v
}

case_bad_names_are_refused() {
    fresh
    long=$(printf '%0128d' 0)
    for name in a/b ../v . .. control 'a b' 'a\b' '' "$long"; do
        code 2 hp open data "$name" hash "$ROOT" $GIVEN
        code 2 hp close "$name"
        code 2 hp status "$name"
    done
    no_mapping
    for name in "${long#0}" 'a#+-.:=@_z'; do
        open_as=$(hp open data "$name" hash "$ROOT" $GIVEN)
        [ "$open_as" = "/dev/mapper/$name" ]
        veritysetup status "$name" | grep -q VERITY
        hp close "$name"
    done
}

case_every_type_algorithm_and_block_size() {
    cp /images/data data
    for parameters in \
        "1 sha256 4096 4096" "0 sha256 4096 4096" "0 sha1 4096 4096" "1 sha1 4096 4096" "1 sha512 4096 4096" \
        "1 sha384 4096 4096" "1 sha224 1024 4096" "1 sha256 512 512" "1 sha256 1024 1024" "0 sha512 512 1024" \
        "1 sha3-256 4096 4096" "1 sha3-512 2048 4096"; do
        set -- $parameters
        size="--format $1 --hash $2 --data-block-size $3 --hash-block-size $4"
        rm -f hash
        format data hash --salt "$SALT" $size
        blocks=$((8388608 / $3))
        weak=
        if [ "$2" = sha1 ]; then
            code 2 hp open data v hash "$root" --data-blocks $blocks --salt "$SALT" $size
            has err weak
            weak=--danger-allow-weak-hash
        fi
        code 0 hp open data v hash "$root" --data-blocks $blocks --salt "$SALT" $size $weak
        cmp data /dev/mapper/v
        dmsetup table v | sed 's/ 7:[0-9]*/ LOOP/g' >ours
        hp close v
        veritysetup open data v hash "$root"
        dmsetup table v | sed 's/ 7:[0-9]*/ LOOP/g' >theirs
        veritysetup close v
        cmp ours theirs || { cat ours theirs; return 1; }
        damage data $((blocks - 1)) "$3"
        code 1 hp open data v hash "$root" --trust-superblock $weak
        has err "data blocks $((blocks - 1)) do not"
        cp /images/data data
    done
}

case_no_salt_and_no_superblock() {
    cp /images/data data
    format data hash --salt - --no-superblock
    hp open data v hash "$root" --data-blocks $BLOCKS --salt - --no-superblock >/dev/null
    [ "$(dmsetup info -c --noheadings -o uuid v)" = CRYPT-VERITY-v ]
    cmp data /dev/mapper/v
    veritysetup status v | grep -q verified
    hp close v
}

case_what_hardpan_formats_it_opens() {
    cp /images/data data
    root=$(hp format data hash --salt "$SALT" | sed -n 's/^Root hash:[[:space:]]*//p')
    [ "$root" = "$ROOT" ]
    hp open data v hash "$root" $GIVEN >/dev/null
    hp close v
    # One block has no tree at all.
    dd if=/images/data of=one bs=4096 count=1 2>/dev/null
    rm hash
    root=$(hp format one hash --salt - | sed -n 's/^Root hash:[[:space:]]*//p')
    code 0 hp open one v hash "$root" --data-blocks 1 --salt -
    cmp one /dev/mapper/v
    hp close v
}

case_block_devices_are_mapped_and_held() {
    code 0 hp open /dev/vda v /dev/vdb "$ROOT" $GIVEN
    cmp /images/data /dev/mapper/v
    code 2 hp open /dev/vda w /dev/vdb "$ROOT" $GIVEN
    has err "--shared"
    code 0 hp open /dev/vda w /dev/vdb "$ROOT" $GIVEN --shared
    hp close w
    code 0 hp status v
    has out "/dev/vda"
    hp close v
    mount -t ext4 -o ro /dev/vda /mnt
    code 2 hp open /dev/vda v /dev/vdb "$ROOT" $GIVEN
    has err "in use"
    umount /mnt
}

case_short_devices_are_refused_before_anything_is_mapped() {
    fresh
    dd if=/images/data of=data bs=4096 count=2047 2>/dev/null
    code 2 open_fresh
    has err "8384512 bytes, but 8388608 are needed"
    fresh
    dd if=/images/hash of=hash bs=4096 count=17 2>/dev/null
    code 2 open_fresh
    has err "are needed"
    : >hash
    code 2 open_fresh
}

case_a_name_that_is_taken_is_left_alone() {
    fresh
    open_fresh >/dev/null
    code 2 open_fresh
    has err "already"
    code 0 hp status v
    hp close v
}

case_other_devices_are_not_touched() {
    dmsetup create other --table "0 8 linear /dev/vda 0"
    code 2 hp status other
    has err "no verity device: its targets are linear"
    code 2 hp close other
    has err "no verity device"
    code 2 hp close other --deferred
    dmsetup info other | grep -q ACTIVE
    dmsetup remove other
    # Created, and without a table.
    dmsetup create empty --notable
    code 2 hp status empty
    has err "no active table"
    code 2 hp close empty
    dmsetup remove empty
}

case_a_suspended_mapping_is_said() {
    fresh
    open_fresh >/dev/null
    dmsetup suspend v
    code 0 hp status v
    has err "suspended"
    dmsetup resume v
    hp close v
}

case_nothing_there_is_said() {
    code 2 hp status v
    has err "no device of that name"
    code 2 hp close v
    has err "no device of that name"
}

case_the_kernels_reason_is_quoted() {
    cp /images/data data
    size="--data-block-size 8192"
    format data hash --salt "$SALT" $size
    code 2 hp open data v hash "$root" --data-blocks 1024 --salt "$SALT" $size
    has err "kernel: device-mapper: table: "
    has err "0 16384 verity 1 7:"
}

case_the_node_is_a_block_device_of_its_own() {
    fresh
    mkdir -p /dev/mapper
    # What another device left behind.
    mknod /dev/mapper/v b 253 99
    open_fresh >/dev/null
    [ -b /dev/mapper/v ]
    [ ! -L /dev/mapper/v ]
    [ "$(stat -c %a /dev/mapper/v)" = 600 ]
    [ "$(blockdev --getro /dev/mapper/v)" = 1 ]
    refused dd if=/dev/zero of=/dev/mapper/v bs=4096 count=1
    hp close v
    [ ! -e /dev/mapper/v ]
    # What is no device is not overwritten, and no mapping is left.
    echo mine >/dev/mapper/v
    code 2 open_fresh
    has err "neither a block device nor a link"
    [ "$(cat /dev/mapper/v)" = mine ]
    rm /dev/mapper/v
}

case_the_control_node_is_made_where_nobody_did() {
    fresh
    rm -f /dev/mapper/control
    open_fresh >/dev/null
    [ -c /dev/mapper/control ]
    hp close v
}

# Nobody's key is in the kernel's keyrings, so every signature is refused.
case_a_signature_by_an_unknown_key_is_refused() {
    fresh
    code 2 open_fresh --root-hash-signature /images/signature
    has err "Required key not available"
    has err "no certificate"
    no_mapping
    code 2 open_fresh --root-hash-signature /images/root
    has err "no PKCS#7 in DER"
    code 2 open_fresh --root-hash-signature /images/none
    : >empty
    code 2 open_fresh --root-hash-signature empty
}

case_without_a_signature_nothing_is_opened() {
    fresh
    code 2 open_fresh
    has err "requires a root hash signature"
}

case_a_signature_by_a_key_of_the_platform_is_accepted() {
    fresh
    code 0 open_fresh --root-hash-signature /images/signature --verify full --restart-on-corruption
    cmp data /dev/mapper/v
    dmsetup table v | grep -q root_hash_sig_key_desc
    code 0 hp status v
    has out "signature key:"
    veritysetup status v | grep -q "signature"
    hp close v
}

case_a_signature_of_another_root_hash_is_refused() {
    fresh
    code 2 open_fresh --root-hash-signature /images/other-signature
    has err "not one of this root hash"
}

# Puts the certificate among those that firmware takes for programs, where the next boot's kernel looks for keys of the
# platform. Without a platform key, firmware lets anybody set them. What shim keeps for the machine's owner the kernel takes
# only under Secure Boot.
case_the_certificate_is_enrolled() {
    mount -t efivarfs efivarfs /sys/firmware/efi/efivars
    dd if=/images/certificates of=/sys/firmware/efi/efivars/db-d719b2cb-3d3a-4596-a3bc-dad00e67656f bs=64k
    umount /sys/firmware/efi/efivars
}

# -- what each boot does ---------------------------------------------------------------------------------------------

# Runs cases and counts them.
run_cases() {
    count=0
    for name in "$@"; do
        cd /work || return
        (set -e; "case_$name"; no_mapping; no_loop) >/tmp/log 2>&1
        if [ $? = 0 ]; then
            echo "PASS $name"
        else
            echo "FAIL $name"
            sed 's/^/  | /' /tmp/log
            dmesg | tail -n 5 | sed 's/^/  # /'
        fi
        count=$((count + 1))
        clean_up
    done
    echo "END $count"
}

# All but those that other boots are for.
boot_cases() {
    others="without_a_signature_nothing_is_opened the_certificate_is_enrolled
        a_signature_by_a_key_of_the_platform_is_accepted a_signature_of_another_root_hash_is_refused"
    names=$(sed -n 's/^case_\([a-z_]*\)() {.*/\1/p' /cases.sh)
    for other in $others; do names=$(echo "$names" | grep -vx "$other"); done
    run_cases $names
}

# dm-verity was loaded with require_signatures=1.
boot_signed() { run_cases without_a_signature_nothing_is_opened a_signature_by_an_unknown_key_is_refused; }

boot_enrol() { run_cases the_certificate_is_enrolled; }

# The same, and the platform has the lab's certificate.
boot_trusted() {
    run_cases without_a_signature_nothing_is_opened a_signature_by_a_key_of_the_platform_is_accepted \
        a_signature_of_another_root_hash_is_refused
}

# The machine ends while it reads.
read_with() {
    cd /work || return
    fresh
    damage data 1000
    open_fresh "$1"
    dmesg -n 8
    echo READING
    dd if=/dev/mapper/v of=/dev/null bs=4096 skip=1000 count=1
    sleep 5
    echo SURVIVED
}

boot_panic() { read_with --panic-on-corruption; }
boot_restart() { read_with --restart-on-corruption; }
