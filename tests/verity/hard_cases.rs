//! Cases that other tools get wrong, or are easy to get wrong. The numbers are those of docs/verity.md.

use std::fs::{self, File};
use std::process::Stdio;

use super::{BLOCK, Dir, root_hash};
use crate::util::{self, chmod, is_there, lacks, unprivileged};

/// Case 1: every length around a block, with the number of bytes that would be left out.
#[test]
fn case_1_lengths_around_a_block() {
    for (len, text) in [(0, "is empty"), (1, "1 of 4096"), (4095, "4095 of 4096"), (4097, "1 of 4096")] {
        let dir = Dir::with_bytes(vec![1; len]);
        let message = dir.fails(2, &["format", "data", "hash"]);
        assert!(message.contains(text), "{len}: {message}");
        assert_eq!(message.contains("--data-blocks 1"), len == 4097, "{message}");
        assert_eq!(dir.names(), ["data"]);
    }
    Dir::with_bytes(vec![1; 4096]).ok(&["format", "data", "hash"]);
}

/// Case 1: one block has no tree, and the shortest files that veritysetup makes of it are taken.
#[test]
fn case_1_one_block_has_no_tree() {
    if !is_there("case_1_one_block_has_no_tree", "veritysetup", &["--version"]) {
        return;
    }
    for (place, size) in [("--hash-block-size=65536", 65_536), ("--no-superblock", 0)] {
        let (ours, theirs) = (Dir::with_data(1), Dir::with_data(1));
        let root = root_hash(&ours.ok(&["format", "data", "hash", "--salt=ab", place]));
        let (there, printed) = theirs.veritysetup(&["format", "data", "hash", "--salt=ab", place]);
        assert!(there && root_hash(&printed) == root);
        assert_eq!(ours.path("hash").metadata().unwrap().len(), size);
        theirs.ok(&["verify", "data", "hash", &root, "--data-blocks=1", "--salt=ab", place]);
        theirs.flip("data", 4095);
        theirs.fails(1, &["verify", "data", "hash", &root, "--data-blocks=1", "--salt=ab", place]);
    }
}

/// Case 2, defect 2: a superblock that is trusted is still one that can be: no device of no blocks, or of 2^63.
#[test]
fn case_2_a_trusted_superblock_must_be_possible() {
    let dir = Dir::with_data(130);
    let root = root_hash(&dir.ok(&["format", "data", "hash", "--salt=ab"]));
    let verify = |offset: usize, value: &[u8]| {
        let mut hash = fs::read(dir.path("hash")).unwrap();
        hash[offset..offset + value.len()].copy_from_slice(value);
        fs::write(dir.path("changed"), hash).unwrap();
        let output = dir.hardpan(&["verify", "data", "changed", &root, "--trust-superblock"]);
        (output.status.code().unwrap(), String::from_utf8(output.stderr).unwrap())
    };
    for (offset, value, code, text) in [
        (72, &0_u64.to_le_bytes() as &[u8], 1, "data blocks at byte 72"),
        (72, &(1_u64 << 63).to_le_bytes(), 2, "2^63"),
        (72, &u64::MAX.to_le_bytes(), 2, "2^63"),
        (72, &(1_u64 << 52).to_le_bytes(), 2, "2^63"),
        (72, &100_000_u64.to_le_bytes(), 1, "data has 532480 bytes"),
        (80, &257_u16.to_le_bytes(), 1, "salt size at byte 80"),
        (32, b"shake128", 2, "shake128 is not supported"),
        (32, b"sha1\0\0", 2, "64 characters"),
        (8, &[2], 2, "version at byte 8"),
        (0, b"VERITY", 1, "there is no superblock here"),
    ] {
        let (actual, message) = verify(offset, value);
        assert!(actual == code && message.contains(text), "{offset}: {actual} {message}");
    }
    fs::write(dir.path("changed"), [0; 511]).unwrap();
    assert!(
        dir.fails(1, &["verify", "data", "changed", &root, "--trust-superblock"]).contains("only 511 of 512")
    );
}

/// Case 2: weak algorithms are taken only when somebody says so, and then the log has it; worse ones never.
#[test]
fn case_2_weak_algorithms() {
    let dir = Dir::with_data(3);
    let message = dir.fails(2, &["format", "data", "hash", "--hash=sha1"]);
    assert!(message.contains("sha1 is weak") && message.contains("--danger-allow-weak-hash"), "{message}");
    assert_eq!(dir.names(), ["data"]);
    let output =
        dir.hardpan(&["format", "data", "hash", "--hash=sha1", "--danger-allow-weak-hash", "--salt=ab"]);
    assert_eq!(output.status.code(), Some(0));
    assert!(String::from_utf8(output.stderr).unwrap().contains("warning: weak hash algorithm sha1 taken"));
    let root = root_hash(&String::from_utf8(output.stdout).unwrap());
    for known in [&["--trust-superblock"] as &[&str], &["--hash=sha1", "--data-blocks=3", "--salt=ab"]] {
        let verify = [&["verify", "data", "hash", &root], known].concat();
        assert!(dir.fails(2, &verify).contains("sha1 is weak"));
        dir.ok(&[verify.as_slice(), &["--danger-allow-weak-hash"]].concat());
    }
    for name in ["md5", "shake128", "SHA256", "sha257", ""] {
        let message = dir.fails(2, &["format", "data", "hash", "--hash", name, "--danger-allow-weak-hash"]);
        assert!(message.contains("is not supported") || name.is_empty(), "{message}");
    }
}

/// Case 5: root hashes that are not quite one.
#[test]
fn case_5_root_hashes() {
    let dir = Dir::with_data(3);
    let root = root_hash(&dir.ok(&["format", "data", "hash", "--salt=ab"]));
    let verify = |root: &str| {
        let output = dir.hardpan(&["verify", "data", "hash", root, "--data-blocks=3", "--salt=ab"]);
        output.status.code().unwrap()
    };
    assert_eq!((verify(&root), verify(&root.to_uppercase())), (0, 0));
    for wrong in [
        &root[2..],
        &format!("{root}00"),
        &format!("0x{}", &root[2..]),
        &format!(" {root}"),
        &format!("{root}\n"),
        "",
    ] {
        assert_eq!(verify(wrong), 2, "{wrong}");
    }
    let last = if root.ends_with('0') { "1" } else { "0" };
    assert_eq!(verify(&format!("{}{last}", &root[..63])), 1);
}

/// Case 6: blocks larger than a page are made and verified; that no kernel with 4096-byte pages maps them is said.
#[test]
fn case_6_blocks_larger_than_a_page() {
    let dir = Dir::with_bytes(vec![7; 1 << 20]);
    for (sizes, warns) in [
        (["--data-block-size=8192", "--hash-block-size=4096"], true),
        (["--data-block-size=524288", "--hash-block-size=512"], true),
        (["--data-block-size=4096", "--hash-block-size=65536"], false),
        (["--data-block-size=512", "--hash-block-size=512"], false),
    ] {
        let output = dir.hardpan(&[&["format", "data", "hash", "--json"], sizes.as_slice()].concat());
        assert_eq!(output.status.code(), Some(0));
        let message = String::from_utf8(output.stderr).unwrap();
        assert_eq!(message.contains("no data blocks larger than its pages"), warns, "{sizes:?}: {message}");
        fs::write(dir.path("image.json"), output.stdout).unwrap();
        dir.ok(&["verify", "data", "hash", "--params=image.json"]);
    }
    for size in ["0", "256", "3000", "1048576", "-1", "4096.0", "99999999999"] {
        dir.fails(2, &["format", "data", "hash", "--data-block-size", size]);
        dir.fails(2, &["format", "data", "hash", &format!("--hash-block-size={size}")]);
    }
}

/// Case 7: a descriptor of the data as hash device, and hash areas inside the data.
#[test]
fn case_7_aliases_and_overlaps() {
    let dir = Dir::with_data(130);
    let before = fs::read(dir.path("data")).unwrap();
    let format = |args: &[&str]| {
        let mut command =
            dir.command(util::HARDPAN, &[&["verity", "format", "data", "/proc/self/fd/0"], args].concat());
        let data = File::options().read(true).write(true).open(dir.path("data")).unwrap();
        let output = command.stdin(Stdio::from(data)).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{output:?}");
        String::from_utf8(output.stderr).unwrap()
    };
    assert!(format(&[]).contains("say with --data-blocks where the data ends"));
    for offset in ["0", "512", "528384", "531968"] {
        let message = format(&["--data-blocks=130", "--hash-offset", offset]);
        assert!(message.contains("would overlap"), "{message}");
    }
    for offset in ["532481", "532991"] {
        assert!(format(&["--data-blocks=130", "--hash-offset", offset]).contains("not a multiple of 512"));
    }
    assert!(fs::read(dir.path("data")).unwrap() == before);
    let root = "ab".repeat(32);
    let message = dir.fails(2, &["verify", "data", "data", &root, "--data-blocks=130", "--salt=ab"]);
    assert!(message.contains("would overlap"), "{message}");
}

/// Case 9: a hash file that may not be written.
#[test]
fn case_9_a_read_only_hash_file() {
    if lacks(&["setpriv"]) {
        return;
    }
    let dir = util::Dir::for_everybody();
    chmod(&dir.write("data", vec![1; 8192]), 0o444);
    chmod(&dir.write("hash", vec![2; 4096]), 0o444);
    let mut cases: Vec<&[&str]> = vec![&["data", "hash", "--hash-offset=4096"], &["data", "--append"]];
    if util::is_superuser() {
        // Who owns the directory may replace the file.
        cases.push(&["data", "hash"]);
    }
    for args in cases {
        let output = unprivileged(&dir, &[&["verity", "format"], args].concat()).output().unwrap();
        let message = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{args:?}: {message}");
        assert!(message.contains("cannot write hash") && message.contains("Permission denied"), "{message}");
    }
    assert_eq!(fs::read(dir.path("data")).unwrap(), vec![1; 8192]);
    assert_eq!(fs::read(dir.path("hash")).unwrap(), vec![2; 4096]);
}

/// Case 9: what cannot be written is not half there: the image that a tree was appended to is as long as it was.
#[test]
fn case_9_no_room_after_the_data() {
    const UNSHARE: [&str; 3] = ["--map-root-user", "--user", "--mount"];
    let test = "case_9_no_room_after_the_data";
    if !is_there(test, "unshare", &[&UNSHARE[..], &["mount", "-t", "tmpfs", "none", "/mnt"]].concat()) {
        return;
    }
    let dir = Dir::with_data(512);
    fs::create_dir(dir.path("small")).unwrap();
    let hardpan = util::HARDPAN;
    // Room for the data and 8 KiB; the tree and its superblock take 24 KiB.
    let script = format!(
        "mount -t tmpfs -o size=2056k none small || exit 99; cp data small/data; {hardpan} verity format small/data \
         --append; code=$?; stat -c %s small/data; cmp data small/data || exit 98; exit $code"
    );
    let output = dir.command("unshare", &[&UNSHARE[..], &["sh", "-c", &script]].concat()).output().unwrap();
    let message = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{message}");
    assert!(message.contains("No space left on device"), "{message}");
    assert_eq!(String::from_utf8(output.stdout).unwrap(), format!("{}\n", 512 * BLOCK));
}

/// Case 10: holes and zeros that were written are the same data.
#[test]
fn case_10_sparse_and_written_zeros() {
    let dir = Dir::new();
    fs::write(dir.path("zeros"), vec![0; 8 << 20]).unwrap();
    File::create(dir.path("hole")).unwrap().set_len(8 << 20).unwrap();
    let [zeros, hole] =
        ["zeros", "hole"].map(|data| root_hash(&dir.ok(&["format", data, "hash", "--salt=-"])));
    assert_eq!(zeros, "ef29c902d87350f1da4bfa536e16cebc162a909bf89abe448b81ec500d4fb9bf");
    assert_eq!(hole, zeros);
    dir.ok(&["verify", "hole", "hash", &hole, "--data-blocks=2048", "--salt=-"]);
}

/// Defect 4: what cannot be is said at once and with its reason, not after all data was hashed.
#[test]
fn defect_4_errors_come_first_and_with_a_reason() {
    let dir = Dir::new();
    // Hashing this would take minutes.
    File::create(dir.path("data")).unwrap().set_len(1 << 40).unwrap();
    let long = format!("--salt={}", "ab".repeat(257));
    for (option, text) in [
        (long.as_str(), "the salt has 257 bytes"),
        ("--salt=zz", "`zz` is no salt"),
        ("--hash=sha0", "`sha0` is not supported"),
        ("--data-blocks=268435457", "268435456 whole blocks"),
        ("--seed=12", "`12` is no seed"),
        ("--uuid=12", "`12` is no UUID"),
        ("--threads=0", "from 1 to 1024"),
        ("--threads=1025", "from 1 to 1024"),
        ("--format=2", "hash types are 0 and 1"),
    ] {
        let message = dir.fails(2, &["format", "data", "hash", option]);
        assert!(message.contains(text), "{option}: {message}");
    }
    assert_eq!(dir.names(), ["data"]);
}

/// A seed gives the salt and UUID of systemd-repart: the example in docs/verity.md.
#[test]
fn a_seed_makes_the_same_image_again() {
    let dir = Dir::with_data(130);
    let seed = "--seed=0123456789abcdef0123456789abcdef";
    let texts = [seed, "--seed=01234567-89AB-CDEF-0123-456789ABCDEF"]
        .map(|seed| dir.ok(&["format", "data", "hash", seed]));
    assert_eq!(texts[0], texts[1]);
    let docs = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/verity.md")).unwrap();
    for line in texts[0].lines().filter(|line| line.starts_with("Salt") || line.starts_with("UUID")) {
        let value = line.split_whitespace().last().unwrap();
        assert!(docs.contains(value), "docs/verity.md lacks {value}");
    }
    let own = dir.ok(&["format", "data", "hash", seed, "--salt=ab"]);
    assert!(
        own.contains("Salt:            \tab\n") && own.contains("898929e6-7747-423e-8593-3659ba461e7c"),
        "{own}"
    );
}

/// The number of threads decides nothing.
#[test]
fn any_number_of_threads() {
    let dir = Dir::with_data(700);
    let format = |threads: &str| {
        let root = root_hash(&dir.ok(&[
            "format",
            "data",
            "hash",
            "--seed=0123456789abcdef0123456789abcdef",
            threads,
        ]));
        dir.ok(&["verify", "data", "hash", &root, "--trust-superblock", threads]);
        (root, fs::read(dir.path("hash")).unwrap())
    };
    let one = format("--threads=1");
    assert!(format("--threads=2") == one && format("--threads=9") == one);
}
