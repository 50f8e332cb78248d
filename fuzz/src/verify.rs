//! Verification of an image: what is accepted is the image, and every damaged block is named.

use std::sync::LazyLock;

use hardpan_verity::{Damage, HashType, VerifyError, verify};

use crate::common::image::{BLOCK, Image, blow, go_on};
use crate::common::take::Take;

/// Trees of two levels, of one, and of none.
static IMAGES: LazyLock<Vec<Image>> = LazyLock::new(|| {
    [(40, HashType::V1), (19, HashType::V0), (5, HashType::V1), (1, HashType::V1)]
        .map(|(blocks, hash_type)| Image::new(blocks, hash_type, 2))
        .to_vec()
});

/// Data and hash device verify exactly if they are as they were made, but for zeros at the end. Otherwise every block of data
/// that is called corrupt differs, and every block that differs is called corrupt or beyond proof.
pub fn check(bytes: &[u8]) {
    let mut input = Take(bytes);
    let sound = &IMAGES[usize::from(input.byte()) % IMAGES.len()];
    let mut image = sound.clone();
    image.damage(&mut input);
    let same = (0..2).all(|device| {
        image.is_same(sound, device) && image.devices[device].len() >= sound.devices[device].len()
    });
    match verify(&image.devices[0], &image.devices[1], &sound.expected, &go_on) {
        Ok(verified) => {
            assert!(same);
            assert_eq!(verified.root(), &sound.expected.root);
        }
        Err(VerifyError::Corrupt(damage)) => {
            assert!(!same && !damage.is_empty());
            names_what_differs(&damage, &image.devices[0], &sound.devices[0]);
        }
        Err(_) => assert!(!same),
    }
}

fn names_what_differs(damage: &Damage, data: &[u8], sound: &[u8]) {
    for (number, (block, wanted)) in (0..).zip(data.chunks(BLOCK).zip(sound.chunks(BLOCK))) {
        let is_in = |ranges: &hardpan_verity::BlockRanges| {
            ranges.ranges().iter().any(|range| range.contains(&number))
        };
        let (bad, unknown) = (is_in(&damage.data), is_in(&damage.unauthenticated_data));
        assert!(!bad || block != wanted, "block {number} is sound");
        assert!(block == wanted || bad || unknown, "block {number} is damaged");
    }
}

/// Each kind of damage at some places.
pub fn seeds() -> Vec<Vec<u8>> {
    let kinds = [(0, 0, &[][..]), (0, 1, &[]), (1, 2, &[5]), (0, 3, &[2, 0]), (0, 4, &[1]), (1, 4, &[0x80])];
    let seed =
        |image: u8| kinds.map(|(device, kind, more)| [&[image][..], &blow(device, kind, 700, more)].concat());
    (0..4).flat_map(seed).chain([vec![0], vec![1], vec![2], vec![3]]).collect()
}
