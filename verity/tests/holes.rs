//! Data that was never written: known without reading, and the same tree as if it had been read.

#![expect(clippy::cast_possible_truncation, clippy::unwrap_used, reason = "tests; lengths fit")]

#[expect(dead_code, reason = "not all of it is of use here")]
mod common;

use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use common::{Random, area, expected, go_on, params};
use hardpan_verity::{
    Algorithm, BlockSize, BlockSource, Error, HashArea, HashType, Params, VerifyError, build, verify,
};

/// Zeros but for some extents, which counts what is read of it.
struct Sparse {
    bytes: Vec<u8>,
    extents: Vec<Range<u64>>,
    read: AtomicU64,
}

impl Sparse {
    /// Extents that begin and end anywhere, and holes of up to `longest` bytes.
    fn new(random: &mut Random, len: usize, longest: u64) -> Self {
        let (mut bytes, mut extents) = (vec![0; len], Vec::new());
        let mut at = random.next() % longest;
        while at < len as u64 {
            let end = (at + 1 + random.next() % longest).min(len as u64);
            let (first, last) = (usize::try_from(at).unwrap(), usize::try_from(end).unwrap());
            bytes[first..last].copy_from_slice(&random.bytes(last - first));
            extents.push(at..end);
            at = end + 1 + random.next() % longest;
        }
        Self { bytes, extents, read: AtomicU64::new(0) }
    }

    /// How many bytes the blocks have that are not all in one hole.
    fn bytes_of_touched_blocks(&self, size: u64) -> u64 {
        let touched =
            |block: &u64| self.extents.iter().any(|e| e.start < (block + 1) * size && block * size < e.end);
        (0..self.bytes.len() as u64 / size).filter(touched).count() as u64 * size
    }
}

impl BlockSource for Sparse {
    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        self.read.fetch_add(buffer.len() as u64, Ordering::Relaxed);
        self.bytes.read_exact_at(buffer, offset)
    }

    fn size(&self) -> io::Result<u64> {
        self.bytes.size()
    }

    fn next_data(&self, offset: u64) -> io::Result<Range<u64>> {
        let next = self.extents.iter().find(|extent| extent.end > offset);
        Ok(next.map_or(self.bytes.len() as u64..u64::MAX, |extent| extent.start.max(offset)..extent.end))
    }
}

/// Every geometry that matters to holes: blocks smaller than, as large as and larger than hash blocks, both types.
fn all_params(len: usize) -> Vec<Params> {
    let mut all = Vec::new();
    for (hash_type, algorithm) in [
        (HashType::V1, Algorithm::Sha256),
        (HashType::V0, Algorithm::Sha1),
        (HashType::V1, Algorithm::Sha384),
    ] {
        for (data, hash) in [(512, 512), (4096, 4096), (1024, 4096), (4096, 512)] {
            let mut params = params(len / data as usize, b"salt");
            (params.hash_type, params.algorithm) = (hash_type, algorithm);
            params.data_block_size = BlockSize::new(data).unwrap();
            params.hash_block_size = BlockSize::new(hash).unwrap();
            all.push(params);
        }
    }
    all
}

#[test]
fn a_tree_over_holes_is_the_tree_over_zeros() {
    let mut random = Random(3);
    for (len, longest) in
        [(4096 * 700, 900_000), (4096 * 300, 20_000), (4096 * 70, 1_000_000), (4096 * 40, 700)]
    {
        let sparse = Sparse::new(&mut random, len, longest);
        for params in all_params(len) {
            let (dense_tree, tree) = (Mutex::new(Vec::new()), Mutex::new(Vec::new()));
            let wanted =
                build(&sparse.bytes, &params, &dense_tree, HashArea::without_superblock(0), &go_on).unwrap();
            sparse.read.store(0, Ordering::Relaxed);
            let root = build(&sparse, &params, &tree, HashArea::without_superblock(0), &go_on).unwrap();
            assert_eq!(root, wanted, "{params:?}");
            let (tree, dense_tree) = (tree.into_inner().unwrap(), dense_tree.into_inner().unwrap());
            assert!(tree == dense_tree, "{params:?}");
            let touched = sparse.bytes_of_touched_blocks(u64::from(params.data_block_size.bytes()));
            assert_eq!(sparse.read.load(Ordering::Relaxed), touched, "{params:?}");

            sparse.read.store(0, Ordering::Relaxed);
            let expected = expected(&params, &root, HashArea::without_superblock(0));
            verify(&sparse, &tree, &expected, &go_on).unwrap();
            assert_eq!(sparse.read.load(Ordering::Relaxed), touched, "{params:?}");
        }
    }
}

#[test]
fn entries_for_holes_are_compared() {
    let sparse = Sparse { bytes: vec![0; 4096 * 300], extents: Vec::new(), read: AtomicU64::new(0) };
    let params = params(300, b"salt");
    let tree = Mutex::new(Vec::new());
    let root = build(&sparse, &params, &tree, area(0), &go_on).unwrap();
    assert_eq!(sparse.read.load(Ordering::Relaxed), 0);
    // What is in a hole was replaced by something else while the tree stayed.
    let mut data = sparse.bytes.clone();
    data[4096 * 130] = 1;
    let extents = std::iter::once(4096 * 130..4096 * 130 + 1).collect();
    let changed = Sparse { bytes: data, extents, read: AtomicU64::new(0) };
    let mut tree = tree.into_inner().unwrap();
    tree.splice(..4096, [0; 4096]);
    let mut expected = expected(&params, &root, HashArea::without_superblock(4096));
    let Err(VerifyError::Corrupt(damage)) = verify(&changed, &tree, &expected, &go_on) else { panic!() };
    assert_eq!(damage.data.to_string(), "130");
    // A tree with another entry for a hole has another root.
    let last = tree.len() - 4096;
    tree[last] ^= 1;
    let Err(VerifyError::Corrupt(damage)) = verify(&sparse, &tree, &expected, &go_on) else { panic!() };
    assert_eq!(damage.levels.len(), 1);
    expected.params.salt = "aa".parse().unwrap();
    assert!(verify(&sparse, &tree, &expected, &go_on).is_err());
}

/// A hash device that is a hole from its bytes on, as long as a file can be. It cannot be read beyond its bytes by more than a buffer.
struct Endless {
    bytes: Vec<u8>,
    /// How often it was asked for its length.
    asked: AtomicU64,
    /// By how much it is longer each time.
    grows: u64,
}

impl BlockSource for Endless {
    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        let left = (self.bytes.len() as u64).checked_sub(offset).ok_or(io::ErrorKind::Unsupported)?;
        let read = buffer.len().min(usize::try_from(left).unwrap());
        buffer[read..].fill(0);
        self.bytes.as_slice().read_exact_at(&mut buffer[..read], offset)
    }

    fn size(&self) -> io::Result<u64> {
        Ok((1 << 62) + self.grows * self.asked.fetch_add(1, Ordering::Relaxed))
    }

    fn next_data(&self, offset: u64) -> io::Result<Range<u64>> {
        let end = self.bytes.len() as u64;
        Ok(if offset < end { offset..end } else { 1 << 62..u64::MAX })
    }
}

/// Nobody has to read 2^62 zeros to know that there is nothing else after the tree.
#[test]
fn holes_after_the_tree_are_not_read() {
    let data = vec![0x5a; 4096 * 300];
    let params = params(300, b"salt");
    let tree = Mutex::new(Vec::new());
    let root = build(&data, &params, &tree, HashArea::without_superblock(0), &go_on).unwrap();
    let expected = expected(&params, &root, HashArea::without_superblock(0));
    let endless = |bytes: Vec<u8>, grows| Endless { bytes, asked: AtomicU64::new(0), grows };
    let mut bytes = tree.into_inner().unwrap();
    verify(&data, &endless(bytes.clone(), 0), &expected, &go_on).unwrap();
    // What becomes longer meanwhile has an end at which nobody looked.
    let result = verify(&data, &endless(bytes.clone(), 1), &expected, &go_on);
    assert!(matches!(result, Err(VerifyError::Error(Error::Resized { .. }))), "{result:?}");
    let len = bytes.len() as u64;
    bytes.resize(bytes.len() + 500_000, 0);
    bytes.push(1);
    let Err(VerifyError::Corrupt(damage)) = verify(&data, &endless(bytes, 0), &expected, &go_on) else {
        panic!()
    };
    assert_eq!((damage.slack.len(), damage.slack[0].first), (1, len + 500_000));
}

#[test]
fn holes_of_files() {
    let file = tempfile::tempfile().unwrap();
    file.set_len(4096 * 5000).unwrap();
    let mut bytes = vec![0; 4096 * 5000];
    for (at, len) in [(4096 * 3, 10), (4096 * 1000 + 7, 4096 * 9), (4096 * 4999, 1)] {
        let content = vec![0x5a; len];
        file.write_all_at(&content, at as u64).unwrap();
        bytes[at..at + len].copy_from_slice(&content);
    }
    for params in all_params(bytes.len()) {
        assert_eq!(tree_of(&file, &params), tree_of(&bytes, &params), "{params:?}");
    }
    // Nothing but a hole.
    file.set_len(0).unwrap();
    file.set_len(4096 * 300).unwrap();
    assert_eq!(tree_of(&file, &params(300, &[])), tree_of(&vec![0; 4096 * 300], &params(300, &[])));
}

#[test]
fn a_file_says_where_data_is_and_leaves_its_end_to_reading() {
    let file = tempfile::tempfile().unwrap();
    file.set_len(1 << 20).unwrap();
    assert_eq!(file.next_data(5).unwrap().start, 1 << 20);
    assert_eq!(file.next_data(2 << 20).unwrap(), 2 << 20..u64::MAX);
    file.write_all_at(b"x", 1 << 19).unwrap();
    let data = file.next_data(0).unwrap();
    assert!((1..=1 << 19).contains(&data.start) && (1 << 19..1 << 20).contains(&data.end), "{data:?}");
    // What has no holes has data everywhere.
    let zero = File::open("/dev/zero").unwrap();
    assert_eq!(zero.next_data(7).unwrap(), 7..u64::MAX);
    assert_eq!(vec![0_u8; 9].next_data(7).unwrap(), 7..u64::MAX);
}

fn tree_of(data: &dyn BlockSource, params: &Params) -> (String, Vec<u8>) {
    let tree = Mutex::new(Vec::new());
    let root = build(data, params, &tree, area(0), &go_on).unwrap();
    (root.to_string(), tree.into_inner().unwrap())
}

/// Hard case 10: 2 TiB that were never written. All blocks of a level are alike but the last, so that the root hash can be
/// computed from one block of each.
#[test]
fn a_hole_of_two_tebibytes() {
    let (data_size, blocks) = (512 << 10, 4 << 20);
    let file = tempfile::tempfile().unwrap();
    file.set_len(data_size * blocks).unwrap();
    let mut wanted = params(blocks as usize, b"");
    wanted.data_block_size = BlockSize::new(512 << 10).unwrap();
    let sink = tempfile::tempfile().unwrap();
    let root = build(&file, &wanted, &sink, area(0), &go_on).unwrap();

    let digest_of = |block: Vec<u8>, size: u32| {
        let mut one = params(1, b"");
        one.data_block_size = BlockSize::new(size).unwrap();
        build(&block, &one, &Mutex::new(Vec::new()), area(0), &go_on).unwrap()
    };
    let mut digest = digest_of(vec![0; data_size as usize], 512 << 10);
    for entries in [128, 128, 128, 2] {
        let mut block = digest.as_bytes().repeat(entries);
        block.resize(4096, 0);
        digest = digest_of(block, 4096);
    }
    assert_eq!(root, digest);
    verify(&file, &sink, &expected(&wanted, &root, HashArea::without_superblock(4096)), &go_on).unwrap();
    // One byte of it changes everything.
    file.write_all_at(b"x", data_size * blocks - 1).unwrap();
    let error = verify(&file, &sink, &expected(&wanted, &root, HashArea::without_superblock(4096)), &go_on)
        .unwrap_err();
    let VerifyError::Corrupt(damage) = error else { panic!("{error}") };
    assert_eq!(damage.data.to_string(), (blocks - 1).to_string());
}
