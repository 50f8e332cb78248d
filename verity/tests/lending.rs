//! Sources that lend their bytes: the same trees and digests as by reading, also where what was lent is worth nothing.

#![expect(clippy::unwrap_used, reason = "tests")]

#[expect(dead_code, reason = "not all of it is of use here")]
mod common;

use std::io;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};

use common::{Random, expected, go_on, params};
use hardpan_simd::sha256::Kernel;
use hardpan_verity::{
    Algorithm, BlockSize, BlockSource, HashArea, HashType, VerifyError, build, fsverity, verify,
};

/// Lends what it has, but every third time other bytes, and then says so.
struct Lender {
    bytes: Vec<u8>,
    lent: AtomicU64,
    read: AtomicU64,
}

impl Lender {
    fn new(bytes: Vec<u8>) -> Self {
        Self { bytes, lent: AtomicU64::new(0), read: AtomicU64::new(0) }
    }

    /// Whether anything was lent and anything read, if it is of use to lend anything.
    fn did_both(&self, algorithm: Algorithm) -> bool {
        let lends = algorithm == Algorithm::Sha256 && Kernel::best().takes_shared();
        let counts = [&self.lent, &self.read].map(|count| count.swap(0, Ordering::Relaxed));
        if lends { counts[0] > 1 && counts[1] > 0 } else { counts[0] == 0 }
    }
}

impl BlockSource for Lender {
    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        self.read.fetch_add(1, Ordering::Relaxed);
        self.bytes.read_exact_at(buffer, offset)
    }

    fn size(&self) -> io::Result<u64> {
        self.bytes.size()
    }

    fn lend(&self, offset: u64, len: usize, work: &mut dyn FnMut(&[AtomicU8])) -> bool {
        let is_true = self.lent.fetch_add(1, Ordering::Relaxed) % 3 != 1;
        let start = usize::try_from(offset).unwrap();
        let bytes = self.bytes[start..start + len].iter();
        let bytes: Vec<AtomicU8> =
            bytes.map(|byte| AtomicU8::new(if is_true { *byte } else { !byte })).collect();
        work(&bytes);
        is_true
    }
}

#[test]
fn trees_are_the_same_and_damage_is_found() {
    let area = HashArea::without_superblock(0);
    let mut random = Random(3);
    let mut data = Lender::new(random.bytes(200 << 10));
    for hash_type in [HashType::V0, HashType::V1] {
        for algorithm in [Algorithm::Sha256, Algorithm::Sha512] {
            for (size, salt) in [(512, 32), (4096, 0), (4096, 32), (4096, 77)] {
                let mut params = params(data.bytes.len() / size as usize, &random.bytes(salt));
                (params.hash_type, params.algorithm) = (hash_type, algorithm);
                params.data_block_size = BlockSize::new(size).unwrap();
                // What is under one hash block is lent at once: here a little, so that it is done many times.
                params.hash_block_size = BlockSize::new(512).unwrap();
                let (wanted, hash) = (Mutex::default(), Mutex::<Vec<u8>>::default());
                let root = build(&data.bytes, &params, &wanted, area, &go_on).unwrap();
                assert_eq!(build(&data, &params, &hash, area, &go_on).unwrap(), root);
                assert!(data.did_both(algorithm), "{algorithm:?} {size}");
                let hash = hash.into_inner().unwrap();
                assert_eq!(hash, wanted.into_inner().unwrap());
                let expected = expected(&params, &root, area);
                verify(&data, &hash, &expected, &go_on).unwrap();
                assert!(data.did_both(algorithm), "{algorithm:?} {size}");
                data.bytes[100_000] ^= 1;
                let found = verify(&data, &hash, &expected, &go_on).unwrap_err();
                let VerifyError::Corrupt(damage) = found else { panic!("{found}") };
                assert_eq!(damage.data.count(), 1);
                assert!(data.did_both(algorithm), "{algorithm:?} {size}");
                data.bytes[100_000] ^= 1;
            }
        }
    }
}

#[test]
fn fs_verity_digests_are_the_same() {
    let params = fsverity::Params::default();
    for len in [0, 1, 4095, 4096, 4097, 100_000, 1 << 20, (3 << 20) + 5000, 5 << 20] {
        let file = Lender::new(Random(5).bytes(len));
        let wanted = fsverity::digest(&file.bytes, &params, None, &go_on).unwrap();
        let digest = fsverity::digest(&file, &params, None, &go_on).unwrap();
        assert_eq!(digest.digest(), wanted.digest(), "{len} bytes");
        assert!(len < 3 << 20 || file.did_both(Algorithm::Sha256));
    }
}
