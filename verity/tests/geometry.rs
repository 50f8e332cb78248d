//! Trees of every type, algorithm and block size, in memory.

#![expect(clippy::cast_possible_truncation, clippy::unwrap_used, reason = "tests; offsets in memory fit")]

mod common;
#[path = "common/image.rs"]
mod image;

use std::num::NonZeroU64;

use common::{BLOCK, Random, area, expected, go_on, params};
use hardpan_verity::{
    Algorithm, BlockSize, Error, HashArea, HashType, ParamError, Params, RootHash, VerifyError, verify,
};
use image::Image;

fn geometry(hash_type: HashType, algorithm: Algorithm, data: u32, hash: u32, blocks: u64) -> Params {
    let mut params = params(1, b"salt and pepper");
    (params.hash_type, params.algorithm) = (hash_type, algorithm);
    params.data_block_size = BlockSize::new(data).unwrap();
    params.hash_block_size = BlockSize::new(hash).unwrap();
    params.data_blocks = NonZeroU64::new(blocks).unwrap();
    params
}

#[test]
fn what_was_built_verifies_in_every_geometry() {
    let mut random = Random(200);
    for algorithm in Algorithm::ALL {
        for hash_type in [HashType::V0, HashType::V1] {
            for (data, hash, blocks) in
                [(512, 512, 300), (65_536, 512, 5), (512, 65_536, 3000), (1024, 2048, 1)]
            {
                let bytes = random.bytes(data as usize * blocks as usize);
                let params = geometry(hash_type, algorithm, data, hash, blocks);
                let mut image = Image::of(bytes, params, area(512));
                image.verify().unwrap();
                let last = image.data.len() - 1;
                image.data[last] ^= 1;
                assert_eq!(image.damage().data.to_string(), (blocks - 1).to_string());
            }
        }
    }
}

/// Case 4: digests without padding, the spare bytes of a block included.
#[test]
fn every_changed_byte_of_a_packed_tree_is_found() {
    for algorithm in [Algorithm::Sha1, Algorithm::Sha384] {
        let params = geometry(HashType::V0, algorithm, 512, 512, 40);
        let mut image = Image::of(Random(201).bytes(40 * 512), params, HashArea::without_superblock(0));
        for byte in 0..image.hash.len() {
            image.hash[byte] ^= 1;
            assert!(!image.damage().levels.is_empty(), "{byte}");
            image.hash[byte] ^= 1;
        }
        image.verify().unwrap();
    }
}

/// A tree that somebody made with something beside the digests: the root hash covers it, and no other tool says so.
#[test]
fn bytes_beside_the_digests_must_be_zero() {
    for (algorithm, byte) in [(Algorithm::Sha256, 3 * 32), (Algorithm::Sha256, 4095), (Algorithm::Sha384, 63)]
    {
        let params = geometry(HashType::V1, algorithm, 4096, 4096, 3);
        let mut image = Image::of(Random(202).bytes(3 * BLOCK), params, HashArea::without_superblock(0));
        image.hash[byte] = 1;
        // Without a tree the root hash is that of the one block.
        let top = geometry(HashType::V1, algorithm, 4096, 4096, 1);
        image.root = Image::of(image.hash.clone(), top, HashArea::without_superblock(0)).root;
        let damage = image.damage();
        assert_eq!(damage.levels[0].unclean.to_string(), "0", "{algorithm:?} {byte}");
        assert!(damage.levels[0].bad.is_empty() && damage.data.is_empty() && damage.wrong_root.is_none());
        assert!(damage.to_string().contains("beside the digests"), "{damage}");
    }
}

#[test]
fn a_root_hash_of_another_length_is_refused() {
    for hash_type in [HashType::V0, HashType::V1] {
        let params = geometry(hash_type, Algorithm::Sha1, 4096, 4096, 3);
        let image = Image::of(Random(203).bytes(3 * BLOCK), params, area(0));
        for algorithm in [Algorithm::Sha256, Algorithm::Sha512] {
            let root = RootHash::parse(algorithm, &"ab".repeat(algorithm.digest_size())).unwrap();
            let expected = expected(&image.params, &root, image.area);
            let error = verify(&image.data, &image.hash, &expected, &go_on).unwrap_err();
            assert!(
                matches!(error, VerifyError::Error(Error::Param(ParamError::RootHash { wanted: 40, .. }))),
                "{error}"
            );
        }
    }
}
