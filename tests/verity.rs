//! `hardpan verity`.

#![expect(clippy::print_stderr, clippy::unwrap_used, reason = "tests, some of which are skipped aloud")]

use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

const BLOCK: u64 = 4096;
const UUID: &str = "01234567-89ab-4cde-8f01-23456789abcd";

/// A fresh directory in which commands run.
struct Dir(TempDir);

impl Dir {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    /// With a file `data` of so many blocks, no two alike.
    fn with_data(blocks: u64) -> Self {
        let dir = Self::new();
        let block = |number: u64| number.to_le_bytes().repeat(512);
        let bytes: Vec<u8> = (1..=blocks).flat_map(block).collect();
        fs::write(dir.path("data"), bytes).unwrap();
        dir
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn command(&self, program: &str, args: &[&str]) -> Command {
        let mut command = Command::new(program);
        command.args(args).current_dir(self.0.path()).stdin(Stdio::null());
        command
    }

    fn hardpan(&self, args: &[&str]) -> Output {
        self.command(env!("CARGO_BIN_EXE_hardpan"), &[&["verity"], args].concat()).output().unwrap()
    }

    /// Runs a command that succeeds, and returns its output.
    fn ok(&self, args: &[&str]) -> String {
        let output = self.hardpan(args);
        assert_eq!(output.status.code(), Some(0), "{args:?}: {output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// Runs a command that fails with this code, and returns what it says about it.
    fn fails(&self, code: i32, args: &[&str]) -> String {
        let output = self.hardpan(args);
        assert_eq!(output.status.code(), Some(code), "{args:?}: {output:?}");
        String::from_utf8(output.stderr).unwrap()
    }

    /// The output of veritysetup, and whether it succeeded.
    fn veritysetup(&self, args: &[&str]) -> (bool, String) {
        let output = self.command("veritysetup", args).output().unwrap();
        (output.status.success(), String::from_utf8(output.stdout).unwrap())
    }

    fn flip(&self, name: &str, offset: u64) {
        let mut file = File::options().read(true).write(true).open(self.path(name)).unwrap();
        let mut byte = [0];
        file.seek(SeekFrom::Start(offset)).unwrap();
        file.read_exact(&mut byte).unwrap();
        file.seek(SeekFrom::Start(offset)).unwrap();
        file.write_all(&[byte[0] ^ 1]).unwrap();
    }

    fn names(&self) -> Vec<String> {
        names(self.0.path())
    }
}

fn names(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).unwrap();
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

fn root_hash(output: &str) -> String {
    output.lines().find_map(|line| line.strip_prefix("Root hash:")).unwrap().trim().to_owned()
}

/// Whether a program is there. Its absence fails, unless the environment says that peers may be missing.
fn is_there(test: &str, program: &str, probe: &[&str]) -> bool {
    let there = Command::new(program).args(probe).output().is_ok_and(|output| output.status.success());
    if !there {
        assert!(
            std::env::var_os("HARDPAN_WITHOUT_PEERS").is_some(),
            "{program} is missing or does not work here"
        );
        eprintln!("skipped: {test}: {program} missing");
    }
    there
}

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

#[test]
fn data_is_never_overwritten_whatever_link_leads_there() {
    let dir = Dir::with_data(130);
    let before = fs::read(dir.path("data")).unwrap();
    symlink("data", dir.path("symlink")).unwrap();
    fs::hard_link(dir.path("data"), dir.path("hardlink")).unwrap();
    let absolute = dir.path("data").into_os_string().into_string().unwrap();
    for alias in ["data", "symlink", "hardlink", &absolute] {
        let message = dir.fails(2, &["format", "data", alias]);
        assert!(message.contains("--data-blocks"), "{message}");
        let message = dir.fails(2, &["format", "data", alias, "--data-blocks=130", "--hash-offset=528384"]);
        assert!(message.contains("would overlap") && message.contains("--hash-offset 532480"), "{message}");
        assert!(
            dir.fails(2, &["format", "data", "hash", "--root-hash-file", alias]).contains("file of its own")
        );
    }
    assert!(dir.fails(2, &["format", "data", "hash", "--root-hash-file=./hash"]).contains("file of its own"));
    assert!(fs::read(dir.path("data")).unwrap() == before);
    assert_eq!(dir.names(), ["data", "hardlink", "symlink"]);
}

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

#[test]
fn what_is_no_file_or_device_is_refused() {
    let dir = Dir::with_data(2);
    fs::create_dir(dir.path("directory")).unwrap();
    assert!(dir.command("mkfifo", &["fifo"]).status().unwrap().success());
    for (name, kind) in
        [("directory", "a directory"), ("fifo", "a FIFO"), ("/dev/full", "a character device")]
    {
        assert!(dir.fails(2, &["format", name, "hash"]).contains(kind), "{name}");
        assert!(dir.fails(2, &["format", "data", name]).contains(kind), "{name}");
        assert!(dir.fails(2, &["dump", name]).contains(kind), "{name}");
    }
    let message = dir.fails(2, &["format", "missing", "hash"]);
    assert!(message.contains("cannot open data missing: No such file"), "{message}");
    let message = dir.fails(2, &["format", "data", "nowhere/hash"]);
    assert!(message.contains("nowhere/hash") && message.contains("No such file"), "{message}");
}

#[test]
fn the_hash_file_is_replaced_in_one_step_where_it_really_is() {
    let dir = Dir::with_data(130);
    fs::create_dir(dir.path("elsewhere")).unwrap();
    fs::write(dir.path("elsewhere/real"), b"old").unwrap();
    fs::set_permissions(dir.path("elsewhere/real"), fs::Permissions::from_mode(0o640)).unwrap();
    symlink("elsewhere/real", dir.path("hash")).unwrap();
    let inode = dir.path("elsewhere/real").metadata().unwrap().ino();
    dir.ok(&["format", "data", "hash"]);
    assert!(dir.path("hash").symlink_metadata().unwrap().is_symlink());
    let metadata = dir.path("elsewhere/real").metadata().unwrap();
    assert_ne!(metadata.ino(), inode);
    assert_eq!((metadata.len(), metadata.mode() & 0o777), (4 * BLOCK, 0o640));
    assert_eq!(names(&dir.path("elsewhere")), ["real"]);
}

#[test]
fn a_signal_leaves_nothing_behind() {
    let dir = Dir::new();
    // Holes take long enough to hash, and no room.
    File::create(dir.path("data")).unwrap().set_len(256 << 30).unwrap();
    fs::write(dir.path("hash"), b"old").unwrap();
    interrupt(&dir, &["format", "data", "hash"], "TERM", || dir.names().len() > 2);
    assert_eq!(dir.names(), ["data", "hash"]);
    assert_eq!(fs::read(dir.path("hash")).unwrap(), b"old");

    // In place, an old superblock is gone and no new one is there.
    let offset = "--hash-offset=274877906944";
    dir.ok(&["format", "data", "data", "--data-blocks=1000", offset]);
    dir.ok(&["dump", "data", offset]);
    interrupt(&dir, &["format", "data", "data", "--data-blocks=67108864", offset], "INT", || {
        dir.hardpan(&["dump", "data", offset]).status.code() == Some(2)
    });
    let message = dir.fails(2, &["dump", "data", offset]);
    assert!(message.contains("there is no superblock here"), "{message}");
}

/// Starts a command, sends it a signal when it has got somewhere, and expects it to end soon and say why.
fn interrupt(dir: &Dir, args: &[&str], signal: &str, mut is_under_way: impl FnMut() -> bool) {
    let args = [&["verity"], args].concat();
    let mut command = dir.command(env!("CARGO_BIN_EXE_hardpan"), &args);
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let begin = Instant::now();
    while !is_under_way() {
        assert!(begin.elapsed() < Duration::from_mins(1), "did not begin");
        thread::sleep(Duration::from_millis(5));
    }
    assert!(child.try_wait().unwrap().is_none(), "ended before the signal");
    let sent = Command::new("kill").args(["-s", signal, &child.id().to_string()]).status().unwrap();
    assert!(sent.success());
    let begin = Instant::now();
    while child.try_wait().unwrap().is_none() {
        if begin.elapsed() > Duration::from_secs(20) {
            child.kill().unwrap();
        }
        thread::sleep(Duration::from_millis(5));
    }
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    assert!(String::from_utf8(output.stderr).unwrap().contains("interrupted"));
}

/// A loop device over a file, as long as it lives.
struct Loop(String);

impl Loop {
    fn new(file: &Path) -> Self {
        let output = Command::new("losetup").args(["--find", "--show"]).arg(file).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        Self(String::from_utf8(output.stdout).unwrap().trim().to_owned())
    }
}

impl Drop for Loop {
    fn drop(&mut self) {
        // A device that stays is a nuisance, not a wrong result.
        let _ = Command::new("losetup").args(["--detach", &self.0]).status();
    }
}

#[test]
fn block_devices_are_written_in_place() {
    if !is_there("block_devices_are_written_in_place", "losetup", &["--find"]) {
        return;
    }
    let dir = Dir::with_data(300);
    for (name, blocks) in [("hash-image", 8), ("small-image", 3)] {
        File::create(dir.path(name)).unwrap().set_len(blocks * BLOCK).unwrap();
    }
    let [data, hash, small] = ["data", "hash-image", "small-image"].map(|name| Loop::new(&dir.path(name)));
    let message = dir.fails(2, &["format", &data.0, &small.0]);
    assert!(message.contains("ends at byte 20480, the device at 12288"), "{message}");

    let root = root_hash(&dir.ok(&["format", &data.0, &hash.0, "--salt=ab"]));
    let known = ["--data-blocks=300", "--salt=ab"];
    dir.ok(&[&["verify", &data.0, &hash.0, &root], known.as_slice()].concat());
    let message = dir.fails(2, &["format", &data.0, &data.0]);
    assert!(message.contains("--data-blocks"), "{message}");
    // Another node of the same device is the same device.
    let rdev = Path::new(&data.0).metadata().unwrap().rdev();
    let (major, minor) = ((rdev >> 8).to_string(), (rdev & 0xff).to_string());
    assert!(dir.command("mknod", &["alias", "b", &major, &minor]).status().unwrap().success());
    let message = dir.fails(2, &["format", &data.0, "alias", "--data-blocks=300"]);
    assert!(message.contains("would overlap"), "{message}");

    // What an older tree left behind the new one is found.
    drop((hash, small));
    dir.flip("hash-image", 6 * BLOCK);
    let hash = Loop::new(&dir.path("hash-image"));
    let message = dir.fails(1, &[&["verify", &data.0, &hash.0, &root], known.as_slice()].concat());
    assert!(message.contains("bytes 20480 to 32768 after the tree"), "{message}");
}

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

/// A tmpfs in a namespace of its own, which unprivileged users can have as well.
const UNSHARE: [&str; 3] = ["--map-root-user", "--user", "--mount"];

#[test]
fn a_full_or_read_only_file_system_is_named() {
    let test = "a_full_or_read_only_file_system_is_named";
    if !is_there(test, "unshare", &[&UNSHARE[..], &["mount", "-t", "tmpfs", "none", "/mnt"]].concat()) {
        return;
    }
    let dir = Dir::with_data(4096);
    fs::create_dir(dir.path("small")).unwrap();
    let hardpan = env!("CARGO_BIN_EXE_hardpan");
    for (options, text) in [("size=64k", "No space left on device"), ("ro", "Read-only file system")] {
        let script = format!(
            "mount -t tmpfs -o {options} none small || exit 99; {hardpan} verity format data small/hash; \
             code=$?; ls -A small; exit $code"
        );
        let output =
            dir.command("unshare", &[&UNSHARE[..], &["sh", "-c", &script]].concat()).output().unwrap();
        let message = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{message}");
        assert!(message.contains("cannot write hash file small/hash") && message.contains(text), "{message}");
        assert_eq!(output.stdout, b"", "a temporary file was left");
    }
}

#[test]
fn dump_shows_what_is_wrong() {
    let dir = Dir::with_data(130);
    dir.ok(&["format", "data", "hash", "--salt=ab", "--uuid", UUID]);
    let change = |offset: usize, value: &[u8]| {
        let mut bytes = fs::read(dir.path("hash")).unwrap();
        bytes[offset..offset + value.len()].copy_from_slice(value);
        fs::write(dir.path("changed"), bytes).unwrap();
        let output = dir.hardpan(&["dump", "changed"]);
        (output.status.code(), String::from_utf8(output.stdout).unwrap())
    };
    let cases: [(usize, &[u8], i32, &str); 6] = [
        (72, &0_u64.to_le_bytes(), 1, "data blocks at byte 72: 0 is not a possible value"),
        (72, &u64::MAX.to_le_bytes(), 1, "2^63"),
        (72, &100_000_u64.to_le_bytes(), 1, "the tree ends at byte"),
        (400, b"junk", 1, "tail at byte 400: padding is not zero"),
        (32, b"sha512", 0, "sha512 is not supported (supported: sha256)"),
        (32, b"\x1b[31m", 0, "\\u{1b}[31m"),
    ];
    for (offset, value, code, text) in cases {
        let (actual, shown) = change(offset, value);
        assert_eq!(actual, Some(code), "{shown}");
        assert!(shown.contains("Anomaly:") && shown.contains(text) && !shown.contains('\x1b'), "{shown}");
        assert!(shown.contains(UUID), "{shown}");
    }
    let json: Value = serde_json::from_str(&dir.ok(&["dump", "hash", "--json"])).unwrap();
    assert_eq!((&json["data_blocks"], &json["anomalies"]), (&Value::from(130), &serde_json::json!([])));
    assert!(dir.fails(2, &["dump", "data"]).contains("there is no superblock here"));
    fs::write(dir.path("short"), [0; 511]).unwrap();
    assert!(dir.fails(2, &["dump", "short"]).contains("only 511 of 512 bytes"));
    assert!(dir.fails(2, &["dump", "hash", "--hash-offset=1048576"]).contains("only 0 of 512 bytes"));
}
