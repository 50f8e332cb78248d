//! Archives out of their compression.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Write as _};

use flate2::bufread::GzDecoder;
use ruzstd::decoding::StreamingDecoder;
use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};

/// How many bytes came out, and the error that ended it, if one did. Errors in writing are ours and come as `Err`.
pub(super) type Unpacked = io::Result<(u64, Option<io::Error>)>;

/// Copies a stream as it is.
pub(super) fn plain(from: &mut impl Read, to: &mut File) -> Unpacked {
    copy(from, to, 0)
}

/// A gzip file may be several members in a row, and zeroes after the last fill the blocks of a tape.
pub(super) fn gzip(from: &mut BufReader<impl Read>, to: &mut File) -> Unpacked {
    let mut total = 0;
    loop {
        let (now, error) = copy(&mut GzDecoder::new(&mut *from), to, total)?;
        total = now;
        if error.is_some() {
            return Ok((total, error));
        }
        match from.fill_buf() {
            Ok([]) => return Ok((total, None)),
            Ok([0, ..]) => return Ok((total, only_zeroes(from).err())),
            Ok(_) => {}
            Err(error) => return Ok((total, Some(error))),
        }
    }
}

/// A Zstandard file may be several frames in a row, some of which hold nothing for the content and are to be skipped.
pub(super) fn zstd(from: &mut BufReader<impl Read>, to: &mut File) -> Unpacked {
    let mut total = 0;
    loop {
        match from.fill_buf() {
            Ok([]) => return Ok((total, None)),
            Ok(_) => {}
            Err(error) => return Ok((total, Some(error))),
        }
        let mut frame = match StreamingDecoder::new(&mut *from) {
            Ok(frame) => frame,
            Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame {
                length, ..
            })) => match skip(from, length.into()) {
                None => continue,
                error => return Ok((total, error)),
            },
            Err(error) => return Ok((total, Some(io::Error::other(error.to_string())))),
        };
        let (now, error) = copy(&mut frame, to, total)?;
        total = now;
        // The decoder computes the frame's checksum and leaves it to its user to compare.
        let (wanted, found) =
            (frame.decoder.get_checksum_from_data(), frame.decoder.get_calculated_checksum());
        if error.is_some() {
            return Ok((total, error));
        }
        if wanted.is_some() && wanted != found {
            return Ok((total, Some(io::Error::other("the checksum of a frame does not match its content"))));
        }
    }
}

/// Whether the bytes begin a skippable frame of Zstandard, which `pzstd` writes first.
pub(super) fn is_skippable(head: &[u8]) -> bool {
    matches!(head, [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..])
}

/// Copies until the end or an error in reading. `total` bytes came out before.
fn copy(from: &mut impl Read, to: &mut File, mut total: u64) -> Unpacked {
    let mut buffer = vec![0; 1 << 18];
    loop {
        let count = match from.read(&mut buffer) {
            Ok(0) => return Ok((total, None)),
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Ok((total, Some(error))),
        };
        if total + count as u64 > MAX_UNPACKED {
            let error = format!("more than {MAX_UNPACKED} bytes come out of it, which is the limit");
            return Ok((total, Some(io::Error::other(error))));
        }
        to.write_all(&buffer[..count])?;
        total += count as u64;
    }
}

fn only_zeroes(from: &mut impl Read) -> io::Result<()> {
    let mut buffer = vec![0; 1 << 16];
    loop {
        match from.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(count) if buffer[..count].iter().all(|byte| *byte == 0) => {}
            Ok(_) => return Err(io::Error::other("there are bytes after the end")),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// Reads past bytes that are to be skipped.
fn skip(from: &mut impl Read, len: u64) -> Option<io::Error> {
    match io::copy(&mut from.take(len), &mut io::sink()) {
        Ok(count) if count == len => None,
        Ok(_) => Some(io::ErrorKind::UnexpectedEof.into()),
        Err(error) => Some(error),
    }
}

/// The magic number of a Zstandard frame.
pub(super) const ZSTD_MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
/// Larger than any root file system of the kind this is for, and small enough that a bomb ends before most disks do.
const MAX_UNPACKED: u64 = 64 << 30;
