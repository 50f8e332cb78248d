//! Whose blocks are bad, by a file system that is none.

use std::ops::Range;

use hardpan_verity::BlockOwner;

use crate::common::{BLOCK, Random, area, params};
use crate::image::Image;

/// A file in every other block, and one block that cannot be read.
struct Files {
    unreadable: u64,
}

impl BlockOwner for Files {
    type Error = String;

    fn owners(&self, range: Range<u64>) -> Result<Vec<String>, String> {
        let block = BLOCK as u64;
        assert!(range.start.is_multiple_of(block) && range.end.is_multiple_of(block), "{range:?}");
        let blocks = range.start / block..range.end / block;
        if blocks.contains(&self.unreadable) {
            return Err(format!("the inode in block {} is damaged", self.unreadable));
        }
        Ok(blocks.filter(|block| block % 2 == 0).map(|block| format!("/file{block}")).collect())
    }
}

#[test]
fn bad_blocks_are_told_with_the_files_that_they_belong_to() {
    let mut image = Image::of(Random(500).bytes(20 * BLOCK), params(20, b""), area(0));
    for block in [2, 3, 4, 7, 11] {
        image.data[block * BLOCK] ^= 1;
    }
    let owned = image.damage().owners(image.params.data_block_size, &Files { unreadable: 11 });
    let told: Vec<_> = owned.into_iter().map(|owned| (owned.blocks, owned.owners)).collect();
    let files = |names: &[&str]| Ok(names.iter().map(|name| (*name).to_owned()).collect());
    assert_eq!(
        told,
        [
            (2..5, files(&["/file2", "/file4"])),
            (7..8, files(&[])),
            (11..12, Err("the inode in block 11 is damaged".to_owned())),
        ]
    );
}
