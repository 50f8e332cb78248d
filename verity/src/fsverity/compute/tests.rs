//! The digest against a computation that keeps the whole tree, and files that change.

use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

use sha2::{Digest, Sha256, Sha512};

use super::*;
use crate::fsverity::params::{Algorithm, BlockSize, Salt};

/// Bytes that repeat in no block.
fn content(len: usize) -> Vec<u8> {
    (0_u64..).flat_map(|number| Sha256::digest(number.to_le_bytes())).take(len).collect()
}

fn params(algorithm: Algorithm, block_size: u32, salt: &[u8]) -> Params {
    Params::new(algorithm, BlockSize::new(block_size).unwrap(), Salt::new(salt).unwrap())
}

/// The digest of every block after the salt.
fn row<D: Digest>(bytes: &[u8], params: &Params) -> Vec<u8> {
    let salt = params.salt.padded(params.algorithm);
    let blocks = bytes.chunks(params.block_size.bytes() as usize);
    blocks.flat_map(|block| D::new_with_prefix(&salt).chain_update(block).finalize().to_vec()).collect()
}

/// The whole tree in memory, level by level, and its root.
fn naive(bytes: &[u8], params: &Params) -> (Vec<u8>, Vec<u8>) {
    let size = params.block_size.bytes() as usize;
    let digest = match params.algorithm {
        Algorithm::Sha256 => row::<Sha256>,
        Algorithm::Sha512 => row::<Sha512>,
    };
    let mut level = bytes.to_vec();
    let mut tree = Vec::new();
    loop {
        level.resize(level.len().next_multiple_of(size), 0);
        if level.is_empty() {
            return (tree, vec![0; params.algorithm.digest_size()]);
        }
        let is_top = level.len() == size;
        level = digest(&level, params);
        if is_top {
            return (tree, level);
        }
        let mut padded = level.clone();
        padded.resize(padded.len().next_multiple_of(size), 0);
        tree = [padded, tree].concat();
    }
}

fn on_threads<T: Send>(threads: usize, work: impl FnOnce() -> T + Send) -> T {
    #[cfg(feature = "parallel")]
    return rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap().install(work);
    #[cfg(not(feature = "parallel"))]
    return (work(), threads).0;
}

#[test]
fn every_task_size_and_number_of_threads_gives_the_tree_of_a_naive_computation() {
    let all = content(1 << 20);
    let shapes = [
        params(Algorithm::Sha256, 1024, b""),
        params(Algorithm::Sha512, 1024, b"salt"),
        params(Algorithm::Sha256, 4096, &[7; 32]),
        params(Algorithm::Sha512, 65_536, &[1]),
    ];
    for params in shapes {
        let block = params.block_size.bytes() as usize;
        let per_block = block / params.algorithm.digest_size();
        for blocks in [0, 1, 2, per_block - 1, per_block, per_block + 1, 5 * per_block, usize::MAX] {
            let len = blocks.saturating_mul(block).min(all.len() - 1);
            for len in [len, len.saturating_sub(1), len + 1] {
                let (tree, root) = naive(&all[..len], &params);
                for (threads, task_size) in [(1, 1), (3, 1024), (2, 8192), (3, 1 << 17), (2, 1 << 30)] {
                    let sink = Mutex::new(Vec::new());
                    let file = &all[..len];
                    let found = on_threads(threads, || {
                        digest_by(task_size, &file, &params, Some(&sink), &|_| true).unwrap()
                    });
                    let case = format!("{len} bytes, {params:?}, {threads} threads, tasks of {task_size}");
                    assert!(found.root() == root && found.size() == len as u64, "{case}");
                    assert!(sink.into_inner().unwrap() == tree, "{case}: the tree differs");
                    assert_eq!(Shape::new(len as u64, &params).unwrap().tree_size(), tree.len() as u64);
                }
            }
        }
    }
}

#[test]
fn every_flipped_bit_changes_the_digest() {
    let params = params(Algorithm::Sha256, 1024, b"");
    let mut bytes = content(2100);
    let digest = |bytes: &[u8]| digest(&bytes, &params, None, &|_| true).unwrap().digest();
    let mut seen = std::collections::BTreeSet::from([digest(&bytes)]);
    for bit in 0..bytes.len() * 8 {
        bytes[bit / 8] ^= 1 << (bit % 8);
        assert!(seen.insert(digest(&bytes)), "bit {bit}");
        bytes[bit / 8] ^= 1 << (bit % 8);
    }
    // The padding is not the same as zeros, since the length is a part of the descriptor.
    bytes.push(0);
    assert!(seen.insert(digest(&bytes)));
}

/// A file whose first read is late: it waits until nothing else can be done.
#[cfg(feature = "parallel")]
struct Late {
    bytes: Vec<u8>,
    /// Reads that are done.
    others: AtomicU64,
    wanted: u64,
}

#[cfg(feature = "parallel")]
impl BlockSource for Late {
    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        while offset == 0 && self.others.load(Ordering::Acquire) < self.wanted {
            std::thread::yield_now();
        }
        self.bytes.read_exact_at(buffer, offset)
    }

    fn size(&self) -> io::Result<u64> {
        self.bytes.size()
    }
}

#[cfg(feature = "parallel")]
#[test]
fn few_blocks_are_open_however_late_a_task_is() {
    let params = params(Algorithm::Sha512, 1024, b"");
    let tasks = 2048;
    let file = Late { bytes: content(tasks << 10), others: AtomicU64::new(0), wanted: tasks as u64 - 1 };
    let climb = Climb {
        file: &file,
        size: file.size().unwrap(),
        shape: Shape::new(file.size().unwrap(), &params).unwrap(),
        block_size: 1024,
        digest_size: 64,
        hasher: hasher(&params).unwrap(),
        tree: None,
        open: OpenBlocks::default(),
        root: Mutex::default(),
    };
    let most = AtomicUsize::new(0);
    let progress = |_| {
        file.others.fetch_add(1, Ordering::Release);
        most.fetch_max(climb.open.len(), Ordering::Relaxed);
        true
    };
    on_threads(2, || climb.run(1024, &progress)).unwrap();
    // 2048 blocks, 128 hash blocks, 8, and the top one.
    let rows = 3;
    assert!((rows..=3 * rows).contains(&most.into_inner()), "open blocks");
    assert_eq!(*climb.root.lock().unwrap(), naive(&file.bytes, &params).1);
    assert_eq!(climb.open.len(), 0);
}

/// A file that has another length once it was read from.
struct Moving {
    bytes: Vec<u8>,
    after: u64,
    moved: AtomicBool,
}

impl BlockSource for Moving {
    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        self.moved.store(true, Ordering::Relaxed);
        if offset + buffer.len() as u64 > self.after {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.bytes.read_exact_at(buffer, offset)
    }

    fn size(&self) -> io::Result<u64> {
        let size = self.bytes.size()?;
        Ok(if self.moved.load(Ordering::Relaxed) { self.after } else { size })
    }
}

#[test]
fn a_file_that_shrinks_or_grows_while_it_is_read_has_no_digest() {
    for (len, after) in [(10_000, 9_999), (10_000, 0), (3 << 20, 1 << 20), (10_000, 10_001), (1, 2)] {
        let file = Moving { bytes: content(len), after, moved: AtomicBool::new(false) };
        let error = digest(&file, &Params::default(), None, &|_| true).unwrap_err();
        let shrinks = after < len as u64;
        match error {
            Error::Changed { what: DATA, .. } => assert!(shrinks),
            Error::Resized { was, is, .. } => assert!(!shrinks && (was, is) == (len as u64, after)),
            other => panic!("{other}"),
        }
    }
}

#[test]
fn progress_sums_up_to_the_length_and_can_cancel() {
    for len in [1, 4096, (3 << 20) + 5] {
        let done = AtomicU64::new(0);
        let count = |bytes| done.fetch_add(bytes, Ordering::Relaxed) < u64::MAX;
        let file = content(len);
        digest(&file, &Params::default(), None, &count).unwrap();
        assert_eq!(done.into_inner(), len as u64);
        let cancelled = digest(&file, &Params::default(), None, &|_| false);
        assert!(matches!(cancelled, Err(Error::Cancelled)), "{len}");
    }
}
