//! The loops over members, streams and frames, and the places where each decoder leaves something to its user.

use std::io::{self, BufRead, BufReader, Read, Write as _};

use flate2::bufread::GzDecoder;
use lzma_rust2::XzReader;
use ruzstd::decoding::StreamingDecoder;
use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};

use super::Spool;

/// Why a stream ended before its end.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Ended {
    /// The bytes break their format, or end in the middle.
    Damaged(String),
    /// More comes out than is allowed.
    OverLimit,
    /// Decoding takes more memory than [`MAX_WINDOW`].
    OverWindow,
}

/// Errors in writing are ours and come as `Err`.
pub(super) type Result = io::Result<Option<Ended>>;

/// A stream that remembers what went wrong in reading it.
pub(super) struct Source<R> {
    inner: R,
    pub(super) failure: Option<io::Error>,
}

impl<R> Source<R> {
    pub(super) fn new(inner: R) -> Self {
        Self { inner, failure: None }
    }
}

impl<R: Read> Read for Source<R> {
    /// Interruptions end here: not every decoder can go on after one.
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.inner.read(buffer) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    let copy = error
                        .raw_os_error()
                        .map_or_else(|| error.kind().into(), io::Error::from_raw_os_error);
                    self.failure = Some(error);
                    return Err(copy);
                }
                read => return read,
            }
        }
    }
}

/// Copies a stream as it is.
pub(super) fn plain(from: &mut impl Read, to: &mut Spool, limit: u64) -> Result {
    copy(from, to, limit)
}

/// A gzip file may be several members in a row, and zeroes after the last fill the blocks of a tape.
pub(super) fn gzip(from: &mut BufReader<impl Read>, to: &mut Spool, limit: u64) -> Result {
    loop {
        if let Some(ended) = copy(&mut GzDecoder::new(&mut *from), to, limit)? {
            return Ok(Some(ended));
        }
        match from.fill_buf() {
            Ok([]) => return Ok(None),
            Ok([0, ..]) => return Ok(only_zeroes(from).err().map(|error| damaged(&error))),
            Ok(_) => {}
            Err(error) => return Ok(Some(damaged(&error))),
        }
    }
}

/// Several streams in a row, with padding between them, are one file.
pub(super) fn xz(from: &mut BufReader<impl Read>, to: &mut Spool, limit: u64) -> Result {
    copy(&mut XzReader::new_mem_limit(from, true, XZ_MEMORY_KIB), to, limit)
}

/// A Zstandard file may be several frames in a row, some of which hold nothing for the content and are to be skipped.
pub(super) fn zstd(from: &mut BufReader<impl Read>, to: &mut Spool, limit: u64) -> Result {
    loop {
        match from.fill_buf() {
            Ok([]) => return Ok(None),
            Ok(_) => {}
            Err(error) => return Ok(Some(damaged(&error))),
        }
        let mut frame = match StreamingDecoder::new_with_max_window_size(&mut *from, MAX_WINDOW) {
            Ok(frame) => frame,
            Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame {
                length, ..
            })) => match skip(from, length.into()) {
                None => continue,
                ended => return Ok(ended),
            },
            Err(FrameDecoderError::WindowSizeTooBig { .. }) => return Ok(Some(Ended::OverWindow)),
            Err(error) => return Ok(Some(Ended::Damaged(error.to_string()))),
        };
        let before = to.len();
        if let Some(ended) = copy(&mut frame, to, limit)? {
            return Ok(Some(ended));
        }
        // The decoder computes the checksum and leaves it to its user to compare; the same goes for the size.
        let decoder = &frame.decoder;
        let (wanted, found) = (decoder.get_checksum_from_data(), decoder.get_calculated_checksum());
        if wanted.is_some() && wanted != found {
            return Ok(Some(Ended::Damaged("the checksum of a frame does not match its content".into())));
        }
        let (size, held) = (decoder.content_size(), to.len() - before);
        if size != 0 && size != held {
            return Ok(Some(Ended::Damaged(format!(
                "a frame says that it has {size} bytes, and has {held}"
            ))));
        }
    }
}

/// Copies until the end or an error in reading.
fn copy(from: &mut impl Read, to: &mut Spool, limit: u64) -> Result {
    let mut buffer = vec![0; 1 << 16];
    loop {
        let count = match from.read(&mut buffer) {
            Ok(0) => return Ok(None),
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::OutOfMemory => return Ok(Some(Ended::OverWindow)),
            Err(error) => return Ok(Some(damaged(&error))),
        };
        if count as u64 > limit.saturating_sub(to.len()) {
            return Ok(Some(Ended::OverLimit));
        }
        to.write_all(&buffer[..count])?;
    }
}

fn only_zeroes(from: &mut impl Read) -> io::Result<()> {
    let mut buffer = vec![0; 1 << 16];
    loop {
        match from.read(&mut buffer)? {
            0 => return Ok(()),
            count if buffer[..count].iter().all(|byte| *byte == 0) => {}
            _ => return Err(io::Error::other("there are bytes after the end")),
        }
    }
}

/// Reads past bytes that are to be skipped.
fn skip(from: &mut impl Read, len: u64) -> Option<Ended> {
    match io::copy(&mut from.take(len), &mut io::sink()) {
        Ok(count) if count == len => None,
        Ok(_) => Some(Ended::Damaged("it ends within a frame that is to be skipped".into())),
        Err(error) => Some(damaged(&error)),
    }
}

fn damaged(error: &io::Error) -> Ended {
    Ended::Damaged(match error.kind() {
        io::ErrorKind::UnexpectedEof => "it ends before its end".into(),
        _ => error.to_string(),
    })
}

/// What `zstd` itself decompresses unless told otherwise, and twice the dictionary of `xz -9`.
pub(super) const MAX_WINDOW: u64 = 128 << 20;
/// [`MAX_WINDOW`] in KiB, and a little for the state beside it.
const XZ_MEMORY_KIB: u32 = (128 << 10) + 256;
