//! The kernel's log, where device-mapper says why it refuses a table: the error number alone rarely does.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::OpenOptionsExt;

use rustix::fs::OFlags;
use rustix::io::Errno;

/// What the kernel logs from now on.
#[derive(Debug)]
pub struct KernelLog {
    // Without permission to read it, there is nothing to quote; that is no error of its own.
    file: Option<File>,
}

impl KernelLog {
    /// Starts to listen.
    pub fn listen() -> Self {
        let nonblock = i32::try_from(OFlags::NONBLOCK.bits()).unwrap_or_default();
        let opened = OpenOptions::new().read(true).custom_flags(nonblock).open("/dev/kmsg");
        let at_end = opened.and_then(|mut file| file.seek(SeekFrom::End(0)).map(|_| file));
        Self { file: at_end.ok() }
    }

    /// The messages since then that begin with `prefix`, at most 16 of them.
    pub fn messages(&mut self, prefix: &str) -> Vec<String> {
        let mut found = Vec::new();
        let mut record = [0; MAX_RECORD];
        let Some(file) = &mut self.file else { return found };
        for _ in 0..MAX_RECORDS {
            match file.read(&mut record) {
                Ok(0) => break,
                Ok(len) => found.extend(message(&record[..len]).filter(|text| text.starts_with(prefix))),
                // Records were overwritten before they were read; the next read goes on behind the gap.
                Err(error) if error.raw_os_error() == Some(Errno::PIPE.raw_os_error()) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => break,
            }
        }
        found.truncate(16);
        found
    }
}

/// The text of a record: `PRIORITY,SEQUENCE,TIME,FLAGS[,…];TEXT`, then lines with further fields.
fn message(record: &[u8]) -> Option<String> {
    let line = record.split(|byte| *byte == b'\n').next()?;
    let text = line.splitn(2, |byte| *byte == b';').nth(1)?;
    Some(String::from_utf8_lossy(text).into_owned())
}

/// The longest record that the kernel returns (`PRINTK_MESSAGE_MAX`).
const MAX_RECORD: usize = 8192;
/// How many records are looked through.
const MAX_RECORDS: u32 = 1000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_split_from_their_fields() {
        let record = b"3,1234,5678,-;device-mapper: table: x; y\n SUBSYSTEM=block\n";
        assert_eq!(message(record).as_deref(), Some("device-mapper: table: x; y"));
        assert_eq!(message(b"no record"), None);
        assert_eq!(message(b""), None);
    }

    #[test]
    fn nothing_is_heard_where_nothing_is_readable() {
        assert_eq!(KernelLog { file: None }.messages(""), Vec::<String>::new());
    }
}
