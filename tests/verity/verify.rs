//! `hardpan verity verify`.

use std::fs;
use std::process::Stdio;

use serde_json::Value;

use super::{BLOCK, Dir, root_hash};

/// Defect 2, case 5: nothing is taken from where it is not authenticated; root hash files with more than a hash.
#[test]
fn verify_needs_the_geometry_or_trust() {
    let dir = Dir::with_data(130);
    let root = root_hash(&dir.ok(&["format", "data", "hash", "--salt=ab", "--root-hash-file=root"]));
    assert_eq!(fs::read_to_string(dir.path("root")).unwrap(), root);
    let known = ["--data-blocks=130", "--salt=ab"];
    dir.ok(&[&["verify", "data", "hash", &root], known.as_slice()].concat());
    dir.ok(&[&["verify", "data", "hash", "--root-hash-file=root"], known.as_slice()].concat());
    dir.ok(&["verify", "data", "hash", &root.to_uppercase(), "--trust-superblock"]);
    for args in [
        &["verify", "data", "hash", &root] as &[&str],
        &["verify", "data", "hash", &root, "--salt=ab"],
        &["verify", "data", "hash", &root, "--data-blocks=130"],
        &["verify", "data", "hash", "--trust-superblock"],
        &["verify", "data", "hash", &root, "--trust-superblock", "--data-blocks=130", "--salt=ab"],
        &["verify", "data", "hash", &root, "--data-blocks=0", "--salt=ab"],
        &["verify", "data", "hash", &root[1..], "--trust-superblock"],
        &["verify", "data", "hash", &root, "--trust-superblock", "--root-hash-file=root"],
    ] {
        dir.fails(2, args);
    }
    for (junk, good) in [("\n", true), ("\n\n", false), ("\r\n", false), (" junk", false), ("\0", false)] {
        fs::write(dir.path("root"), format!("{root}{junk}")).unwrap();
        let output = dir.hardpan(&["verify", "data", "hash", "--root-hash-file=root", "--trust-superblock"]);
        assert_eq!(output.status.code(), Some(if good { 0 } else { 2 }), "{junk:?}");
    }
    let message = dir.fails(1, &["verify", "data", "hash", &root, "--data-blocks=129", "--salt=ab"]);
    assert!(message.contains("data blocks is 130, expected 129"), "{message}");
    let message = dir.fails(1, &["verify", "data", "hash", &root, "--data-blocks=130", "--salt=ba"]);
    assert!(message.contains("salt is ab, expected ba"), "{message}");
}

#[test]
fn all_damage_is_listed() {
    let dir = Dir::with_data(400);
    let root = root_hash(&dir.ok(&["format", "data", "hash", "--salt=ab"]));
    for block in [3, 4, 5, 127, 399] {
        dir.flip("data", block * BLOCK + block);
    }
    // The tree starts at block 1 with the top; the leaves follow. What is under the second is intact.
    dir.flip("hash", 3 * BLOCK + 9);
    let args = ["verify", "data", "hash", &root, "--data-blocks=400", "--salt=ab"];
    let message = dir.fails(1, &args);
    assert!(message.contains("corrupt data blocks: 3-5, 127, 399 (5 in all)"), "{message}");
    assert!(message.contains("corrupt hash blocks of level 0: 1 (1 in all)"), "{message}");
    let output = dir.hardpan(&[args.as_slice(), &["--json"]].concat());
    let json: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(json["verified"], false);
    assert_eq!(json["damage"]["data"]["ranges"], serde_json::json!([[3, 5], [127, 127], [399, 399]]));
    assert_eq!(json["damage"]["levels"][0]["corrupt"]["ranges"], serde_json::json!([[1, 1]]));
}

/// Defects 2 and 3, case 3: hash blocks as data, and bytes that are in no digest.
#[test]
fn what_the_root_hash_does_not_cover_is_refused() {
    let dir = Dir::with_data(1024);
    let root = root_hash(&dir.ok(&["format", "data", "hash", "--salt=ab"]));
    let known = ["--data-blocks=1024", "--salt=ab"];
    let verify = |data: &str, hash: &str| {
        let output = dir.hardpan(&[&["verify", data, hash, &root], known.as_slice()].concat());
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    assert_eq!(verify("data", "hash").0, Some(0));

    // The eight leaves as data, with a superblock that says so: the root hash is the same, and is refused.
    let hash = fs::read(dir.path("hash")).unwrap();
    fs::write(dir.path("leaves"), &hash[2 * 4096..]).unwrap();
    assert_eq!(root_hash(&dir.ok(&["format", "leaves", "forged", "--salt=ab"])), root);
    assert_eq!(verify("leaves", "forged").0, Some(1));

    for (junk, place) in [(600, "between superblock and tree"), (hash.len() + 4096, "after the tree")] {
        let mut bytes = hash.clone();
        bytes.resize(bytes.len().max(junk + 1), 0);
        bytes[junk] = 1;
        fs::write(dir.path("junk"), bytes).unwrap();
        let (code, message) = verify("data", "junk");
        assert!(code == Some(1) && message.contains(place), "{message}");
    }
    let data = fs::read(dir.path("data")).unwrap();
    for (tail, text) in [(&[7; 100], "after the data"), (&[0; 100], "the last 100 bytes")] {
        fs::write(dir.path("longer"), [data.as_slice(), tail].concat()).unwrap();
        let (code, message) = verify("longer", "hash");
        assert!(code == Some(1) && message.contains(text), "{message}");
    }
    fs::write(dir.path("shorter"), &data[..data.len() - 1]).unwrap();
    assert_eq!(verify("shorter", "hash").0, Some(1));
}

/// Whoever reads what is said may stop reading: the verdict and its exit code stay.
#[test]
fn closed_pipes_do_not_change_the_verdict() {
    let dir = Dir::with_data(130);
    dir.ok(&["format", "data", "hash", "--fec-device=fec", "--root-hash-file=root"]);
    dir.flip("data", 9000);
    let known = ["--root-hash-file=root", "--trust-superblock"];
    let closed = || Stdio::from(std::io::pipe().unwrap().1);
    let code = |args: &[&str]| {
        let mut command = dir.0.hardpan(&[&["verity"], args, &known].concat());
        command.stdout(closed()).stderr(closed()).status().unwrap().code()
    };
    assert_eq!(code(&["verify", "data", "hash"]), Some(1));
    assert_eq!(code(&["verify", "data", "hash", "--fec-device=fec", "--json"]), Some(1));
    // Too few roots for what is stored, so that nothing fits.
    assert_eq!(code(&["repair", "data", "hash", "fec", "--fec-roots=3"]), Some(1));
    assert_eq!(code(&["repair", "data", "hash", "fec", "--dry-run"]), Some(1));
    assert_eq!(code(&["repair", "data", "hash", "fec"]), Some(3));
    assert_eq!(code(&["repair", "data", "hash", "fec"]), Some(0));
}

/// A tree over one block is nothing at all, wherever it is said to be.
#[test]
fn one_block_has_its_tree_beyond_the_end() {
    let dir = Dir::with_data(1);
    let root = root_hash(&dir.ok(&["format", "data", "hash", "--no-superblock", "--salt=ab"]));
    let known = ["--no-superblock", "--data-blocks=1", "--salt=ab", "--hash-offset=8192"];
    dir.ok(&[&["verify", "data", "data", &root], known.as_slice()].concat());
    fs::write(dir.path("data"), [&fs::read(dir.path("data")).unwrap()[..], &[1]].concat()).unwrap();
    assert_eq!(
        dir.hardpan(&[&["verify", "data", "data", &root], known.as_slice()].concat()).status.code(),
        Some(1)
    );
}
