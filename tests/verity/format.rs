//! `hardpan verity format`.

use std::fs::{self, File};
use std::io::Write;

use serde_json::Value;

use super::{BLOCK, Dir, UUID, root_hash};
use crate::util::is_there;

#[test]
fn output_and_files_are_those_of_veritysetup() {
    if !is_there("output_and_files_are_those_of_veritysetup", "veritysetup", &["--version"]) {
        return;
    }
    let salt = format!("--salt={}", "5a".repeat(32));
    let uuid = format!("--uuid={UUID}");
    let cases: [&[&str]; 6] = [
        &[&salt, &uuid],
        &["--salt=-", &uuid],
        &["--salt=ab", &uuid, "--hash-offset=4096"],
        &["--salt=ab", &uuid, "--hash-offset=512", "--data-blocks=129"],
        &[&salt, "--no-superblock"],
        &[&salt, &uuid, "--root-hash-file=root"],
    ];
    for options in cases {
        let (ours, theirs) = (Dir::with_data(130), Dir::with_data(130));
        let args = [&["format", "data", "hash"], options].concat();
        let printed = ours.ok(&args);
        assert_eq!((true, printed), theirs.veritysetup(&args), "{options:?}");
        assert_eq!(ours.names(), theirs.names());
        for name in ours.names() {
            assert!(
                fs::read(ours.path(&name)).unwrap() == fs::read(theirs.path(&name)).unwrap(),
                "{options:?} {name}"
            );
        }
        if !options.contains(&"--no-superblock") {
            let offset = options
                .iter()
                .find(|option| option.starts_with("--hash-offset"))
                .unwrap_or(&"--hash-offset=0");
            assert_eq!(
                (true, ours.ok(&["dump", "hash", offset])),
                theirs.veritysetup(&["dump", "hash", offset])
            );
        }
    }
}

#[test]
fn one_device_has_the_bytes_of_veritysetup() {
    if !is_there("one_device_has_the_bytes_of_veritysetup", "veritysetup", &["--version"]) {
        return;
    }
    let uuid = format!("--uuid={UUID}");
    let args = ["format", "data", "data", "--salt=ab", &uuid, "--hash-offset=532480"];
    let (ours, theirs) = (Dir::with_data(130), Dir::with_data(130));
    let root = root_hash(&ours.ok(&args));
    assert!(theirs.veritysetup(&args).0);
    assert!(fs::read(ours.path("data")).unwrap() == fs::read(theirs.path("data")).unwrap());
    let known = ["--hash-offset=532480", "--data-blocks=130", "--salt=ab"];
    ours.ok(&[&["verify", "data", "data", &root], known.as_slice()].concat());
    assert!(ours.veritysetup(&["verify", "data", "data", &root, "--hash-offset=532480"]).0);
    // It is longer than the offset now, so that where the data ends has to be said.
    assert!(ours.fails(2, &args).contains("--data-blocks"));
    assert_eq!(root_hash(&ours.ok(&[args.as_slice(), &["--data-blocks=130"]].concat())), root);
}

#[test]
fn salt_and_uuid_are_random_unless_given() {
    let dir = Dir::with_data(3);
    let json =
        |()| -> Value { serde_json::from_str(&dir.ok(&["format", "data", "hash", "--json"])).unwrap() };
    let [one, two] = [(), ()].map(json);
    for field in ["salt", "uuid", "root_hash"] {
        assert_ne!(one[field], two[field], "{field}");
    }
    assert_eq!(one["salt"].as_str().unwrap().len(), 64);
    assert_eq!(&one["uuid"].as_str().unwrap()[14..15], "4");
    assert_eq!((&one["data_blocks"], &one["hash_blocks"]), (&Value::from(3), &Value::from(1)));
    let none: Value = serde_json::from_str(&dir.ok(&[
        "format",
        "data",
        "hash",
        "--json",
        "--salt",
        "-",
        "--no-superblock",
    ]))
    .unwrap();
    assert_eq!((&none["salt"], &none["uuid"]), (&Value::from("-"), &Value::Null));
}

/// Defect 5, case 4: the stale tail of a larger tree.
#[test]
fn a_larger_old_hash_file_leaves_nothing_behind() {
    let dir = Dir::with_data(2000);
    dir.ok(&["format", "data", "hash", "--salt=ab"]);
    dir.ok(&["format", "data", "behind", "--salt=ab", "--hash-offset=4096"]);
    File::options().write(true).open(dir.path("data")).unwrap().set_len(100 * BLOCK).unwrap();
    for (name, offset, len) in [("hash", "0", 2), ("behind", "4096", 3)] {
        let offset = format!("--hash-offset={offset}");
        let root = root_hash(&dir.ok(&["format", "data", name, "--salt=ab", &offset]));
        assert_eq!(dir.path(name).metadata().unwrap().len(), len * BLOCK);
        dir.ok(&["verify", "data", name, &root, "--data-blocks=100", "--salt=ab", &offset]);
    }
}

/// Defect 3, case 1: a partial last block.
#[test]
fn partial_and_empty_data_are_refused_with_what_to_do() {
    let dir = Dir::with_data(10);
    File::options().append(true).open(dir.path("data")).unwrap().write_all(&[1; 100]).unwrap();
    let message = dir.fails(2, &["format", "data", "hash"]);
    assert!(message.contains("100 of 4096 bytes") && message.contains("--data-blocks 10"), "{message}");
    let output = dir.hardpan(&["format", "data", "hash", "--data-blocks=10"]);
    assert_eq!(output.status.code(), Some(0));
    assert!(String::from_utf8(output.stderr).unwrap().contains("the last 100 bytes of data are not covered"));
    let message = dir.fails(2, &["format", "data", "hash", "--data-blocks=11"]);
    assert!(message.contains("10 whole blocks"), "{message}");
    fs::write(dir.path("empty"), b"").unwrap();
    assert!(dir.fails(2, &["format", "empty", "hash"]).contains("empty"));
    for len in [1, 4095, 4097] {
        fs::write(dir.path("odd"), vec![0; len]).unwrap();
        assert!(dir.fails(2, &["format", "odd", "hash"]).contains("is partial"), "{len}");
    }
}

/// Case 7: offsets that are not aligned, or that no file has.
#[test]
fn offsets_that_cannot_be_are_refused() {
    let dir = Dir::with_data(2);
    for (offset, text) in
        [("511", "multiple of 512"), ("18446744073709551104", "2^63"), ("9223372036854775296", "2^63")]
    {
        let message = dir.fails(2, &["format", "data", "hash", "--hash-offset", offset]);
        assert!(message.contains(text), "{message}");
    }
    let message = dir.fails(2, &["format", "data", "hash", "--no-superblock", "--hash-offset=512"]);
    assert!(message.contains("multiple of 4096"), "{message}");
    assert_eq!(dir.names(), ["data"]);
}

/// Case 5, defect 4: salts that are none, each with its reason.
#[test]
fn bad_arguments_are_named() {
    let dir = Dir::with_data(2);
    for (option, text) in [
        ("--salt=abc", "no salt"),
        ("--salt=xy", "no salt"),
        ("--salt=", "no salt"),
        ("--uuid=1", "no UUID"),
        ("--data-blocks=0", "--data-blocks"),
    ] {
        let message = dir.fails(2, &["format", "data", "hash", option]);
        assert!(message.contains(text), "{message}");
    }
    let message = dir.fails(2, &["format", "data", "hash", &format!("--salt={}", "ab".repeat(257))]);
    assert!(message.contains("257 bytes"), "{message}");
}

/// Case 7: offsets that do not fit into 31 and 32 bits.
#[test]
fn offsets_beyond_two_and_four_gibibytes_are_those_of_veritysetup() {
    if !is_there(
        "offsets_beyond_two_and_four_gibibytes_are_those_of_veritysetup",
        "veritysetup",
        &["--version"],
    ) {
        return;
    }
    for offset in ["--hash-offset=2147483648", "--hash-offset=5368709632"] {
        let dir = Dir::with_data(130);
        let root = root_hash(&dir.ok(&["format", "data", "hash", "--salt=ab", offset]));
        assert!(dir.veritysetup(&["verify", "data", "hash", &root, offset]).0);
        dir.ok(&["verify", "data", "hash", &root, "--data-blocks=130", "--salt=ab", offset]);
    }
}
