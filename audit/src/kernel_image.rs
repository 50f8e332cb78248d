//! The build configuration inside of a kernel's file (`CONFIG_IKCONFIG`).
//!
//! The configuration is a gzip stream between the marks `IKCFG_ST` and `IKCFG_ED` in the uncompressed kernel. Around that lie
//! a bzImage (Documentation/arch/x86/boot.rst: the setup header tells where its payload is), an EFI zboot image
//! (drivers/firmware/efi/libstub/zboot-header.S), a unified kernel image with the kernel in the section `.linux`, or a
//! compression alone, as in `Image.gz`. Offsets come from the file and are held against its length.

use std::io;

use hardpan_image::{Compression, ReadAt, Section, decompress, read_exact_at, read_to_vec};
use thiserror::Error;

use crate::efi::pe::Pe;

/// Why a file gives no build configuration.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum KernelImageError {
    /// There is a kernel, or may be, and no configuration in it.
    #[error(
        "there is no build configuration in it: the kernel was built without CONFIG_IKCONFIG, or this is no kernel"
    )]
    None,
    /// The kernel is packed in a way that is not unpacked here.
    #[error("the kernel is compressed with {0}, which is not read here; unpack it, or give its .config")]
    Compression(String),
    /// Bytes that break their format.
    #[error("{structure} at offset {offset}: {reason}")]
    Malformed {
        /// What breaks it.
        structure: &'static str,
        /// Where that is in the file.
        offset: u64,
        /// How.
        reason: String,
    },
    /// Unpacking failed.
    #[error("{what}: {source}")]
    Unpack {
        /// What was unpacked.
        what: &'static str,
        /// Why it failed.
        source: hardpan_image::Error,
    },
    /// A read failed.
    #[error("read: {0}")]
    Io(#[from] io::Error),
}

/// The text of the build configuration.
pub fn kernel_config(source: &dyn ReadAt) -> Result<Vec<u8>, KernelImageError> {
    search(source, 0)
}

/// The command lines in a unified kernel image, one for each of its profiles; none in any other file.
pub fn command_lines(source: &dyn ReadAt) -> io::Result<Vec<String>> {
    let Ok(pe) = Pe::read(source) else { return Ok(Vec::new()) };
    if !pe.has_section(".linux") {
        return Ok(Vec::new());
    }
    let texts = pe.sections(source, ".cmdline", crate::efi::uki::MAX_CMDLINE)?;
    Ok(texts.iter().map(|text| crate::efi::uki::text_of(text)).collect())
}

/// A kernel may be in a file in a section in a compression; `depth` counts these.
fn search(source: &dyn ReadAt, depth: u8) -> Result<Vec<u8>, KernelImageError> {
    if depth > MAX_DEPTH {
        return Err(malformed("kernel image", 0, "more layers than kernels are wrapped in"));
    }
    let mut head = vec![0; usize::try_from(source.len().min(HEAD)).unwrap_or(0)];
    read_exact_at(source, &mut head, 0)?;
    if let Some(compression) = Compression::of(&head) {
        return inside(source, compression, "kernel", depth);
    }
    if let Some(payload) = bzimage(&head)? {
        return unpack_payload(source, payload, None, depth);
    }
    if head.starts_with(b"MZ\0\0zimg") {
        let payload = (u64::from(word(&head, 8)?), u64::from(word(&head, 12)?));
        let kind: Vec<u8> = head.iter().skip(24).take(32).copied().take_while(|byte| *byte != 0).collect();
        return unpack_payload(source, payload, Some(&kind), depth);
    }
    if head.starts_with(b"MZ")
        && let Ok(pe) = Pe::read(source)
        && let Some((offset, size)) = pe.place(".linux")
    {
        return search(&Section { source, start: offset, len: size }, depth + 1);
    }
    embedded(source)
}

/// Offset and size of the payload, if these are the first bytes of a bzImage.
fn bzimage(head: &[u8]) -> Result<Option<(u64, u64)>, KernelImageError> {
    if head.get(0x202..0x206) != Some(b"HdrS") {
        return Ok(None);
    }
    let short = || malformed("setup header", 0x206, "the file ends inside it");
    let version: [u8; 2] =
        head.get(0x206..0x208).and_then(|bytes| bytes.try_into().ok()).ok_or_else(short)?;
    let version = u16::from_le_bytes(version);
    if version < PAYLOAD_SINCE {
        let reason = format!("boot protocol {version:#x} does not tell where the payload is");
        return Err(malformed("setup header", 0x206, &reason));
    }
    let sectors = match head[0x1f1] {
        0 => 4,
        sectors => u64::from(sectors),
    };
    let start = (sectors + 1) * 512 + u64::from(word(head, 0x248)?);
    Ok(Some((start, u64::from(word(head, 0x24c)?))))
}

fn word(head: &[u8], at: usize) -> Result<u32, KernelImageError> {
    let bytes = head.get(at..at + 4).and_then(|bytes| bytes.try_into().ok());
    bytes.map(u32::from_le_bytes).ok_or_else(|| malformed("header", at as u64, "the file ends inside it"))
}

/// Behind what xz and Zstandard wrote, the kernel's build puts the unpacked size, in four bytes. gzip has it in its own format.
fn unpack_payload(
    source: &dyn ReadAt,
    (offset, size): (u64, u64),
    kind: Option<&[u8]>,
    depth: u8,
) -> Result<Vec<u8>, KernelImageError> {
    let end = offset.checked_add(size).filter(|end| *end <= source.len());
    let Some(_) = end.filter(|_| size >= 8) else {
        return Err(malformed("setup header", 0x248, "the payload reaches past the end of the file"));
    };
    let mut head = [0; 8];
    read_exact_at(source, &mut head, offset)?;
    let Some(compression) = Compression::of(&head) else {
        let named = kind.map(hardpan_report::escape);
        let by_magic =
            MAGICS.iter().find(|(magic, _)| head.starts_with(magic)).map(|(_, name)| (*name).to_owned());
        return match by_magic.or(named) {
            Some(name) => Err(KernelImageError::Compression(name)),
            None => embedded(&Section { source, start: offset, len: size }),
        };
    };
    let trailer = if compression == Compression::Gzip { 0 } else { 4 };
    let payload = Section { source, start: offset, len: size - trailer };
    inside(&payload, compression, "payload", depth)
}

fn inside(
    source: &dyn ReadAt,
    compression: Compression,
    what: &'static str,
    depth: u8,
) -> Result<Vec<u8>, KernelImageError> {
    let content = decompress(source, compression, MAX_KERNEL)
        .map_err(|source| KernelImageError::Unpack { what, source })?;
    search(&*content, depth + 1)
}

/// The configuration between its marks, wherever they are.
fn embedded(source: &dyn ReadAt) -> Result<Vec<u8>, KernelImageError> {
    let Some(start) = find(source, START)? else { return Err(KernelImageError::None) };
    let start = start + START.len() as u64;
    let rest = source.len() - start;
    let window = Section { source, start, len: rest.min(MAX_PACKED) };
    let Some(size) = find(&window, END)? else {
        return Err(malformed("IKCFG_ST", start, "no IKCFG_ED follows it"));
    };
    let packed = Section { source, start, len: size };
    let unpack = |source| KernelImageError::Unpack { what: "build configuration", source };
    let text = decompress(&packed, Compression::Gzip, MAX_CONFIG).map_err(unpack)?;
    Ok(read_to_vec(&*text, MAX_CONFIG)?)
}

/// Where a mark stands first. Read in stretches that overlap by its length.
fn find(source: &dyn ReadAt, mark: &[u8]) -> io::Result<Option<u64>> {
    let finder = memchr::memmem::Finder::new(mark);
    let mut buffer = vec![0; STRETCH];
    let mut at = 0;
    while at < source.len() {
        let length = usize::try_from((source.len() - at).min(STRETCH as u64)).unwrap_or(STRETCH);
        read_exact_at(source, &mut buffer[..length], at)?;
        if let Some(found) = finder.find(&buffer[..length]) {
            return Ok(Some(at + found as u64));
        }
        if length < STRETCH {
            return Ok(None);
        }
        at += (STRETCH - mark.len() + 1) as u64;
    }
    Ok(None)
}

fn malformed(structure: &'static str, offset: u64, reason: &str) -> KernelImageError {
    KernelImageError::Malformed { structure, offset, reason: reason.to_owned() }
}

/// The setup header ends before.
const HEAD: u64 = 0x400;
/// Boot protocol 2.08.
const PAYLOAD_SINCE: u16 = 0x208;
/// A UKI with a zboot image with a compressed kernel.
const MAX_DEPTH: u8 = 4;
/// Kernels with all drivers built in unpack to a third of it.
const MAX_KERNEL: u64 = 512 << 20;
/// Twenty times what a configuration has.
const MAX_CONFIG: u64 = 8 << 20;
/// The same, packed.
const MAX_PACKED: u64 = 8 << 20;
const STRETCH: usize = 1 << 20;
const START: &[u8] = b"IKCFG_ST";
const END: &[u8] = b"IKCFG_ED";
/// Compressions that kernels are packed with and that are not read here.
const MAGICS: [(&[u8], &str); 4] =
    [(b"\x02\x21\x4c\x18", "lz4"), (b"BZh", "bzip2"), (b"\x5d\0\0", "lzma"), (b"\x89LZO", "lzo")];

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;
    use crate::efi::pe::sample;

    const CONFIG: &[u8] = b"CONFIG_A=y\n";

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    /// An uncompressed kernel. The configuration stands where two stretches of the search meet.
    fn kernel() -> Vec<u8> {
        let mut kernel = vec![0x90; STRETCH - 3];
        kernel.extend_from_slice(START);
        kernel.extend_from_slice(&gzip(CONFIG));
        kernel.extend_from_slice(END);
        kernel
    }

    fn bzimage(payload: &[u8]) -> Vec<u8> {
        let mut image = vec![0; 1024 + 16];
        image[0x1f1] = 1;
        image[0x202..0x206].copy_from_slice(b"HdrS");
        image[0x206..0x208].copy_from_slice(&0x20f_u16.to_le_bytes());
        image[0x248] = 16;
        image[0x24c..0x250].copy_from_slice(&u32::try_from(payload.len()).unwrap().to_le_bytes());
        image.extend_from_slice(payload);
        image
    }

    fn text(file: &[u8]) -> Result<Vec<u8>, String> {
        kernel_config(&file.to_vec()).map_err(|error| error.to_string())
    }

    #[test]
    fn it_is_found_in_whatever_a_kernel_is_wrapped() {
        let image = bzimage(&gzip(&kernel()));
        let zboot = {
            let payload = gzip(&kernel());
            let mut file = vec![0; 64];
            file[..8].copy_from_slice(b"MZ\0\0zimg");
            file[8] = 64;
            file[12..16].copy_from_slice(&u32::try_from(payload.len()).unwrap().to_le_bytes());
            file[24..28].copy_from_slice(b"gzip");
            [file, payload].concat()
        };
        let uki = sample(&[(".cmdline", b"quiet\0"), (".linux", &image)], None);
        for file in [&kernel(), &image, &gzip(&kernel()), &zboot, &uki] {
            assert_eq!(text(file).as_deref(), Ok(CONFIG));
        }
        assert_eq!(command_lines(&uki).unwrap(), ["quiet"]);
        assert!(command_lines(&image).unwrap().is_empty());
    }

    #[test]
    fn a_payload_of_xz_or_zstandard_ends_in_its_size() {
        for program in ["xz", "zstd"] {
            // Both programs are peers of the readers' own tests, which is where their absence is told.
            let Ok(mut child) = std::process::Command::new(program)
                .args(["--compress", "--stdout", "--quiet"])
                .stdin(std::process::Stdio::piped())
                .stdout(std::process::Stdio::piped())
                .spawn()
            else {
                assert!(std::env::var_os("HARDPAN_WITHOUT_PEERS").is_some(), "{program} is missing");
                continue;
            };
            child.stdin.take().unwrap().write_all(&kernel()).unwrap();
            let mut payload = child.wait_with_output().unwrap().stdout;
            payload.extend_from_slice(&u32::try_from(kernel().len()).unwrap().to_le_bytes());
            assert_eq!(text(&bzimage(&payload)).as_deref(), Ok(CONFIG), "{program}");
        }
    }

    #[test]
    fn what_is_not_there_or_not_read_is_told() {
        assert!(text(b"\x7fELF without").unwrap_err().contains("without CONFIG_IKCONFIG"));
        let lz4 = bzimage(b"\x02\x21\x4c\x18 and more");
        assert_eq!(text(&lz4).unwrap_err().split(',').next(), Some("the kernel is compressed with lz4"));
        let mut long = bzimage(&gzip(&kernel()));
        long[0x24f] = 0xff;
        assert!(text(&long).unwrap_err().contains("reaches past the end"));
        let image = bzimage(&gzip(&kernel()));
        for length in [0, 3, 0x205, 0x207, 0x24a, 0x400, image.len() - 1] {
            assert!(text(&image[..length]).is_err(), "{length}");
        }
        let unended = [START, &gzip(CONFIG)[..]].concat();
        assert!(text(&unended).unwrap_err().contains("no IKCFG_ED"));
    }
}
