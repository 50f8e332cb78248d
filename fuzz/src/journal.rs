//! Journals of repairs: whatever is in one, nothing but what was comes of it.

use hardpan_verity::HashType;
use hardpan_verity::fec::{Found, JOURNAL_CONTENTS, Journal, find_repairs};
use sha2::{Digest as _, Sha256};
use std::sync::{LazyLock, Mutex};

use crate::common::image::{BLOCK, Image, blow, go_on, unlock};
use crate::common::take::Take;
use crate::fec::{carried_out, is_as_it_was};

/// An image, and the same with two blocks damaged.
static IMAGES: LazyLock<[Image; 2]> = LazyLock::new(|| {
    let sound = Image::new(19, HashType::V1, 4);
    let mut damaged = sound.clone();
    damaged.damage(&mut Take(&damage()));
    [sound, damaged]
});

fn damage() -> Vec<u8> {
    [blow(0, 2, 3, &[5]), blow(1, 2, 2, &[6])].concat()
}

/// What is in a journal is refused, or makes the damaged image what it was. The first byte says whether the digest in the
/// header is that of the input, or made to fit.
pub fn check(bytes: &[u8]) {
    let [sound, damaged] = &*IMAGES;
    let Some((kind, journal)) = bytes.split_first() else { return };
    let mut journal = journal.to_vec();
    if kind % 2 == 1 {
        seal(&mut journal);
    }
    let Ok(Journal::Sealed(sealed)) = Journal::read(&journal) else { return };
    let Ok(repairs) = sealed.verify(&journal, damaged.damaged(), &go_on) else { return };
    is_as_it_was(&carried_out(damaged, &repairs, &journal), sound);
}

/// Makes the digest fit, if there are as many entries as the header says.
fn seal(journal: &mut [u8]) {
    let mut header = Take(journal.get(16..).unwrap_or_default());
    let (block_size, count) = (header.long(), header.long());
    let start = count.checked_mul(block_size).and_then(|size| size.checked_add(JOURNAL_CONTENTS));
    let entries = start.and_then(|start| journal.get(usize::try_from(start).ok()?..)).unwrap_or_default();
    let digest = Sha256::new_with_prefix(&journal[..journal.len().min(32)]).chain_update(entries).finalize();
    journal.get_mut(32..64).into_iter().for_each(|field| field.copy_from_slice(&digest));
}

/// The journal of a repair, and one in preparation.
pub fn seeds() -> Vec<Vec<u8>> {
    let [sound, damaged] = &*IMAGES;
    let journal = Mutex::new(Vec::new());
    Journal::begin(&journal).expect("memory does not fail");
    let begun = journal.lock().expect("nobody panics with it").clone();
    let found = find_repairs(damaged.damaged(), &journal, JOURNAL_CONTENTS, &go_on);
    let Ok(Found::Repairs(repairs)) = found else { panic!("{found:?}") };
    Journal::seal(&repairs, &journal, || Ok(())).expect("memory does not fail");
    let sealed = unlock(journal);
    assert_eq!(sealed.len(), 4096 + 2 * (BLOCK + 24));
    // A block that is as it should be, but none that parity covers.
    let [contents, entries] = [&sealed[4096..4096 + 2 * BLOCK], &sealed[4096 + 2 * BLOCK..]];
    let place = [1, 0, 4096 + 2 * BLOCK as u64].map(u64::to_le_bytes).concat();
    let mut more = [&sealed[..4096], contents, &sound.devices[1][..BLOCK], entries, &place].concat();
    more[24] = 3;
    [&sealed, &begun, &more]
        .into_iter()
        .flat_map(|journal| [0, 1].map(|kind| [&[kind], &journal[..]].concat()))
        .collect()
}
