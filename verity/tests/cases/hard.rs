//! Cases that other tools get wrong, or are easy to get wrong. The numbers are those of docs/verity.md.

use std::num::NonZeroU64;

use hardpan_verity::{
    Algorithm, BlockSize, Error, HashArea, HashType, Layout, Params, Superblock, SuperblockField,
    VerifyError, verify,
};

use crate::common::{BLOCK, Random, area, expected, go_on, params};
use crate::image::Image;

fn image(data_blocks: usize, seed: u64) -> Image {
    Image::of(Random(seed).bytes(data_blocks * BLOCK), params(data_blocks, b"salt"), area(0))
}

/// What verifying says when something else is expected than the image has.
fn refused(image: &Image, params: &Params, area: HashArea) -> VerifyError {
    verify(&image.data, &image.hash, &expected(params, &image.root, area), &go_on).unwrap_err()
}

/// Case 1: no bytes and parts of blocks. With as many blocks as were asked for, none of them is there.
#[test]
fn case_1_data_that_is_shorter_than_its_blocks() {
    for (len, blocks) in [(0, 1), (1, 1), (BLOCK - 1, 1), (BLOCK + 1, 2)] {
        let data = vec![7; len];
        let result = hardpan_verity::build(
            &data,
            &params(blocks, b""),
            &std::sync::Mutex::new(Vec::new()),
            area(0),
            &go_on,
        );
        assert!(matches!(result, Err(Error::TooShort { what: "data", .. })), "{len}: {result:?}");
    }
}

/// Case 1: a root hash without a tree. Only the block itself and the superblock are there.
#[test]
fn case_1_one_block_is_its_own_tree() {
    let mut single = image(1, 600);
    assert_eq!(single.hash.len(), BLOCK);
    single.verify().unwrap();
    single.data[BLOCK - 1] ^= 1;
    assert_eq!(single.damage().data.to_string(), "0");
}

/// Case 2: superblocks with numbers that cannot be. Nothing is read, let alone allocated, by what they say.
#[test]
fn case_2_superblocks_that_cannot_be() {
    let image = image(3, 601);
    let cases: [(usize, &[u8], SuperblockField); 18] = [
        (0, b"Verity", SuperblockField::Signature),
        (7, b"x", SuperblockField::Signature),
        (8, &[0], SuperblockField::Version),
        (8, &[2], SuperblockField::Version),
        (12, &[2], SuperblockField::HashType),
        (32, &[b'a'; 32], SuperblockField::Algorithm),
        (32, &[0; 6], SuperblockField::Algorithm),
        (32, b"SHA256", SuperblockField::Algorithm),
        (32, b"md5\0\0\0", SuperblockField::Algorithm),
        (32, b"shake128", SuperblockField::Algorithm),
        (64, &0_u32.to_le_bytes(), SuperblockField::DataBlockSize),
        (64, &3000_u32.to_le_bytes(), SuperblockField::DataBlockSize),
        (68, &256_u32.to_le_bytes(), SuperblockField::HashBlockSize),
        (68, &(2_u32 << 30).to_le_bytes(), SuperblockField::HashBlockSize),
        (72, &0_u64.to_le_bytes(), SuperblockField::DataBlocks),
        (80, &257_u16.to_le_bytes(), SuperblockField::SaltSize),
        (80, &65_535_u16.to_le_bytes(), SuperblockField::SaltSize),
        (84, b"junk", SuperblockField::Padding),
    ];
    for (offset, value, field) in cases {
        let mut hash = image.hash.clone();
        hash[offset..offset + value.len()].copy_from_slice(value);
        let result = verify(&image.data, &hash, &expected(&image.params, &image.root, image.area), &go_on);
        let Err(VerifyError::Superblock(error)) = result else { panic!("{field}: {result:?}") };
        assert_eq!(error.field, field, "{error}");
    }
    // Numbers that can be, and are not those that were asked for.
    for data_blocks in [1 << 52, 1 << 63, u64::MAX] {
        let mut hash = image.hash.clone();
        hash[72..80].copy_from_slice(&u64::to_le_bytes(data_blocks));
        let result = verify(&image.data, &hash, &expected(&image.params, &image.root, image.area), &go_on);
        assert!(matches!(result, Err(VerifyError::SuperblockDiffers(_))), "{result:?}");
        let trusted = Superblock::parse(&hash).unwrap().params;
        assert!(Layout::new(&trusted, image.area).is_err(), "{data_blocks}");
    }
}

/// Case 2: what looks like a superblock where none is to be, and none where one is to be.
#[test]
fn case_2_superblocks_at_another_offset() {
    let mut shifted = image(3, 602);
    let hash = std::mem::take(&mut shifted.hash);
    shifted.hash = [vec![0; 512], hash].concat();
    let error = shifted.verify().unwrap_err();
    assert!(error.is_failure() && error.to_string().contains("no superblock"), "{error}");
    let short = expected(&shifted.params, &shifted.root, area(0));
    let result = verify(&shifted.data, &shifted.hash[512..1023].to_vec(), &short, &go_on);
    assert!(matches!(result, Err(VerifyError::Error(Error::TooShort { what: "hash area", .. }))));
}

/// Case 3, defect 2: the root hash is right, everything else is not. With and without a superblock that says so too.
#[test]
fn case_3_another_geometry_under_the_right_root() {
    let image = image(300, 603);
    let mut others =
        vec![params(299, b"salt"), params(301, b"salt"), params(3, b"salt"), params(300, b"tlas")];
    let mut packed = image.params.clone();
    packed.hash_type = HashType::V0;
    let mut sha3 = image.params.clone();
    sha3.algorithm = Algorithm::Sha3_256;
    let mut small = params(2400, b"salt");
    small.data_block_size = BlockSize::MIN;
    others.extend([packed, sha3, small]);
    for other in others {
        let error = refused(&image, &other, image.area);
        assert!(error.is_failure(), "{other:?}: {error}");
        // As if nobody had kept the superblock: the tree starts at the same byte.
        let bare = HashArea::without_superblock(BLOCK as u64);
        let error = refused(&image, &other, bare);
        assert!(error.is_failure(), "{other:?}: {error}");
    }
}

/// Case 3, defect 2: the blocks of every level, passed off as data under the same root hash.
#[test]
fn case_3_no_level_of_the_tree_is_data() {
    let image = image(16_385, 604);
    let layout = Layout::new(&image.params, image.area).unwrap();
    for (level, place) in layout.levels.iter().enumerate().take(2) {
        let start = place.start as usize;
        let data = image.hash[start..start + place.blocks as usize * BLOCK].to_vec();
        let forged = Image::of(data, params(place.blocks as usize, b"salt"), area(0));
        assert_eq!(forged.root, image.root, "level {level}");
        forged.verify().unwrap();
        let error = refused(&forged, &image.params, image.area);
        assert!(error.is_failure(), "{error}");
    }
}

/// Case 4: levels that changed places. Each block is a sound hash block, of another place.
#[test]
fn case_4_hash_blocks_that_changed_places() {
    let mut image = image(16_385, 605);
    let layout = Layout::new(&image.params, image.area).unwrap();
    let starts: Vec<usize> = layout.levels.iter().map(|level| level.start as usize).collect();
    let sound = image.hash.clone();
    for (one, two) in [(starts[2], starts[1]), (starts[1], starts[0]), (starts[0], starts[0] + BLOCK)] {
        for byte in 0..BLOCK {
            image.hash.swap(one + byte, two + byte);
        }
        assert!(!image.damage().levels.is_empty(), "{one} {two}");
        image.hash.clone_from(&sound);
    }
    image.verify().unwrap();
}

/// Case 4: an older and larger tree behind the tree. It is no part of what the root hash stands for.
#[test]
fn case_4_an_older_tree_behind_the_tree() {
    let (mut image, older) = (image(300, 606), image(1000, 607));
    image.hash.extend_from_slice(&older.hash[image.hash.len()..]);
    let damage = image.damage();
    assert_eq!(damage.slack.len(), 1);
    assert!(damage.levels.is_empty() && damage.data.is_empty(), "{damage}");
}

/// Case 4: a tree that lacks its last byte, or its last block.
#[test]
fn case_4_a_tree_that_was_cut() {
    for cut in [1, BLOCK] {
        let mut image = image(300, 608);
        image.hash.truncate(image.hash.len() - cut);
        let error = image.verify().unwrap_err();
        assert!(error.is_failure() && matches!(error, VerifyError::Error(Error::TooShort { .. })), "{error}");
    }
}

/// Case 6: block sizes far apart, in both directions, with every algorithm's number of digests.
#[test]
fn case_6_block_sizes_far_apart() {
    for (data, hash, blocks) in
        [(65_536, 512, 20), (512, 65_536, 5000), (524_288, 512, 3), (512, 524_288, 20_000)]
    {
        for hash_type in [HashType::V0, HashType::V1] {
            let mut params = params(1, b"salt");
            (params.hash_type, params.algorithm) = (hash_type, Algorithm::Sha1);
            params.data_block_size = BlockSize::new(data).unwrap();
            params.hash_block_size = BlockSize::new(hash).unwrap();
            params.data_blocks = NonZeroU64::new(blocks).unwrap();
            let mut image =
                Image::of(Random(609).bytes((u64::from(data) * blocks) as usize), params, area(0));
            image.verify().unwrap();
            let last = image.data.len() - 1;
            image.data[last] ^= 1;
            assert_eq!(image.damage().data.to_string(), (blocks - 1).to_string());
        }
    }
}

/// Case 10: blocks of zeros have digests like all others, so that they are not taken for what is missing.
#[test]
fn case_10_zeros_are_covered_too() {
    let mut zeros = Image::of(vec![0; 300 * BLOCK], params(300, b""), area(0));
    zeros.verify().unwrap();
    zeros.data[123 * BLOCK] = 1;
    assert_eq!(zeros.damage().data.to_string(), "123");
    zeros.data[123 * BLOCK] = 0;
    // A tree that is a hole.
    zeros.hash[BLOCK..].fill(0);
    assert!(zeros.damage().wrong_root.is_some());
}
