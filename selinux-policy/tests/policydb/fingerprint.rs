//! What kernels give back. The hashes are those that Debian's kernels gave back in `cargo xtask lab policy`, which loads the same
//! policies.

use std::fmt::Write as _;

use hardpan_selinux_policy::diagnostic::Source;
use hardpan_selinux_policy::policydb::avtab::specified;
use hardpan_selinux_policy::policydb::{
    Bitmap, Fingerprint, Kernel, Policy, fingerprint, read, readback, write,
};
use hardpan_selinux_policy::{Compat, Options, compile};

use crate::peers::EVERY;

/// The kernel, the version, and the hash: by 6.1, and by 6.12 (30 and 33) and 7.2 (all).
const GIVEN_BACK: &[(Kernel, u32, &str)] = &[
    (Kernel::V5_9, 30, "cbe5cd2c3e9088c5fb8c9eb2580391d7e01204929b8b1734e61f717b3d80bc99"),
    (Kernel::V5_9, 33, "58d2a44413885037192444a758f3a96f44c763f6b79bdd97eb0dea182ceb395b"),
    (Kernel::V6_10, 30, "b6b02e2bb066a2380d69e93d94dce130b487cba74b7359be8751d780bdcc7c52"),
    (Kernel::V6_10, 33, "953aa6d9b22930301624c823acb35d0b72ca8f90891d0fda3b811a540f656047"),
    (Kernel::V6_10, 34, "630f1e9444be0f77318d45fb44d92b0acfa4b57fc6dfbe88a113a9a55622a2ea"),
    (Kernel::V6_10, 35, "d795e2514280e0baf01262ff1d7f143a1baedae1ced04866cfd1736fce49d546"),
];

/// What versions 34 and 35 added.
const NEWER: &str = include_str!("newer.cil");

#[test]
fn fingerprints_are_those_that_kernels_gave_back() {
    for (kernel, version, hash) in GIVEN_BACK {
        let texts = if *version > 33 { &[NEWER, EVERY][..] } else { &[EVERY] };
        let policy = compiled(texts, *version, Compat::V3_6);
        let told = fingerprint(&policy, *kernel).unwrap();
        assert_eq!(hex(told), *hash, "{kernel:?}, version {version}");
    }
}

#[test]
fn the_order_of_the_file_changes_nothing() {
    for kernel in [Kernel::V5_9, Kernel::V6_10] {
        let [old, new] = [Compat::V3_4, Compat::V3_6].map(|compat| compiled(&[EVERY], 33, compat));
        assert_ne!(write(&old).unwrap(), write(&new).unwrap());
        assert_eq!(fingerprint(&old, kernel).unwrap(), fingerprint(&new, kernel).unwrap());
    }
}

/// What is given back can be loaded, and is given back as it was, but for extended permissions of one key.
#[test]
fn what_is_given_back_is_a_policy() {
    for kernel in [Kernel::V5_9, Kernel::V6_10] {
        let once = readback(&compiled(&[EVERY], 33, Compat::V3_6), kernel);
        let file = write(&once).unwrap();
        let again = readback(&read(&file).unwrap(), kernel);
        let without =
            |policy: &Policy| policy.avtab.iter().filter(|it| it.kind() < 0x100).cloned().collect::<Vec<_>>();
        assert_eq!(without(&again), without(&once));
        assert_ne!(write(&again).unwrap(), file);
        let twice = readback(&again, kernel);
        assert_eq!(Fingerprint::of_readback(&write(&twice).unwrap()), Fingerprint::of_readback(&file));
    }
}

/// What no compiler writes. The kernel makes the role object_r itself, and each type one of its own attributes; it does not
/// look whether conditionals are in force as their booleans say.
#[test]
fn what_the_kernel_makes_itself_is_not_the_files() {
    let altered = altered(&compiled(&[EVERY], 33, Compat::V3_6));
    for (kernel, hash) in [
        (Kernel::V5_9, "962d36d6f2412d5f9f7911ad9bb946ff71a1c917f704bb1ad12c45c943555c02"),
        (Kernel::V6_10, "dc330b29b65be82e4fc3581e878919b1e47a0ef356f7af4332e6ad65c87a8744"),
    ] {
        assert_eq!(hex(fingerprint(&altered, kernel).unwrap()), hash, "{kernel:?}");
    }
}

fn altered(policy: &Policy) -> Policy {
    let mut altered = policy.clone();
    let object_r = altered.roles.iter_mut().find(|role| *role.name == *b"object_r").unwrap();
    (object_r.types, object_r.dominates) = (Bitmap::first(3), Bitmap::first(2));
    altered.type_attribute_map[0].remove(0);
    for conditional in &mut altered.conditionals {
        conditional.state = !conditional.state;
        for rule in conditional.then.iter_mut().chain(&mut conditional.otherwise) {
            rule.specified ^= specified::ENABLED;
        }
    }
    altered
}

#[test]
fn the_kernels_of_a_release() {
    for (release, kernel) in [
        ((5, 8), None),
        ((5, 9), Some(Kernel::V5_9)),
        ((5, 19), Some(Kernel::V5_9)),
        ((6, 6), Some(Kernel::V5_9)),
        ((6, 7), None),
        ((6, 9), None),
        ((6, 10), Some(Kernel::V6_10)),
        ((7, 0), Some(Kernel::V6_10)),
    ] {
        assert_eq!(Kernel::of_release(release.0, release.1), kernel, "{release:?}");
    }
}

fn compiled(texts: &[&str], version: u32, compat: Compat) -> Policy {
    let source = |text: &&str| Source { name: "policy.cil".to_owned(), text: text.as_bytes().to_vec() };
    let sources: Vec<Source> = texts.iter().map(source).collect();
    let options = Options { version, compat, ..Options::default() };
    compile(&sources, &options).unwrap().policy
}

fn hex(fingerprint: Fingerprint) -> String {
    fingerprint.sha256.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}
