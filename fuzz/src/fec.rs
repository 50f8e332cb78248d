//! Repair by parity: it gives back what was, or nothing.

use std::sync::{LazyLock, Mutex};

use hardpan_verity::fec::{Found, Journal, Part, Repairs, find_repairs};
use hardpan_verity::{BlockSource, HashType, verify};

use crate::common::image::{Image, blow, go_on, unlock};
use crate::common::take::Take;

/// Trees of two levels, of one, and of none, with few and many parity bytes.
pub(crate) static IMAGES: LazyLock<Vec<Image>> = LazyLock::new(|| {
    [(40, HashType::V1, 2), (19, HashType::V0, 24), (5, HashType::V1, 3), (1, HashType::V1, 2)]
        .map(|(blocks, hash_type, roots)| Image::new(blocks, hash_type, roots))
        .to_vec()
});

/// Whatever was done to image, tree and parity: what is repaired is as it was, and what is called sound is sound. A journal of
/// the repairs reads back, and yields the same.
pub fn check(bytes: &[u8]) {
    let mut input = Take(bytes);
    let sound = &IMAGES[usize::from(input.byte()) % IMAGES.len()];
    let mut image = sound.clone();
    image.damage(&mut input);
    let journal = Mutex::new(Vec::new());
    Journal::begin(&journal).expect("memory does not fail");
    match find_repairs(image.damaged(), &journal, hardpan_verity::fec::JOURNAL_CONTENTS, &go_on) {
        Ok(Found::Sound(verified)) => {
            assert_eq!(verified.root(), &sound.expected.root);
            is_as_it_was(&image, sound);
        }
        Ok(Found::Repairs(repairs)) => {
            is_as_it_was(&carried_out(&image, &repairs, &journal), sound);
            Journal::seal(&repairs, &journal, || Ok(())).expect("memory does not fail");
            let Ok(Journal::Sealed(sealed)) = Journal::read(&journal) else { panic!("it was sealed") };
            let again = sealed.verify(&journal, image.damaged(), &go_on).expect("it is whole");
            is_as_it_was(&carried_out(&image, &again, &journal), sound);
        }
        Ok(_) => unreachable!("there are two outcomes"),
        Err(_) => {}
    }
}

/// The image with repairs in place.
pub(crate) fn carried_out(image: &Image, repairs: &Repairs, store: &dyn BlockSource) -> Image {
    let mut image = image.clone();
    assert!(repairs.data_blocks().is_complete() && repairs.hash_blocks().is_complete());
    for (device, part) in [Part::Data, Part::Tree].into_iter().enumerate() {
        let sink = Mutex::new(std::mem::take(&mut image.devices[device]));
        repairs.write(part, store, &sink).expect("memory does not fail");
        image.devices[device] = unlock(sink);
    }
    image
}

pub(crate) fn is_as_it_was(image: &Image, sound: &Image) {
    assert!(image.is_same(sound, 0) && image.is_same(sound, 1));
    verify(&image.devices[0], &image.devices[1], &sound.expected, &go_on).expect("it is as it was");
}

/// Damage that can be repaired and damage that cannot, to data, tree and parity.
pub fn seeds() -> Vec<Vec<u8>> {
    let kinds = [
        blow(0, 2, 3, &[5]),
        blow(1, 2, 2, &[5]),
        [blow(0, 2, 3, &[5]), blow(0, 2, 4, &[6]), blow(0, 2, 5, &[7])].concat(),
        [blow(2, 2, 0, &[5]), blow(0, 4, 700, &[1])].concat(),
        [blow(0, 4, 0, &[1]), blow(0, 4, 600, &[2]), blow(1, 4, 1030, &[3])].concat(),
        blow(2, 0, 100, &[]),
        Vec::new(),
    ];
    let seeds = (0..4).flat_map(|image| kinds.clone().map(|blows| [&[image], &blows[..]].concat()));
    seeds.collect()
}
