//! Called as veritysetup: what it prints, what it writes, and with which code it ends, beside veritysetup itself.

use std::fs;
use std::os::unix::fs::symlink;
use std::process::Output;

use super::{BLOCK, Dir, UUID};
use crate::util::{HARDPAN, assert_no_panic, is_there};

const TEST: &str = "called_as_veritysetup_it_answers_as_veritysetup";

/// Two directories with the same files, one for each program.
struct Pair {
    theirs: Dir,
    ours: Dir,
}

impl Pair {
    fn new(blocks: u64) -> Self {
        let (theirs, ours) = (Dir::with_data(blocks), Dir::with_data(blocks));
        symlink(HARDPAN, ours.path("veritysetup")).unwrap();
        Self { theirs, ours }
    }

    /// Does the same in both.
    fn both(&self, change: impl Fn(&Dir)) {
        change(&self.theirs);
        change(&self.ours);
    }

    fn theirs(&self, line: &str) -> Output {
        self.theirs.command("veritysetup", &words(line)).output().unwrap()
    }

    fn ours(&self, line: &str) -> Output {
        let link = self.ours.path("veritysetup");
        let output = self.ours.command(link.to_str().unwrap(), &words(line)).output().unwrap();
        assert_no_panic(&output);
        output
    }

    /// Both print the same, say the same first, and end with the same code, which is returned.
    fn same(&self, line: &str) -> i32 {
        let (code, theirs, ours) = self.alike(line);
        let wanted = theirs.lines().next().unwrap_or_default();
        if EXACT.iter().any(|start| wanted.starts_with(start)) {
            assert!(ours.lines().any(|line| line == wanted), "{line}: {wanted}\n{ours}");
        }
        code
    }

    /// Both print the same and end with the same code, which is returned with what each says on standard error.
    fn alike(&self, line: &str) -> (i32, String, String) {
        let (theirs, ours) = (self.theirs(line), self.ours(line));
        let said = String::from_utf8_lossy(&ours.stderr).into_owned();
        assert_eq!(ours.status.code(), theirs.status.code(), "{line}: {said}");
        assert_eq!(String::from_utf8(ours.stdout), String::from_utf8(theirs.stdout), "{line}");
        for name in ["hash", "fec", "root"] {
            let read = |dir: &Dir| fs::read(dir.path(name)).ok();
            assert!(read(&self.ours) == read(&self.theirs), "{line}: {name} differs");
        }
        (theirs.status.code().unwrap(), String::from_utf8(theirs.stderr).unwrap(), said)
    }
}

/// What veritysetup says and scripts may look for.
const EXACT: [&str; 6] = [
    "Verification failed at position",
    "Verification of root hash failed",
    "Device nosuch does not exist",
    "Device /dev/null is not compatible",
    "Found 1 repairable errors",
    "Invalid root hash string",
];

fn words(line: &str) -> Vec<&str> {
    line.split_whitespace().collect()
}

fn root_of(dir: &Dir) -> String {
    fs::read_to_string(dir.path("root")).unwrap()
}

#[test]
fn called_as_veritysetup_it_answers_as_veritysetup() {
    if !is_there(TEST, "veritysetup", &["--version"]) {
        return;
    }
    let pair = Pair::new(200);
    let plain = format!("data hash --uuid={UUID} --salt=aabb --root-hash-file=root");
    for options in [
        "--hash=sha512 --format 0",
        "-h sha1 --data-block-size=1024 --hash-block-size=512",
        "--no-superblock --data-blocks=100",
        "--hash-offset=4096",
        "--fec-device=fec --fec-roots=8",
        "--fec-roots=99",
        "",
    ] {
        // veritysetup would leave behind a tree what an older and larger one left there.
        pair.both(|dir| ["hash", "fec"].iter().for_each(|name| drop(fs::remove_file(dir.path(name)))));
        assert_eq!(pair.same(&format!("format {plain} {options}")), 0);
    }
    let root = root_of(&pair.ours);
    for line in [
        &format!("verify data hash {root}"),
        &format!("verify data hash {root} -v"),
        &format!("--verbose verify data hash {root} extra"),
        "verify data hash --root-hash-file=root",
        "dump hash",
        "dump hash --verbose",
    ] {
        assert_eq!(pair.same(line), 0, "{line}");
    }
    let wrong = root.replace(['0', '1', '2', '3'], "4");
    let cases = [
        (format!("verify data hash {wrong}"), 1),
        (format!("verify data hash {wrong} -v"), 1),
        (format!("verify data nosuch {root}"), 4),
        (format!("verify /dev/null hash {root}"), 4),
        ("verify data hash zz".to_owned(), 1),
        ("verify data hash abcd".to_owned(), 1),
        ("verify data".to_owned(), 1),
        (String::new(), 1),
        ("frob".to_owned(), 1),
        ("dump data".to_owned(), 1),
        ("dump nosuch".to_owned(), 4),
        ("format nosuch hash".to_owned(), 4),
        ("format data hash --hash=foo".to_owned(), 1),
        ("format data hash --salt=xyz".to_owned(), 1),
        ("format data hash --format=2".to_owned(), 1),
        ("format data hash --data-block-size=1000".to_owned(), 1),
        ("format data hash --hash-offset=100".to_owned(), 1),
        // It has written the tree by the time it refuses.
        ("format data other --fec-device=parity --fec-roots=25".to_owned(), 1),
        ("format data hash --deferred".to_owned(), 1),
        ("format data data".to_owned(), 1),
        ("format data other --uuid=xx".to_owned(), 1),
    ];
    for (line, code) in cases {
        assert_eq!(pair.same(&line), code, "{line}");
    }
}

#[test]
fn called_as_veritysetup_it_finds_the_same_damage() {
    if !is_there("called_as_veritysetup_it_finds_the_same_damage", "veritysetup", &["--version"]) {
        return;
    }
    let pair = Pair::new(200);
    let plain = format!("data hash --uuid={UUID} --salt=aabb --root-hash-file=root");
    pair.same(&format!("format {plain} --fec-device=fec --fec-roots=4"));
    let root = root_of(&pair.ours);
    pair.both(|dir| dir.flip("data", 7 * BLOCK + 5));
    assert_eq!(pair.same(&format!("verify data hash {root}")), 2);
    assert_eq!(pair.same(&format!("verify data hash {root} --fec-device=fec --fec-roots=4")), 0);
    pair.both(|dir| dir.flip("data", 7 * BLOCK + 5));
    pair.both(|dir| dir.flip("hash", 3 * BLOCK + 1));
    // veritysetup says that the data below the hash block is wrong, which it is not.
    let (code, theirs, ours) = pair.alike(&format!("verify data hash {root}"));
    assert!(
        code == 2 && theirs.contains("position 524288") && ours.contains("position 12288"),
        "{theirs}{ours}"
    );
}

/// Where the front does not follow, since veritysetup would say that something is sound that is not proved so.
#[test]
fn what_veritysetup_lets_pass_the_front_refuses_or_warns_of() {
    let dir = Dir::with_data(200);
    let front = |line: &str| {
        let output = dir.command(HARDPAN, &[&["veritysetup"], &words(line)[..]].concat()).output().unwrap();
        assert_no_panic(&output);
        (output.status.code().unwrap(), String::from_utf8(output.stderr).unwrap())
    };
    let plain = "data hash --salt=aabb --root-hash-file=root --fec-device=fec";
    assert_eq!(front(&format!("format {plain}")).0, 0);
    let root = root_of(&dir);

    // A file with the root hash that is not there: veritysetup says so and exits with 0.
    assert_eq!(front("verify data hash --root-hash-file=nosuch").0, 1);
    // Options that the superblock contradicts.
    let (code, said) = front(&format!("verify data hash {root} --salt=00"));
    assert!(code == 1 && said.contains("--salt"), "{said}");

    // Two wrong bytes of one codeword are more than parity of two roots can locate, and it must not be believed that it did.
    let sound = fs::read(dir.path("data")).unwrap();
    let rounds = 203_u64.div_ceil(253);
    dir.flip("data", 0);
    dir.flip("data", rounds * BLOCK);
    let (code, said) = front(&format!("verify data hash {root} --fec-device=fec"));
    // Located by the tree they are erasures, which two roots do restore.
    assert!(code == 0 && said.contains("Found 2 repairable errors with FEC device."), "{said}");
    dir.flip("data", 2 * rounds * BLOCK);
    assert_eq!(front(&format!("verify data hash {root} --fec-device=fec")).0, 2);
    // Parity that somebody made for the damaged data.
    assert_eq!(front("format data other --salt=aabb --fec-device=fec").0, 0);
    assert_eq!(front(&format!("verify data hash {root} --fec-device=fec")).0, 2);
    fs::write(dir.path("data"), sound).unwrap();

    // Bytes that nothing covers.
    let mut hash = fs::read(dir.path("hash")).unwrap();
    hash.extend([1; 10]);
    fs::write(dir.path("hash"), &hash).unwrap();
    let (code, said) = front(&format!("verify data hash {root}"));
    assert!(code == 0 && said.starts_with("Warning: bytes"), "{said}");
    hash[400] = 1;
    fs::write(dir.path("hash"), &hash).unwrap();
    assert_eq!(front(&format!("verify data hash {root}")).0, 1);
    // A partial block at the end.
    fs::write(dir.path("data"), [1; 5000]).unwrap();
    let (code, said) = front("format data hash --salt=aabb");
    assert!(code == 1 && said.contains("904 of 4096 bytes"), "{said}");
}
