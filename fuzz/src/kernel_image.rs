//! Build configurations inside of kernels.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;
use hardpan_audit::kernel_image::{command_lines, kernel_config};

/// Whatever is found is bounded; nothing panics and no length of the file's is believed.
pub fn check(bytes: &[u8]) {
    let source = bytes.to_vec();
    if let Ok(config) = kernel_config(&source) {
        assert!(config.len() <= 8 << 20);
    }
    let _ = command_lines(&source);
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).expect("memory takes all");
    encoder.finish().expect("memory takes all")
}

/// An uncompressed kernel, and one in a bzImage.
pub fn seeds() -> Vec<Vec<u8>> {
    let kernel = [b"kernelIKCFG_ST", &gzip(b"CONFIG_A=y\n")[..], b"IKCFG_ED"].concat();
    let payload = gzip(&kernel);
    let mut image = vec![0; 1024];
    image[0x1f1] = 1;
    image[0x202..0x206].copy_from_slice(b"HdrS");
    image[0x206..0x208].copy_from_slice(&0x20fu16.to_le_bytes());
    let size = u32::try_from(payload.len()).expect("it is short");
    image[0x24c..0x250].copy_from_slice(&size.to_le_bytes());
    image.extend_from_slice(&payload);
    vec![kernel, image]
}
