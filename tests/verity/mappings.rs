//! `open`, `close` and `status` up to the first call of the kernel's. The rest needs a kernel that has device-mapper, and is
//! proved by `cargo xtask lab verity`.

use std::fs;

use super::{Dir, root_hash};

const SALT: &str = "00ff";

/// Data of 300 blocks, its tree, and the root hash.
fn formatted() -> (Dir, String) {
    let dir = Dir::with_data(300);
    let root = root_hash(&dir.ok(&["format", "data", "hash", "--salt", SALT]));
    (dir, root)
}

/// What `open` says when it ends before it calls the kernel.
#[track_caller]
fn refused(dir: &Dir, root: &str, options: &[&str]) -> String {
    dir.fails(2, &[&["open", "data", "v", "hash", root], options].concat())
}

const GIVEN: [&str; 4] = ["--data-blocks", "300", "--salt", SALT];

#[test]
fn names_that_device_mapper_would_take_otherwise_are_refused() {
    let (dir, root) = formatted();
    for name in ["a/b", "..", "control", "a b", "", &"n".repeat(128)] {
        let open = ["open", "data", name, "hash", &root, "--trust-superblock"];
        for args in [&open[..], &["close", name], &["status", name]] {
            let error = dir.fails(2, args);
            assert!(error.contains("device name") || error.contains("name of a device"), "{error}");
        }
    }
}

#[test]
fn the_geometry_comes_from_the_caller() {
    let (dir, root) = formatted();
    assert!(refused(&dir, &root, &[]).contains("--trust-superblock"));
    assert!(refused(&dir, &root, &["--data-blocks", "300"]).contains("--salt"));
    assert!(
        refused(&dir, &root, &["--trust-superblock", "--hash", "sha256"]).contains("cannot be used with")
    );
    assert!(refused(&dir, &root, &["--no-superblock", "--trust-superblock"]).contains("cannot be used with"));
    let cases: [&[&str]; 6] = [
        &["--data-blocks", "299", "--salt", SALT],
        &["--data-blocks", "300", "--salt", "00"],
        &[&GIVEN[..], &["--hash", "sha512"]].concat(),
        &[&GIVEN[..], &["--format", "0"]].concat(),
        &[&GIVEN[..], &["--data-block-size", "1024"]].concat(),
        &[&GIVEN[..], &["--hash-block-size", "1024"]].concat(),
    ];
    for options in cases {
        let root = if options.contains(&"sha512") { root.repeat(2) } else { root.clone() };
        let error = refused(&dir, &root, options);
        assert!(error.contains("the superblock of hash at offset 0 is not"), "{options:?}: {error}");
    }
}

#[test]
fn a_root_hash_has_the_length_of_its_digest() {
    let (dir, root) = formatted();
    let error = refused(&dir, &root[2..], &GIVEN);
    assert!(error.contains("64"), "{error}");
    fs::write(dir.path("root"), format!("{root}\nmore")).unwrap();
    let file = ["open", "data", "v", "hash", "--root-hash-file", "root", "--trust-superblock"];
    assert!(dir.fails(2, &file).contains("root hash file root"));
}

#[test]
fn a_weak_digest_is_a_danger_that_has_to_be_named() {
    let (dir, root) = formatted();
    let options = [&GIVEN[..], &["--no-superblock", "--hash-offset", "4096", "--hash", "sha1"]].concat();
    let error = refused(&dir, &root[..40], &options);
    assert!(error.contains("--danger-allow-weak-hash"), "{error}");
}

#[test]
fn devices_that_are_too_short_are_named() {
    let (dir, root) = formatted();
    let tree = fs::read(dir.path("hash")).unwrap();
    fs::write(dir.path("hash"), &tree[..tree.len() - 1]).unwrap();
    let error = refused(&dir, &root, &GIVEN);
    assert!(error.contains("hash hash has") && error.contains("are needed"), "{error}");
    fs::write(dir.path("hash"), &tree).unwrap();
    let data = fs::read(dir.path("data")).unwrap();
    fs::write(dir.path("data"), &data[..data.len() - 512]).unwrap();
    assert!(refused(&dir, &root, &GIVEN).contains("data data has 1228288 bytes, but 1228800 are needed"));
}

#[test]
fn parity_must_be_where_it_is_said_to_be() {
    let (dir, root) = formatted();
    fs::write(dir.path("fec"), vec![0; 4096]).unwrap();
    let with = |options: &[&str]| refused(&dir, &root, &[&GIVEN[..], options].concat());
    assert!(with(&["--fec-device", "fec"]).contains("fec fec has 4096 bytes, but 16384 are needed"));
    assert!(with(&["--fec-device", "fec", "--fec-offset", "100"]).contains("no multiple"));
    assert!(with(&["--fec-device", "hash", "--fec-offset", "4096"]).contains("before the end of the tree"));
    assert!(with(&["--fec-device", "none"]).contains("none"));
    assert!(with(&["--fec-roots", "2"]).contains("--fec-device"));
    for roots in ["1", "25"] {
        assert!(with(&["--fec-device", "fec", "--fec-roots", roots]).contains("2..=24"));
    }
}

#[test]
fn a_signature_is_der() {
    let (dir, root) = formatted();
    let with = |content: &[u8]| {
        fs::write(dir.path("signature"), content).unwrap();
        refused(&dir, &root, &[&GIVEN[..], &["--root-hash-signature", "signature"]].concat())
    };
    assert!(with(b"-----BEGIN PKCS7-----\n").contains("DER"));
    assert!(with(b"").contains("0 bytes"));
    assert!(with(&vec![0x30; 32768]).contains("32768 bytes"));
}

#[test]
fn reactions_exclude_each_other() {
    let (dir, root) = formatted();
    for pair in [
        ["--restart-on-corruption", "--panic-on-corruption"],
        ["--panic-on-corruption", "--danger-ignore-corruption"],
        ["--restart-on-error", "--panic-on-error"],
    ] {
        let error = refused(&dir, &root, &[&GIVEN[..], &pair].concat());
        assert!(error.contains("cannot be used with"), "{error}");
    }
}

#[test]
fn what_is_not_there_has_no_status() {
    let dir = Dir::new();
    let name = format!("hardpan-test-{}", std::process::id());
    for command in ["status", "close"] {
        let error = dir.fails(2, &[command, &name]);
        // Without device-mapper, without permission, or without such a device: each is said.
        assert!(error.contains("device-mapper cannot be used") || error.contains("no device of that name"));
    }
}
