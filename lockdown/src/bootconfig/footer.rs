//! Where a boot configuration lies in an initramfs: at its end, followed by its size, its checksum and a magic line.

use std::ops::Range;

use thiserror::Error;

/// Why what stands at the end of an initramfs is no boot configuration. The kernel then goes on without one.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum FooterError {
    /// The size reaches before the file's start.
    #[error(
        "the boot configuration at the end has {size} bytes by its footer, and the file only {before} before it"
    )]
    Size {
        /// By the footer.
        size: u32,
        /// What is there.
        before: usize,
    },
    /// The bytes add up to something else.
    #[error("the bytes of the boot configuration add up to {found:#x}, and its footer says {wanted:#x}")]
    Checksum {
        /// By the footer.
        wanted: u32,
        /// Of the bytes.
        found: u32,
    },
}

/// The place of the boot configuration in the last bytes of an initramfs, or all of them; `None` if it has none. A boot
/// loader may have filled the file up to a multiple of four bytes.
pub fn find(tail: &[u8]) -> Result<Option<Range<usize>>, FooterError> {
    let Some(end) = (0..ALIGNMENT).find_map(|padding| {
        let end = tail.len().checked_sub(padding)?;
        tail[..end].strip_suffix(MAGIC).map(<[u8]>::len)
    }) else {
        return Ok(None);
    };
    let Some((content, [size, checksum])) = end.checked_sub(8).map(|at| {
        let word =
            |from: usize| u32::from_le_bytes([tail[from], tail[from + 1], tail[from + 2], tail[from + 3]]);
        (at, [word(at), word(at + 4)])
    }) else {
        return Ok(None);
    };
    let fits = usize::try_from(size).ok().and_then(|size| content.checked_sub(size));
    let start = fits.ok_or(FooterError::Size { size, before: content })?;
    let found = tail[start..content].iter().fold(0u32, |sum, byte| sum.wrapping_add(u32::from(*byte)));
    if found != checksum {
        return Err(FooterError::Checksum { wanted: checksum, found });
    }
    Ok(Some(start..content))
}

/// How much of an initramfs has to be read from its end: the largest configuration, its footer and what may follow.
pub const TAIL: usize = (32 << 10) + 8 + MAGIC.len() + ALIGNMENT;

const MAGIC: &[u8] = b"#BOOTCONFIG\n";
const ALIGNMENT: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;

    fn with_footer(text: &[u8], padding: usize) -> Vec<u8> {
        let sum: u32 = text.iter().map(|byte| u32::from(*byte)).sum();
        let size = u32::try_from(text.len()).unwrap();
        let mut all = b"initramfs".to_vec();
        all.extend_from_slice(text);
        all.extend_from_slice(&size.to_le_bytes());
        all.extend_from_slice(&sum.to_le_bytes());
        all.extend_from_slice(MAGIC);
        all.resize(all.len() + padding, 0);
        all
    }

    #[test]
    fn it_is_found_behind_an_initramfs_also_if_that_was_filled_up() {
        for padding in 0..4 {
            let file = with_footer(b"kernel.quiet\n\0\0", padding);
            assert_eq!(find(&file), Ok(Some(9..24)), "{padding}");
        }
        assert_eq!(find(&with_footer(b"kernel.quiet\n", 4)), Ok(None));
        assert_eq!(find(b"initramfs"), Ok(None));
        assert_eq!(find(MAGIC), Ok(None));
    }

    #[test]
    fn a_footer_that_does_not_fit_is_an_error() {
        let mut file = with_footer(b"kernel.quiet\n", 0);
        file[10] ^= 1;
        assert!(matches!(find(&file), Err(FooterError::Checksum { .. })));
        let at = file.len() - MAGIC.len() - 8;
        file[at + 2] = 1;
        assert_eq!(find(&file), Err(FooterError::Size { size: 65549, before: 22 }));
    }
}
