//! fs-verity digests against the `fsverity` tool, and against numbers that it printed.

#![expect(clippy::print_stderr, reason = "a skipped test must say so")]
#![expect(clippy::unwrap_used, reason = "a panic is how a test fails, in its helpers too")]

#[expect(dead_code, reason = "what other test binaries use of it")]
mod common;

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use common::{Random, go_on};
use hardpan_verity::Error;
use hardpan_verity::fsverity::{Algorithm, BlockSize, Descriptor, Params, Salt, digest};
use tempfile::TempDir;

struct Dir(TempDir);

impl Dir {
    fn with_file(bytes: &[u8]) -> Self {
        let dir = Self(tempfile::tempdir().unwrap());
        fs::write(dir.path("file"), bytes).unwrap();
        dir
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Cuts or lengthens the file.
    fn resize(&self, len: u64) -> File {
        let file = File::options().read(true).write(true).open(self.path("file")).unwrap();
        file.set_len(len).unwrap();
        file
    }

    /// Holds digest, tree, descriptor and what is signed against the tool's.
    fn compare(&self, params: &Params) {
        let path = self.path("file");
        let name = format!("{} bytes, {params:?}", fs::metadata(&path).unwrap().len());
        let tree = File::create_new(self.path("tree")).unwrap();
        let ours = digest(&File::open(&path).unwrap(), params, Some(&tree), &go_on).unwrap();
        let [theirs, theirs_tree, descriptor] = self.theirs(params, &[]);
        assert_eq!(format!("{} {}\n", ours.digest(), path.display()).as_bytes(), theirs, "{name}");
        assert!(fs::read(self.path("tree")).unwrap() == theirs_tree, "{name}: the trees differ");
        fs::remove_file(self.path("tree")).unwrap();
        assert!(ours.encode()[..] == descriptor, "{name}: the descriptors differ");
    }

    /// What the tool prints, and the tree and the descriptor that it writes.
    fn theirs(&self, params: &Params, more: &[&str]) -> [Vec<u8>; 3] {
        let (tree, descriptor) = (self.path("their-tree"), self.path("their-descriptor"));
        let output = fsverity(&self.path("file"), params)
            .args(more)
            .arg(format!("--out-merkle-tree={}", tree.display()))
            .arg(format!("--out-descriptor={}", descriptor.display()))
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
        [output.stdout, fs::read(tree).unwrap(), fs::read(descriptor).unwrap()]
    }
}

fn fsverity(file: &Path, params: &Params) -> Command {
    let salt = params.salt.to_string();
    let mut command = Command::new("fsverity");
    command
        .arg("digest")
        .arg(file)
        .arg(format!("--hash-alg={}", params.algorithm))
        .arg(format!("--block-size={}", params.block_size))
        .arg(format!("--salt={}", salt.trim_matches('-')));
    command
}

/// Whether the tool is there. Its absence fails, unless the environment says that peers may be missing.
fn fsverity_is_there(test: &str) -> bool {
    let there = Command::new("fsverity").arg("--version").output().is_ok();
    if !there {
        assert!(std::env::var_os("HARDPAN_WITHOUT_PEERS").is_some(), "fsverity is missing (fsverity)");
        eprintln!("skipped: {test}: fsverity missing");
    }
    there
}

fn params(algorithm: Algorithm, block_size: u32, salt: &[u8]) -> Params {
    Params::new(algorithm, BlockSize::new(block_size).unwrap(), Salt::new(salt).unwrap())
}

fn of(bytes: &[u8], params: &Params) -> Descriptor {
    digest(&bytes, params, None, &go_on).unwrap()
}

/// Files around every length at which the tree changes its shape, with each block size and algorithm.
#[test]
fn the_same_bytes_for_every_shape_of_tree() {
    if !fsverity_is_there("the_same_bytes_for_every_shape_of_tree") {
        return;
    }
    let mut random = Random(200);
    let dir = Dir::with_file(&random.bytes(1 << 20));
    let mut cases = 0;
    for algorithm in Algorithm::ALL {
        for shift in (10..=16).rev() {
            let block = 1_u64 << shift;
            let per_block = block / algorithm.digest_size() as u64;
            let salt = random.bytes([0, 1, 16, 31, 32][cases % 5]);
            let params = params(algorithm, 1 << shift, &salt);
            for blocks in [0, 1, 2, per_block, 2 * per_block] {
                for len in [(blocks * block).saturating_sub(1), blocks * block, blocks * block + 1] {
                    // What comes after the random bytes is a hole.
                    dir.resize(len.min(9 << 20));
                    dir.compare(&params);
                    cases += 1;
                }
            }
        }
    }
    assert!(cases > 200);
}

#[test]
fn the_same_bytes_for_every_length_of_salt() {
    if !fsverity_is_there("the_same_bytes_for_every_length_of_salt") {
        return;
    }
    let mut random = Random(201);
    let dir = Dir::with_file(&random.bytes(130 * 4096 - 7));
    for algorithm in Algorithm::ALL {
        for len in 0..=Salt::MAX_LEN {
            dir.compare(&params(algorithm, 4096, &random.bytes(len)));
        }
    }
    // The tool refuses a longer one as well.
    assert!(Salt::new(&[1; 33]).is_err());
    let mut refused = Command::new("fsverity");
    refused.arg("digest").arg(dir.path("file")).arg(format!("--salt={}", "01".repeat(33)));
    assert!(!refused.output().unwrap().status.success());
}

#[test]
fn the_same_bytes_for_three_levels_and_many_tasks() {
    if !fsverity_is_there("the_same_bytes_for_three_levels_and_many_tasks") {
        return;
    }
    let dir = Dir::with_file(&Random(202).bytes(24 << 20));
    dir.compare(&params(Algorithm::Sha512, 1024, b"salt"));
    dir.compare(&params(Algorithm::Sha256, 1024, b""));
    dir.resize(128 * 128 * 4096 + 1);
    dir.compare(&Params::default());
}

#[test]
fn what_is_signed_is_the_same() {
    if !fsverity_is_there("what_is_signed_is_the_same") {
        return;
    }
    let dir = Dir::with_file(b"signed");
    for algorithm in Algorithm::ALL {
        let params = params(algorithm, 4096, b"");
        let [theirs, ..] = dir.theirs(&params, &["--for-builtin-sig", "--compact"]);
        let ours = of(b"signed", &params).digest().formatted();
        let digits = std::str::from_utf8(&theirs).unwrap().trim_end();
        let decode = |at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap();
        assert_eq!(ours, (0..digits.len()).step_by(2).map(decode).collect::<Vec<_>>());
    }
}

/// What fsverity 1.5 prints for files of the bytes 0, 1, 2 … 250, 0 …, so that our digests are right also where it is missing.
/// The first is that of an empty file, which another tool for the same format had wrong: its root is not the hash of anything.
#[test]
fn the_digests_that_the_tool_prints() {
    let content: Vec<u8> = (0..=250_u8).cycle().take(600_000).collect();
    let dir = Dir::with_file(b"");
    let there = fsverity_is_there("the_digests_that_the_tool_prints");
    for (len, algorithm, block_size, salt, digits) in GOLDEN {
        let params = params(*algorithm, *block_size, salt);
        let wanted = format!("{algorithm}:{digits}");
        assert_eq!(of(&content[..*len], &params).digest().to_string(), wanted, "{len} {params:?}");
        if there {
            fs::write(dir.path("file"), &content[..*len]).unwrap();
            dir.compare(&params);
        }
    }
}

/// Bytes, algorithm, block size, salt and digest.
type Golden = (usize, Algorithm, u32, &'static [u8], &'static str);

const GOLDEN: &[Golden] = &[
    (0, Algorithm::Sha256, 4096, b"", "3d248ca542a24fc62d1c43b916eae5016878e2533c88238480b26128a1f1af95"),
    (
        0,
        Algorithm::Sha512,
        4096,
        b"",
        "ccf9e5aea1c2a64efa2f2354a6024b90dffde6bbc017825045dce374474e13d1\
         0adb9dadcc6ca8e17a3c075fbd31336e8f266ae6fa93a6c3bed66f9e784e5abf",
    ),
    (0, Algorithm::Sha256, 4096, b"salt", "4c6bcdafe644dc5ea2924e07eacdada63195a2d45702128ade89cb722e4eac50"),
    (1, Algorithm::Sha256, 4096, b"", "b803429503d95915829b29fdbc8bbad142f3abfd11b1cadf5526582e685c0551"),
    (4096, Algorithm::Sha256, 4096, b"", "13e9b8848ae484a36acb3f3cac0ceb2f7601e96633d15c92f9bd3dd44e492157"),
    (4097, Algorithm::Sha256, 4096, b"", "b0d074abef4d544404facfab6ba242f6a8ccbde90f1325cd286f3c8aa8d0f8aa"),
    (
        524_288,
        Algorithm::Sha256,
        4096,
        b"",
        "d82861203d50ae9b60948504a704f35f5118bd229aeb1a22d6dae47b1767c4c4",
    ),
    (
        524_289,
        Algorithm::Sha256,
        4096,
        b"salt",
        "b9a934a66e55183107d049ce20c6a2571947edd4ab72a654d6d3f15542a46e1e",
    ),
    (
        600_000,
        Algorithm::Sha256,
        1024,
        b"0123456789abcdef0123456789abcdef",
        "15345c17bbca25987db237085f51d4560a7a5e119a9a08011daf17ddbdf19a47",
    ),
    (
        600_000,
        Algorithm::Sha256,
        65_536,
        b"",
        "de744b7567da02fd796bff1381734f225156ca7bdcf76d18a366a95aaf4f3d7f",
    ),
    (
        600_000,
        Algorithm::Sha512,
        1024,
        b"",
        "4e540c2ec99c6db0c860c497d2db380dbebdc29180841bd598dc079860a84f54\
         316dd444c110ee8824e7a9f46a52887024261fd9ff8327018421f79e9f1aac84",
    ),
    (
        600_000,
        Algorithm::Sha512,
        65_536,
        b"salt",
        "32a1190ccc6a29028fd4991f058d82b24d7f21ff8e32304910689645b44258eb\
         b44a34c4b0eddc66a884531f65968ebf42e6ce13bf4c30b2819e7212aee7ef21",
    ),
];

/// A file on disk, cut or lengthened while it is read.
#[test]
fn a_file_that_changes_its_size_while_it_is_read_has_no_digest() {
    let dir = Dir::with_file(&vec![7; 8 << 20]);
    for (len, shrinks) in [(1, true), (8 << 20, false), ((8 << 20) + 1, false)] {
        let file = dir.resize(8 << 20);
        let resize = |_| {
            dir.resize(len);
            true
        };
        match digest(&file, &Params::default(), None, &resize) {
            Err(Error::Changed { .. } | Error::Resized { .. }) if shrinks => {}
            Err(Error::Resized { was, is, .. }) => assert!(was == 8 << 20 && is == len && len > was),
            other => assert!(len == 8 << 20 && other.is_ok(), "{len}: {other:?}"),
        }
    }
}
