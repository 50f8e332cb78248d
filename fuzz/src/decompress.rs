//! Files in gzip, xz and Zstandard.

use std::io::Read as _;

use hardpan_image::{Compression, decompress, read_to_vec};

/// At most as much comes out as is allowed, and for gzip what the library's own reader for several members gives.
pub fn check(bytes: &[u8]) {
    let Some(compression) = Compression::of(bytes) else { return };
    let Ok(unpacked) = decompress(&bytes.to_vec(), compression, LIMIT) else { return };
    assert!(unpacked.len() <= LIMIT);
    let unpacked = read_to_vec(&*unpacked, LIMIT).expect("it is in memory");
    if compression == Compression::Gzip {
        let mut theirs = Vec::new();
        let read = flate2::read::MultiGzDecoder::new(bytes).read_to_end(&mut theirs);
        // Zeros after the end are padding to us and damage to it.
        assert!(read.is_err() || theirs == unpacked);
    }
    let smaller = (unpacked.len() as u64).checked_sub(1);
    assert!(smaller.is_none_or(|limit| decompress(&bytes.to_vec(), compression, limit).is_err()));
}

/// The same text in each.
pub fn seeds() -> Vec<Vec<u8>> {
    let text = b"some text, some text, some text; and some more text".repeat(20);
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    std::io::Write::write_all(&mut gzip, &text).expect("memory does not fail");
    let gzip = gzip.finish().expect("memory does not fail");
    let zstd = ruzstd::encoding::compress_to_vec(&text[..], ruzstd::encoding::CompressionLevel::Fastest);
    let mut xz =
        lzma_rust2::XzWriter::new(Vec::new(), lzma_rust2::XzOptions::with_preset(1)).expect("a preset");
    std::io::Write::write_all(&mut xz, &text).expect("memory does not fail");
    let xz = xz.finish().expect("memory does not fail");
    let skippable = [&[0x50, 0x2a, 0x4d, 0x18, 2, 0, 0, 0, 1, 2][..], &zstd].concat();
    vec![[&gzip[..], &gzip].concat(), gzip, zstd, xz, skippable]
}

/// Small, so that a bomb is an error at once.
const LIMIT: u64 = 1 << 20;
