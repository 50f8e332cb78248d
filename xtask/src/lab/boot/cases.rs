//! The cases: the rows of the table of failures, and good boots beside them.

use super::super::machine::{Disk, Times};
use super::case::{Case, Expect};
use super::disk::{B_DATA, flip};
use super::root::{BLOCK, Root};
use super::setup::Setup;
use crate::shell::Outcome;

/// Partitions of the disk, in their order.
const DATA_A: usize = 0;
const HASH_A: usize = 1;
const DATA_B: usize = 2;
const HASH_B: usize = 3;

/// One that is told by its change alone.
const fn case(name: &'static str, change: fn(&mut Setup<'_>) -> Outcome, expect: Expect) -> Case {
    Case { name, fast: false, change, damage: |_| Ok(()), late: false, expect }
}

/// One whose disk is damaged.
const fn damaged(name: &'static str, damage: fn(&Setup<'_>) -> Outcome, expect: Expect) -> Case {
    Case { name, fast: false, change: |_| Ok(()), damage, late: false, expect }
}

const fn boots(slot: &'static str) -> Expect {
    Expect::Boots { slot, refused: &[], says: &[] }
}

/// The first slot is refused for this, and the second boots.
const fn falls_back(refused: &'static [(&'static str, &'static str)]) -> Expect {
    Expect::Boots { slot: "b", refused, says: &[] }
}

const fn fails(reason: &'static str) -> Expect {
    Expect::Fails { reason, says: &[] }
}

impl Case {
    const fn fast(self) -> Self {
        Self { fast: true, ..self }
    }
}

/// Changes one bit of a partition.
fn flip_in(setup: &Setup<'_>, partition: usize, offset: u64) -> Outcome {
    flip(&setup.disks[0].image, setup.layout.start(partition) + offset)
}

/// Leaves only the first slot.
fn alone(setup: &mut Setup<'_>) {
    setup.drop("slot b");
}

/// What a good boot shows.
const GOOD: &[&str] = &[
    "LAB context system_u:system_r:init.process:s0",
    "LAB enforce 1",
    "LAB lockdown none [integrity] confidentiality",
    "LAB kptr_restrict 2",
    "LAB hostname slot-a",
    "LAB link deep",
    "LAB mount / erofs ro",
    "LAB mount /etc tmpfs rw,context=system_u:object_r:settings.config:s0",
    "LAB writing_the_root is refused",
    "LAB kernel_memory is refused",
    "LAB an_unsigned_module is refused",
    "LAB kexec_again is refused",
    "LAB permissive_mode is refused",
    "pid=1",
];

pub(super) const ALL: &[Case] = &[
    case("good", |_| Ok(()), Expect::Boots { slot: "a", refused: &[], says: GOOD }).fast(),
    case(
        "full",
        |setup| {
            setup.replace("verify", "verify full");
            Ok(())
        },
        boots("a"),
    ),
    case(
        "full-by-parameter",
        |setup| {
            setup.boot_with("hardpan.verify=full");
            Ok(())
        },
        boots("a"),
    ),
    // -- one bit ---------------------------------------------------------------------------------------------------
    damaged("first-block", |setup| flip_in(setup, DATA_A, 100), falls_back(&[("a", "root-hash")])).fast(),
    damaged(
        "superblock-of-the-file-system",
        |setup| flip_in(setup, DATA_A, 1024),
        falls_back(&[("a", "root-hash")]),
    ),
    damaged(
        "last-block",
        |setup| flip_in(setup, DATA_A, super::root::SIZE - 1),
        falls_back(&[("a", "root-hash")]),
    ),
    damaged("tree-top", |setup| flip_in(setup, HASH_A, Root::level(2)), falls_back(&[("a", "root-hash")])),
    damaged("tree-middle", |setup| flip_in(setup, HASH_A, Root::level(1)), falls_back(&[("a", "root-hash")])),
    damaged("tree-bottom", |setup| flip_in(setup, HASH_A, Root::level(0)), falls_back(&[("a", "root-hash")])),
    // The superblock of the hash device decides nothing: all that it says is in the configuration.
    damaged("superblock-of-the-tree", |setup| flip_in(setup, HASH_A, 80), boots("a")),
    Case {
        damage: |setup| flip_in(setup, DATA_A, setup.lab.a.big()? + 5 * BLOCK),
        ..case(
            "middle-block-full",
            |setup| {
                setup.replace("verify", "verify full");
                Ok(())
            },
            falls_back(&[("a", "root-hash")]),
        )
    },
    Case {
        damage: |setup| flip_in(setup, DATA_A, setup.lab.a.big()? + 5 * BLOCK),
        ..case(
            "middle-block-restarts",
            |setup| {
                setup.boot_with("lab=read");
                Ok(())
            },
            Expect::Ends { slot: "a", says: &["dm-verity device corrupted"] },
        )
    }
    .fast(),
    Case {
        damage: |setup| flip_in(setup, DATA_A, setup.lab.a.big()? + 5 * BLOCK),
        ..case(
            "middle-block-panics",
            |setup| {
                setup.replace("on-corruption", "on-corruption panic");
                setup.boot_with("lab=read");
                Ok(())
            },
            Expect::Ends { slot: "a", says: &["Kernel panic - not syncing: dm-verity device corrupted"] },
        )
    },
    Case {
        damage: |setup| flip_in(setup, DATA_A, setup.lab.a.big()? + 5 * BLOCK),
        ..case(
            "middle-block-fails-to-read",
            |setup| {
                setup.replace("on-corruption", "on-corruption eio");
                setup.boot_with("lab=read");
                Ok(())
            },
            Expect::Boots { slot: "a", refused: &[], says: &["is corrupted"] },
        )
    },
    // -- the root hash and the devices -----------------------------------------------------------------------------
    case(
        "wrong-root-hash",
        |setup| {
            alone(setup);
            let hash = setup.lab.a.digest.clone();
            setup.edit("slot a", &hash, &"ab".repeat(32));
            Ok(())
        },
        fails("root-hash"),
    )
    .fast(),
    case(
        "root-hash-of-the-other",
        |setup| {
            let hash = setup.lab.a.digest.clone();
            let other = setup.lab.b.digest.clone();
            setup.edit("slot a", &hash, &other);
            Ok(())
        },
        falls_back(&[("a", "root-hash")]),
    ),
    case(
        "data-truncated",
        |setup| {
            setup.layout.0[DATA_A].size -= 1 << 20;
            cut(setup, DATA_A)
        },
        falls_back(&[("a", "truncated")]),
    ),
    case(
        "tree-truncated",
        |setup| {
            // The table says that there is ten times as much data as the tree is for.
            setup.edit("slot a", &format!(" {BLOCK} {BLOCK} "), &format!(" {BLOCK} 4096 9"));
            Ok(())
        },
        falls_back(&[("a", "truncated")]),
    ),
    case(
        "device-missing",
        |setup| {
            alone(setup);
            setup.replace("device-timeout", "device-timeout 2");
            setup.edit("slot a", "aaaaaaaa", "cccccccc");
            Ok(())
        },
        Expect::Fails { reason: "device-missing", says: &["vda"] },
    )
    .fast(),
    case(
        "device-missing-falls-back",
        |setup| {
            setup.replace("device-timeout", "device-timeout 2");
            setup.edit("slot a", "aaaaaaaa", "cccccccc");
            Ok(())
        },
        falls_back(&[("a", "device-missing")]),
    ),
    Case {
        late: true,
        ..case(
            "device-slow",
            |setup| {
                setup.replace("device-timeout", "device-timeout 100");
                Ok(())
            },
            boots("a"),
        )
    },
    Case {
        damage: |setup| {
            std::fs::copy(&setup.disks[0].image, setup.place.join("twin"))
                .map(drop)
                .map_err(|error| error.to_string())
        },
        ..case(
            "device-double",
            |setup| {
                let image = setup.place.join("twin");
                setup.disks.push(Disk { image, writable: true, bad: None });
                Ok(())
            },
            fails("device-ambiguous"),
        )
    },
    case(
        "by-label",
        |setup| {
            setup.edit("slot a", "PARTUUID=aaaaaaaa-0000-4000-8000-000000000001", "PARTLABEL=root-a");
            setup.edit("slot a", "PARTUUID=aaaaaaaa-0000-4000-8000-000000000002", "PARTLABEL=hash-a");
            Ok(())
        },
        boots("a"),
    ),
    case(
        "by-path",
        |setup| {
            setup.edit("slot a", "PARTUUID=aaaaaaaa-0000-4000-8000-000000000001", "/dev/vda1");
            setup.edit("slot a", "PARTUUID=aaaaaaaa-0000-4000-8000-000000000002", "/dev/vda2");
            Ok(())
        },
        boots("a"),
    ),
    case(
        "by-root-hash",
        |setup| {
            let hash = setup.lab.a.digest.clone();
            setup.layout.0[DATA_A].uuid = as_uuid(&hash[..32]);
            setup.layout.0[HASH_A].uuid = as_uuid(&hash[32..]);
            setup.edit("slot a", "PARTUUID=aaaaaaaa-0000-4000-8000-000000000001", "DPS");
            setup.edit("slot a", "PARTUUID=aaaaaaaa-0000-4000-8000-000000000002", "DPS");
            Ok(())
        },
        boots("a"),
    ),
    case("ext4", ext4, boots("a")),
    case(
        "read-error-once",
        |setup| {
            bad(setup, Times::Once);
            Ok(())
        },
        boots("a"),
    ),
    case(
        "read-error",
        |setup| {
            bad(setup, Times::Always);
            Ok(())
        },
        falls_back(&[("a", "io-error")]),
    ),
    // -- signatures ------------------------------------------------------------------------------------------------
    case(
        "unsigned",
        |setup| {
            alone(setup);
            setup.edit("module /modules/dm_verity.ko", "required", "required \"require_signatures=1\"");
            Ok(())
        },
        fails("signature-missing"),
    ),
    case(
        "signatures-not-demanded-by-the-kernel",
        |setup| {
            alone(setup);
            sign(setup, false)?;
            setup.add("require-signature");
            Ok(())
        },
        fails("signature-not-required"),
    ),
    case(
        "signed-by-nobody-known",
        |setup| {
            alone(setup);
            sign(setup, false)?;
            setup.boot_with("dm_verity.require_signatures=1");
            setup.add("require-signature");
            Ok(())
        },
        fails("signature-untrusted"),
    )
    .fast(),
    // -- modules ---------------------------------------------------------------------------------------------------
    case(
        "module-damaged",
        |setup| {
            setup.files.push(("modules/bad.ko".into(), b"\x7fELF and no more".to_vec()));
            setup.add("module /modules/bad.ko required");
            Ok(())
        },
        fails("module-refused"),
    ),
    case(
        "module-missing",
        |setup| {
            setup.add("module /modules/none.ko required");
            Ok(())
        },
        fails("module-refused"),
    ),
    case(
        "module-optional",
        |setup| {
            setup.files.push(("modules/bad.ko".into(), b"\x7fELF and no more".to_vec()));
            setup.add("module /modules/bad.ko optional");
            Ok(())
        },
        boots("a"),
    ),
    case(
        "module-unsigned",
        |setup| {
            let Some((_, module)) = setup.lab.modules.iter().find(|(name, _)| name == "dm_verity") else {
                return Err("the kernel has dm-verity built in".into());
            };
            // The signature is behind the module's end.
            setup.files.push(("modules/unsigned.ko".into(), unsigned(module)));
            setup.boot_with("module.sig_enforce=1");
            setup.replace("module /modules/dm_verity.ko", "module /modules/unsigned.ko required");
            Ok(())
        },
        fails("module-refused"),
    ),
    case(
        "modules-out-of-order",
        |setup| {
            let at = setup.config.iter().position(|line| line.starts_with("module")).unwrap_or_default();
            let first = setup.config.remove(at);
            let last = setup.config.iter().rposition(|line| line.starts_with("module")).unwrap_or_default();
            setup.config.insert(last + 1, first);
            Ok(())
        },
        Expect::Fails { reason: "module-refused", says: &["ymbol"] },
    ),
    case(
        "no-device-mapper",
        |setup| {
            setup.drop("module /modules/dm_");
            setup.drop("module /modules/dm-");
            Ok(())
        },
        fails("no-device-mapper"),
    ),
    case(
        "no-verity",
        |setup| {
            setup.drop("module /modules/dm_verity");
            Ok(())
        },
        fails("no-verity"),
    ),
    case(
        "no-file-system",
        |setup| {
            alone(setup);
            setup.drop("module /modules/erofs");
            Ok(())
        },
        fails("mount"),
    ),
    // -- SELinux ---------------------------------------------------------------------------------------------------
    case(
        "permissive",
        |setup| {
            setup.drop("enforcing");
            Ok(())
        },
        Expect::Boots { slot: "a", refused: &[], says: &["LAB enforce 0"] },
    ),
    case(
        "policy-cut",
        |setup| {
            policy(setup, "cut");
            Ok(())
        },
        fails("policy-refused"),
    ),
    case(
        "policy-changed",
        |setup| {
            policy(setup, "changed");
            Ok(())
        },
        fails("policy-refused"),
    ),
    case(
        "policy-of-another-version",
        |setup| {
            policy(setup, "version");
            Ok(())
        },
        fails("policy-version"),
    ),
    case(
        "policy-with-another-fingerprint",
        |setup| {
            policy(setup, "other");
            Ok(())
        },
        fails("policy-fingerprint"),
    )
    .fast(),
    case(
        "policy-missing",
        |setup| {
            policy(setup, "none");
            Ok(())
        },
        fails("policy-refused"),
    ),
    case(
        "no-selinux",
        |setup| {
            setup.parameters =
                setup.parameters.replace("security=selinux selinux=1", "security=apparmor selinux=0");
            Ok(())
        },
        fails("no-selinux"),
    ),
    // -- lockdown and sysctls --------------------------------------------------------------------------------------
    case(
        "lockdown-higher-already",
        |setup| {
            setup.boot_with("lockdown=confidentiality");
            Ok(())
        },
        Expect::Boots { slot: "a", refused: &[], says: &["LAB lockdown none integrity [confidentiality]"] },
    ),
    case(
        "lockdown-confidentiality",
        |setup| {
            setup.replace("lockdown", "lockdown confidentiality");
            Ok(())
        },
        Expect::Boots { slot: "a", refused: &[], says: &["LAB lockdown none integrity [confidentiality]"] },
    ),
    case(
        "sysctl-missing",
        |setup| {
            setup.add("sysctl kernel.no_such_key 1 required");
            Ok(())
        },
        fails("sysctl"),
    ),
    case(
        "sysctl-refused",
        |setup| {
            setup.replace("sysctl kernel.kptr_restrict", "sysctl kernel.kptr_restrict 77 required");
            Ok(())
        },
        fails("sysctl"),
    ),
    case(
        "modules-disabled",
        |setup| {
            setup.add("sysctl kernel.modules_disabled 1 required");
            Ok(())
        },
        boots("a"),
    ),
    // -- the configuration -----------------------------------------------------------------------------------------
    case(
        "configuration-unknown-word",
        |setup| {
            setup.add("alow-shell yes");
            Ok(())
        },
        fails("configuration"),
    ),
    case(
        "configuration-short-hash",
        |setup| {
            let hash = setup.lab.a.digest.clone();
            setup.edit("slot a", &hash, &hash[..60]);
            Ok(())
        },
        fails("configuration"),
    ),
    case(
        "slot-by-parameter",
        |setup| {
            setup.boot_with("hardpan.slot=b");
            Ok(())
        },
        boots("b"),
    ),
    case(
        "slot-below-the-minimum",
        |setup| {
            setup.edit("slot b", "version 1", "version 2");
            setup.add("minimum-version 2");
            Ok(())
        },
        falls_back(&[("a", "version")]),
    ),
    case(
        "weaker-reaction",
        |setup| {
            setup.replace("on-io-error", "on-io-error restart or-weaker");
            Ok(())
        },
        boots("a"),
    ),
    // -- init ------------------------------------------------------------------------------------------------------
    case(
        "no-init",
        |setup| {
            alone(setup);
            setup.replace("init", "init /sbin/none");
            Ok(())
        },
        fails("no-init"),
    )
    .fast(),
    case(
        "init-is-no-program",
        |setup| {
            alone(setup);
            setup.replace("init", "init /usr/bin/data");
            Ok(())
        },
        fails("exec"),
    ),
    // -- slots -----------------------------------------------------------------------------------------------------
    Case {
        damage: |setup| {
            flip_in(setup, DATA_A, 100)?;
            flip_in(setup, DATA_B, 100)
        },
        ..case(
            "both-bad",
            |_| Ok(()),
            Expect::Fails {
                reason: "no-slot",
                says: &["slot a refused: root-hash", "slot b refused: root-hash"],
            },
        )
    }
    .fast(),
    Case {
        damage: |setup| flip_in(setup, HASH_B, Root::level(2)),
        ..case("other-slot-bad", |_| Ok(()), boots("a"))
    },
    case(
        "tries",
        |setup| {
            tries(setup, &[50, 52], &[48, 53]);
            Ok(())
        },
        Expect::Boots { slot: "a", refused: &[], says: &[] },
    ),
    case(
        "tries-priority",
        |setup| {
            tries(setup, &[48, 52], &[50, 52]);
            Ok(())
        },
        boots("b"),
    ),
    case(
        "tries-used-up",
        |setup| {
            tries(setup, &[50], &[48, 52]);
            Ok(())
        },
        falls_back(&[("a", "tries")]),
    ),
    case(
        "tries-successful",
        |setup| {
            tries(setup, &[50, 56], &[48, 52]);
            Ok(())
        },
        boots("a"),
    ),
    case(
        "tries-none-left",
        |setup| {
            tries(setup, &[50], &[48]);
            Ok(())
        },
        fails("no-slot"),
    ),
    case(
        "double-partition",
        |setup| {
            setup.layout.0[DATA_A].uuid = B_DATA.into();
            Ok(())
        },
        fails("device-"),
    ),
];

/// The first slot as ext4. Its files have no labels, so that there is no policy.
fn ext4(setup: &mut Setup<'_>) -> Outcome {
    let lab = setup.lab;
    let (data, hash, digest) = super::root::ext4(&lab.program, &lab.place.join("a/tree"), &setup.place)?;
    (setup.layout.0[DATA_A].content, setup.layout.0[HASH_A].content) = (data, hash);
    setup.edit("slot a", &lab.a.digest, &digest);
    setup.edit("etc", " context=system_u:object_r:settings.config:s0", "");
    setup.drop("selinux");
    setup.drop("enforcing");
    setup.replace("root", "root ext4");
    for (name, module) in lab.kernel.modules(&["ext4", "crc32c_generic"])? {
        let file = format!("modules/{name}.ko");
        let last = setup.config.iter().rposition(|line| line.starts_with("module ")).unwrap_or_default();
        if !setup.config.iter().any(|line| line.contains(&format!("/{file} "))) {
            setup.config.insert(last + 1, format!("module /{file} required"));
            setup.files.push((file, module));
        }
    }
    Ok(())
}

/// The slots' flags in the partition table.
fn tries(setup: &mut Setup<'_>, a: &[u32], b: &[u32]) {
    setup.replace("tries", "tries gpt");
    setup.layout.0[DATA_A].attributes = a.to_vec();
    setup.layout.0[DATA_B].attributes = b.to_vec();
}

/// Leaves out the end of what is written to a partition, which has become shorter.
fn cut(setup: &mut Setup<'_>, partition: usize) -> Outcome {
    let short = setup.place.join("short");
    let partition = &mut setup.layout.0[partition];
    let mut content = super::read(&partition.content)?;
    content.truncate(usize::try_from(partition.size).unwrap_or(usize::MAX));
    std::fs::write(&short, content).map_err(|error| format!("{}: {error}", short.display()))?;
    partition.content = short;
    Ok(())
}

/// A sector of the first slot's last block cannot be read.
fn bad(setup: &mut Setup<'_>, times: Times) {
    setup.disks[0].bad = Some((setup.layout.start(DATA_A) + super::root::SIZE - BLOCK, times));
}

/// Signs the first slot's root hash, or another text.
fn sign(setup: &mut Setup<'_>, other: bool) -> Outcome {
    let signature = if other { &setup.lab.a.other_signature } else { &setup.lab.a.signature };
    setup.files.push(("signatures/a.p7s".into(), super::read(signature)?));
    let line = setup.config.iter().find(|line| line.starts_with("slot a")).cloned().unwrap_or_default();
    setup.replace("slot a", &format!("{line} signature /signatures/a.p7s"));
    Ok(())
}

/// Has another of the policies that the root holds.
fn policy(setup: &mut Setup<'_>, name: &str) {
    alone(setup);
    setup.edit("selinux", "selinux/hardpan", &format!("selinux/{name}"));
}

fn as_uuid(digits: &str) -> String {
    [0..8, 8..12, 12..16, 16..20, 20..32].map(|part| &digits[part]).join("-")
}

/// A module without its signature, which is behind its end: its bytes, twelve more that tell its size, and a magic text.
fn unsigned(module: &[u8]) -> Vec<u8> {
    const MAGIC: &[u8] = b"~Module signature appended~\n";
    let Some(rest) = module.strip_suffix(MAGIC) else { return module.to_vec() };
    let Some((rest, size)) = rest.split_last_chunk::<4>() else { return module.to_vec() };
    let size = usize::try_from(u32::from_be_bytes(*size)).unwrap_or(usize::MAX);
    let end = rest.len().saturating_sub(8).saturating_sub(size);
    rest[..end].to_vec()
}
