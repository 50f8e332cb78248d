//! The command against veritysetup, over every combination of what decides a tree: the same lines, the same bytes, and
//! each takes what the other made.

use std::fs;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use super::{Dir, UUID, root_hash};
use crate::util::is_there;

/// Where the hash area is.
#[derive(Clone, Copy, Debug)]
enum Where {
    /// In a file of its own, from its start.
    Apart,
    /// In a file of its own, behind something else.
    Behind,
    /// In the file of the data.
    Together,
}

#[derive(Clone, Copy, Debug)]
struct Case {
    hash_type: u32,
    algorithm: &'static str,
    data_block_size: u64,
    hash_block_size: u64,
    salt_len: usize,
    place: Where,
    superblock: bool,
}

/// Every type, algorithm, pair of sizes, place, and with and without superblock: 8 x 2 x 4 x 3 x 2. The salts take turns.
fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for algorithm in ALGORITHMS {
        for hash_type in [0, 1] {
            for (data_block_size, hash_block_size) in [(4096, 4096), (512, 1024), (2048, 512), (1024, 65_536)]
            {
                for place in [Where::Apart, Where::Behind, Where::Together] {
                    for superblock in [true, false] {
                        let salt_len = SALT_LENGTHS[cases.len() % SALT_LENGTHS.len()];
                        cases.push(Case {
                            hash_type,
                            algorithm,
                            data_block_size,
                            hash_block_size,
                            salt_len,
                            place,
                            superblock,
                        });
                    }
                }
            }
        }
    }
    cases
}

impl Case {
    /// The number of data blocks: in turn two, a few, and more than one hash block has digests of. One block has no tree;
    /// veritysetup then leaves a file shorter or refuses it, which hard_cases.rs holds against ours.
    fn data_blocks(self) -> u64 {
        match self.salt_len % 3 {
            0 => 2,
            1 => 5,
            _ => 40,
        }
    }

    fn offset(self) -> u64 {
        let data = self.data_blocks() * self.data_block_size;
        match self.place {
            Where::Apart => 0,
            // Without superblock a tree starts with a whole hash block.
            Where::Behind if self.superblock => 1536,
            Where::Behind => 2 * self.hash_block_size,
            Where::Together => data.next_multiple_of(self.hash_block_size),
        }
    }

    fn hash(self) -> &'static str {
        if matches!(self.place, Where::Together) { "data" } else { "hash" }
    }

    fn salt(self) -> String {
        if self.salt_len == 0 { "-".to_owned() } else { "5a".repeat(self.salt_len) }
    }

    /// What decides the tree, in words that both tools take.
    fn geometry(self) -> Vec<String> {
        let mut options = vec![
            format!("--format={}", self.hash_type),
            format!("--hash={}", self.algorithm),
            format!("--data-block-size={}", self.data_block_size),
            format!("--hash-block-size={}", self.hash_block_size),
            format!("--data-blocks={}", self.data_blocks()),
            format!("--salt={}", self.salt()),
            format!("--hash-offset={}", self.offset()),
        ];
        if !self.superblock {
            options.push("--no-superblock".to_owned());
        }
        options
    }

    fn format_args(self) -> Vec<String> {
        let mut args: Vec<String> = ["format", "data", self.hash()].map(str::to_owned).into();
        args.extend(self.geometry());
        if self.superblock {
            args.push(format!("--uuid={UUID}"));
        }
        args
    }

    /// A superblock has the geometry, and veritysetup takes either that or options.
    fn verify_args(self, root: &str, geometry: bool) -> Vec<String> {
        let mut args: Vec<String> = ["verify", "data", self.hash(), root].map(str::to_owned).into();
        if geometry || !self.superblock {
            args.extend(self.geometry());
        } else {
            args.push(format!("--hash-offset={}", self.offset()));
        }
        args
    }

    /// Formats and verifies with both.
    fn compare(self) {
        let (ours, theirs) = (Dir::with_bytes(self.data()), Dir::with_bytes(self.data()));
        // In the file behind something else, that something stays.
        for dir in [&ours, &theirs] {
            if matches!(self.place, Where::Behind) {
                let len = usize::try_from(self.offset()).unwrap();
                fs::write(dir.path("hash"), vec![0xee; len]).unwrap();
            }
        }
        let args = self.format_args();
        let weak = [args.clone(), vec!["--danger-allow-weak-hash".to_owned()]].concat();
        let printed = ours.ok(&strs(if self.algorithm == "sha1" { &weak } else { &args }));
        assert_eq!((true, printed.clone()), theirs.veritysetup(&strs(&args)), "{self:?}");
        for name in ["data", self.hash()] {
            let same = fs::read(ours.path(name)).unwrap() == fs::read(theirs.path(name)).unwrap();
            assert!(same, "{self:?}: {name} differs");
        }
        if self.superblock {
            let offset = format!("--hash-offset={}", self.offset());
            let dump = ["dump", self.hash(), &offset];
            assert_eq!((true, ours.ok(&dump)), theirs.veritysetup(&dump), "{self:?}");
        }
        let root = root_hash(&printed);
        assert!(ours.veritysetup(&strs(&self.verify_args(&root, false))).0, "{self:?}: theirs refuses ours");
        let mut verify = self.verify_args(&root, true);
        if self.algorithm == "sha1" {
            verify.push("--danger-allow-weak-hash".to_owned());
        }
        theirs.ok(&strs(&verify));
        // Both find a bit that is flipped, each in what the other made.
        let byte = self.data_blocks() * self.data_block_size - 1;
        ours.flip("data", byte);
        theirs.flip("data", byte);
        assert!(!ours.veritysetup(&strs(&self.verify_args(&root, false))).0, "{self:?}: theirs takes damage");
        theirs.fails(1, &strs(&verify));
    }

    fn data(self) -> Vec<u8> {
        let len = usize::try_from(self.data_blocks() * self.data_block_size).unwrap();
        (0..len).map(|at| u8::try_from(at * 31 % 251).unwrap()).collect()
    }
}

#[test]
fn every_kind_of_tree_in_every_place() {
    if !is_there("every_kind_of_tree_in_every_place", "veritysetup", &["--version"]) {
        return;
    }
    let cases = cases();
    assert_eq!(cases.len(), 384);
    let next = AtomicUsize::new(0);
    let failed = Mutex::new(Vec::new());
    // Programs that are started one after the other mostly wait.
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while let Some(case) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
                    if std::panic::catch_unwind(|| case.compare()).is_err() {
                        failed.lock().unwrap().push(*case);
                    }
                }
            });
        }
    });
    let failed = failed.into_inner().unwrap();
    assert!(failed.is_empty(), "{} of {} cases, the first {:?}", failed.len(), cases.len(), failed[0]);
}

fn strs(args: &[String]) -> Vec<&str> {
    args.iter().map(String::as_str).collect()
}

/// Those that veritysetup's library has: all but blake2b-256.
const ALGORITHMS: [&str; 8] =
    ["sha1", "sha224", "sha256", "sha384", "sha512", "sha3-256", "sha3-512", "blake2s-256"];

/// None, one byte, around the blocks of the digests, and the most.
const SALT_LENGTHS: [usize; 7] = [32, 0, 1, 64, 127, 255, 256];
