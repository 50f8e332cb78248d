//! Against veritysetup, byte for byte and in both directions.

#![expect(clippy::print_stderr, clippy::unwrap_used, reason = "tests, some of which are skipped aloud")]

mod common;

use std::fs::{self, File};
use std::num::NonZeroU64;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use common::{BLOCK, Random, area, expected, go_on, params};
use hardpan_verity::{
    Algorithm, BlockSink, BlockSize, Expected, HashArea, HashType, Params, Superblock, Uuid, VerifyError,
    build, verify,
};
use tempfile::TempDir;

const UUID: &str = "01234567-89ab-4cde-8f01-23456789abcd";
const SALT: &str = "e48da609055204e89ae53b655ca2216dd983cf3cb829f34f63a297d106d53e2d";

/// A directory with data and what both tools made of it.
struct Case {
    dir: TempDir,
    params: Params,
    area: HashArea,
}

impl Case {
    fn new(data: &[u8], salt: &[u8], area: HashArea) -> Self {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("data"), data).unwrap();
        Self { dir, params: params(data.len() / BLOCK, salt), area }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// The options that say the same to veritysetup.
    fn options(&self) -> Vec<String> {
        let params = &self.params;
        let mut options = vec![
            format!("--format={}", params.hash_type.number()),
            format!("--hash={}", params.algorithm.name()),
            format!("--data-block-size={}", params.data_block_size.bytes()),
            format!("--hash-block-size={}", params.hash_block_size.bytes()),
            format!("--salt={}", self.params.salt),
            format!("--hash-offset={}", self.area.offset()),
            format!("--data-blocks={}", self.params.data_blocks),
        ];
        options.push(if self.area.has_superblock() {
            format!("--uuid={UUID}")
        } else {
            "--no-superblock".to_owned()
        });
        options
    }

    /// Lets veritysetup format into `theirs`, and returns the root hash.
    fn format_theirs(&self) -> String {
        fs::write(self.path("theirs"), b"").unwrap();
        let output = veritysetup(
            Command::new("veritysetup")
                .arg("format")
                .args([self.path("data"), self.path("theirs")])
                .args(self.options()),
        );
        assert!(output.status.success(), "{output:?}");
        let text = String::from_utf8(output.stdout).unwrap();
        text.lines().find_map(|line| line.strip_prefix("Root hash:")).unwrap().trim().to_owned()
    }

    /// Formats into `ours`, and returns the root hash.
    fn format_ours(&self) -> String {
        let sink = File::options()
            .read(true)
            .write(true)
            .create(true)
            .truncate(true)
            .open(self.path("ours"))
            .unwrap();
        let data = File::open(self.path("data")).unwrap();
        let root = build(&data, &self.params, &sink, self.area, &go_on).unwrap();
        if self.area.has_superblock() {
            let superblock = Superblock { params: self.params.clone(), uuid: UUID.parse::<Uuid>().unwrap() };
            sink.write_all_at(&superblock.encode(), self.area.offset()).unwrap();
        }
        root.to_string()
    }

    fn verify_theirs(&self, hash: &str, root: &str) -> bool {
        let mut command = Command::new("veritysetup");
        command.arg("verify").args([self.path("data"), self.path(hash)]).arg(root);
        let options = self.options();
        // With a superblock these come from there, and veritysetup refuses to be told.
        veritysetup(
            command.args(
                options
                    .iter()
                    .filter(|option| !self.area.has_superblock() || option.starts_with("--hash-offset")),
            ),
        )
        .status
        .success()
    }

    fn expected(&self, root: &str) -> Expected {
        let root = hardpan_verity::RootHash::parse(self.params.algorithm, root).unwrap();
        expected(&self.params, &root, self.area)
    }

    fn verify_ours(&self, hash: &str, root: &str) -> Result<(), VerifyError> {
        let (data, hash) = (File::open(self.path("data")).unwrap(), File::open(self.path(hash)).unwrap());
        verify(&data, &hash, &self.expected(root), &go_on).map(|_| ())
    }

    fn flip(&self, name: &str, offset: u64) {
        let path = self.path(name);
        let mut bytes = fs::read(&path).unwrap();
        bytes[usize::try_from(offset).unwrap()] ^= 0x10;
        fs::write(path, bytes).unwrap();
    }
}

/// Whether veritysetup is there. Its absence fails, unless the environment says that peers may be missing.
fn veritysetup_is_there(test: &str) -> bool {
    let there = Command::new("veritysetup").arg("--version").output().is_ok();
    if !there {
        assert!(
            std::env::var_os("HARDPAN_WITHOUT_PEERS").is_some(),
            "veritysetup is missing (cryptsetup-bin)"
        );
        eprintln!("skipped: {test}: veritysetup missing");
    }
    there
}

fn veritysetup(command: &mut Command) -> Output {
    command.output().unwrap()
}

fn read(path: &Path) -> Vec<u8> {
    fs::read(path).unwrap()
}

/// Compares everything for one case.
fn compare(case: &Case) {
    let (theirs, ours) = (case.format_theirs(), case.format_ours());
    let name = format!("{} blocks, salt {}, {:?}", case.params.data_blocks, case.params.salt, case.area);
    assert_eq!(ours, theirs, "{name}");
    assert!(read(&case.path("ours")) == read(&case.path("theirs")), "{name}: the hash files differ");
    assert!(case.verify_theirs("ours", &ours), "{name}: veritysetup refuses ours");
    case.verify_ours("theirs", &theirs).unwrap();
}

#[test]
fn the_same_bytes_for_every_shape_of_tree() {
    if !veritysetup_is_there("the_same_bytes_for_every_shape_of_tree") {
        return;
    }
    let mut random = Random(100);
    for (index, data_blocks) in [1, 2, 127, 128, 129, 16_384, 16_385].into_iter().enumerate() {
        let data = random.bytes(data_blocks * BLOCK);
        let salt = random.bytes([32, 0, 1, 255, 256, 32, 7][index]);
        compare(&Case::new(&data, &salt, area(0)));
        compare(&Case::new(&data, &salt, HashArea::without_superblock(0)));
    }
}

#[test]
fn the_same_bytes_for_every_type_algorithm_and_block_size() {
    if !veritysetup_is_there("the_same_bytes_for_every_type_algorithm_and_block_size") {
        return;
    }
    let mut random = Random(110);
    let data = random.bytes(1 << 20);
    for (index, algorithm) in Algorithm::ALL.into_iter().enumerate() {
        // Its library has no BLAKE2 with digests of that length.
        if algorithm == Algorithm::Blake2b256 {
            continue;
        }
        for hash_type in [HashType::V0, HashType::V1] {
            let sizes = [(4096, 4096), (512, 1024 << (index % 4)), (65_536, 512), (1024, 524_288)];
            for (data_block_size, hash_block_size) in sizes {
                let salt = random.bytes([32, 0, 17, 256][index % 4]);
                let mut case = Case::new(&data, &salt, area(0));
                case.params.data_blocks = NonZeroU64::new((1 << 20) / data_block_size).unwrap();
                (case.params.hash_type, case.params.algorithm) = (hash_type, algorithm);
                case.params.data_block_size =
                    BlockSize::new(u32::try_from(data_block_size).unwrap()).unwrap();
                case.params.hash_block_size = BlockSize::new(hash_block_size).unwrap();
                compare(&case);
            }
        }
    }
}

#[test]
fn the_same_bytes_for_every_salt_and_offset() {
    if !veritysetup_is_there("the_same_bytes_for_every_salt_and_offset") {
        return;
    }
    let mut random = Random(101);
    let data = random.bytes(130 * BLOCK);
    for len in [0, 1, 32, 55, 64, 255, 256] {
        compare(&Case::new(&data, &random.bytes(len), area(0)));
    }
    for offset in [512, 1024, 3584, 4096, 4608, 1 << 20] {
        compare(&Case::new(&data, b"salt", area(offset)));
    }
    compare(&Case::new(&data, b"salt", HashArea::without_superblock(8192)));
    let partial = Case { params: params(129, b"salt"), ..Case::new(&data, b"salt", area(0)) };
    assert_eq!(partial.format_ours(), partial.format_theirs());
    assert!(read(&partial.path("ours")) == read(&partial.path("theirs")));
}

/// 8 MiB of zeros, as cryptsetup's own test (verity-compat-test) has them, so that our roots are right also where
/// veritysetup is missing. All constants were computed with veritysetup 2.6.1, but for that of blake2b-256, which it lacks: that
/// one is by Python's hashlib.
#[test]
fn the_root_hashes_of_cryptsetups_own_test() {
    let zeros = vec![0; 8 << 20];
    for (hash_type, algorithm, block_size, salt, root) in GOLDEN {
        let mut case = Case::new(&zeros, &salt_bytes(salt), area(0));
        (case.params.hash_type, case.params.algorithm) = (hash_type, algorithm);
        case.params.data_block_size = BlockSize::new(block_size).unwrap();
        case.params.hash_block_size = case.params.data_block_size;
        case.params.data_blocks = NonZeroU64::new((8 << 20) / u64::from(block_size)).unwrap();
        let name = format!("{hash_type:?} {algorithm:?} {block_size} {salt}");
        assert_eq!(case.format_ours(), root, "{name}");
        if algorithm != Algorithm::Blake2b256
            && veritysetup_is_there("the_root_hashes_of_cryptsetups_own_test")
        {
            assert_eq!(case.format_theirs(), root, "{name}");
        }
    }
}

/// Type, algorithm, size of all blocks, salt and root hash.
type Golden = (HashType, Algorithm, u32, &'static str, &'static str);

const GOLDEN: [Golden; 15] = [
    // The seven of cryptsetup's test.
    (
        HashType::V1,
        Algorithm::Sha256,
        512,
        SALT,
        "9de18652fe74edfb9b805aaed72ae2aa48f94333f1ba5c452ac33b1c39325174",
    ),
    (
        HashType::V1,
        Algorithm::Sha256,
        1024,
        SALT,
        "54d92778750495d1f80832b486ebd007617d746271511bbf0e295e143da2b3df",
    ),
    (
        HashType::V1,
        Algorithm::Sha256,
        4096,
        SALT,
        "e522df0f97da4febb882ac40f30b37dc0b444bf6df418929463fa25280f09d5c",
    ),
    (
        HashType::V0,
        Algorithm::Sha256,
        4096,
        SALT,
        "cbbf4ebd004ef65e29b935bb635a39cf754d677f3fa10b0126da725bbdf10f7d",
    ),
    (
        HashType::V1,
        Algorithm::Sha256,
        4096,
        "-",
        "ef29c902d87350f1da4bfa536e16cebc162a909bf89abe448b81ec500d4fb9bf",
    ),
    (HashType::V1, Algorithm::Sha1, 1024, SALT, "d0e9163ca8844aaa2e88fe5265a8c5d9ee494a99"),
    (HashType::V1, Algorithm::Sha1, 1024, "dadada", "73509e8e868be6b8ac939817a98a3d35121413b2"),
    // The other algorithms, and digests packed without padding.
    (HashType::V0, Algorithm::Sha1, 1024, SALT, "3ee0cff53598578fd3dc16377a98a3480f2ae124"),
    (HashType::V1, Algorithm::Sha224, 4096, SALT, "0a5f4843a87535330363da765dfb98f1692085618141f39b732c6e7c"),
    (
        HashType::V1,
        Algorithm::Sha384,
        4096,
        SALT,
        "6112b042066dcb5304073120b300831c7db50b3c1c7b8b441166b5698b90ca78af48fde5e3b6618df44e8e61f393d851",
    ),
    (
        HashType::V1,
        Algorithm::Sha512,
        4096,
        SALT,
        "f5424b5ee0fc8a526464e0fb772fe507ffe3881dce4665b6a3fefbe64549309c\
         fd6aca49ff8d069e9bf82679f255ba49e1d6f19cb63deee9bfe6763d8ba66b66",
    ),
    (
        HashType::V1,
        Algorithm::Sha3_256,
        4096,
        SALT,
        "bb2109bcfe803b9ab68ca1a8843d70f776514d0abafd11db4c7aafb4de243a06",
    ),
    (
        HashType::V1,
        Algorithm::Sha3_512,
        4096,
        SALT,
        "1af87895c011acd54d361546365de11a27d6caad5c1360fce558c92b4157e37c\
         a283aebf8123e61be1b06ec097459abbfa006998c2e3d9e5c2f77589f5bde0b5",
    ),
    (
        HashType::V1,
        Algorithm::Blake2s256,
        4096,
        SALT,
        "10800e87f81cd24a8988dd6b279033ae240bc1dac7eba8362f8a9cee35c72463",
    ),
    (
        HashType::V1,
        Algorithm::Blake2b256,
        4096,
        SALT,
        "9b39582a2e98d791c2f7d55f9d0ca79f5b50597a24775cc4e8e1bbeb98a10569",
    ),
];

#[test]
fn both_find_damage_everywhere() {
    if !veritysetup_is_there("both_find_damage_everywhere") {
        return;
    }
    let data = Random(102).bytes(16_385 * BLOCK);
    let case = Case::new(&data, b"salt", area(0));
    let root = case.format_ours();
    let layout = hardpan_verity::Layout::new(&case.params, case.area).unwrap();
    let places = layout.levels.iter().map(|level| ("ours", level.start + (level.blocks - 1) * 4096 + 17));
    for (name, offset) in places.chain([("data", 0), ("data", layout.data_end - 1)]) {
        case.flip(name, offset);
        assert!(!case.verify_theirs("ours", &root), "{name} {offset}");
        assert!(matches!(case.verify_ours("ours", &root), Err(VerifyError::Corrupt(_))), "{name} {offset}");
        case.flip(name, offset);
    }
    assert!(case.verify_theirs("ours", &root));
    case.verify_ours("ours", &root).unwrap();
    let other = root.replace(char::is_numeric, "0");
    assert!(!case.verify_theirs("ours", &other) && case.verify_ours("ours", &other).is_err());
}

/// Accepted differences: what veritysetup takes and we refuse, since the root hash does not cover it.
#[test]
fn what_veritysetup_lets_pass_is_refused() {
    if !veritysetup_is_there("what_veritysetup_lets_pass_is_refused") {
        return;
    }
    let mut data = Random(103).bytes(1024 * BLOCK);
    let case = Case::new(&data, b"salt", area(0));
    let root = case.format_theirs();
    let stored = read(&case.path("theirs"));

    // The leaves passed off as data, under the same root hash.
    let forged = Case::new(&stored[2 * BLOCK..], b"salt", area(0));
    assert_eq!(forged.format_theirs(), root);
    assert!(forged.verify_theirs("theirs", &root));
    let trusted = Case { params: params(1024, b"salt"), ..forged };
    assert!(trusted.verify_ours("theirs", &root).unwrap_err().is_failure());

    // Junk between superblock and tree, in the superblock's padding, and after the tree.
    for junk in [1000, 400, stored.len() + 10] {
        let mut bytes = stored.clone();
        bytes.resize(bytes.len().max(junk + 1), 0);
        bytes[junk] = 1;
        fs::write(case.path("theirs"), bytes).unwrap();
        assert!(case.verify_theirs("theirs", &root), "{junk}");
        assert!(case.verify_ours("theirs", &root).unwrap_err().is_failure(), "{junk}");
    }
    fs::write(case.path("theirs"), &stored).unwrap();

    // A part of a block after the data.
    data.extend([7; 100]);
    fs::write(case.path("data"), &data).unwrap();
    assert!(case.verify_theirs("theirs", &root));
    assert!(case.verify_ours("theirs", &root).unwrap_err().is_failure());
}

fn salt_bytes(text: &str) -> Vec<u8> {
    text.parse::<hardpan_verity::Salt>().unwrap().as_bytes().to_vec()
}
