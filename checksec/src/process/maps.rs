//! `/proc/PID/maps`: what is mapped into a process, as `proc_pid_maps(5)` has it.

use std::borrow::Cow;
use std::io::Write as _;
use std::ops::Range;

/// One mapping: a line of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "they are the four letters of the kernel, each of which stands for itself"
)]
pub struct Mapping {
    /// First address.
    pub start: u64,
    /// One past the last address.
    pub end: u64,
    /// Whether its bytes can be read.
    pub readable: bool,
    /// Whether they can be written.
    pub writable: bool,
    /// Whether they can be executed.
    pub executable: bool,
    /// Whether writes are seen by others (`MAP_SHARED`).
    pub shared: bool,
    /// Where in the file it begins, in bytes.
    pub offset: u64,
    /// Major and minor number of the file's device, as the file system's superblock has it. On file systems that give
    /// each subvolume a device of its own it is not what `stat` tells.
    pub device: (u32, u32),
    /// The inode; 0 where there is no file.
    pub inode: u64,
    /// The last column as the kernel wrote it: empty, a name in brackets, or a path.
    pub name: Box<[u8]>,
}

/// What a mapping is of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Backing<'m> {
    /// Memory without a file and without a name.
    Anonymous,
    /// Something that the kernel names in brackets, without them: `stack`, `heap`, `vdso`, `anon:NAME`.
    Special(&'m [u8]),
    /// Memory that the kernel keeps as a file which no directory has: `memfd_create`, shared memory of System V, shared
    /// anonymous memory, huge pages. With what the kernel calls it.
    Memory(&'m [u8]),
    /// A file.
    File {
        /// Its path, without the mark of a deleted one. A name that has a real `\012` in it cannot be told from one with a
        /// newline, since the kernel writes both alike; the newline is assumed.
        path: Cow<'m, [u8]>,
        /// Whether the kernel marks it as deleted. A name that ends with the mark looks the same.
        deleted: bool,
    },
}

/// All mappings of a process.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Maps {
    /// In the order of the file, which is that of addresses.
    pub all: Vec<Mapping>,
    /// How many lines were not understood. They may be mappings of any kind.
    pub not_understood: u64,
}

impl Maps {
    /// Reads the whole file. The number of lines is bounded by the caller, who bounds the bytes.
    pub fn parse(bytes: &[u8]) -> Self {
        let mut maps = Self::default();
        for line in bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            match Mapping::parse(line) {
                Some(mapping) => maps.all.push(mapping),
                None => maps.not_understood += 1,
            }
        }
        maps
    }

    /// The mapping that holds an address.
    pub fn holding(&self, address: u64) -> Option<&Mapping> {
        self.all.iter().find(|mapping| mapping.range().contains(&address))
    }

    /// The parts of a range of addresses that are mapped, with their mappings.
    pub fn within(&self, range: &Range<u64>) -> impl Iterator<Item = (Range<u64>, &Mapping)> {
        let range = range.clone();
        self.all.iter().filter_map(move |mapping| {
            let part = mapping.start.max(range.start)..mapping.end.min(range.end);
            (part.start < part.end).then_some((part, mapping))
        })
    }
}

impl Mapping {
    /// Reads a line without its newline. `None` if it is none of the kernel's.
    pub fn parse(line: &[u8]) -> Option<Self> {
        let mut fields = Fields(line);
        let (start, end) = split(fields.next()?, b'-')?;
        let (start, end) = (hexadecimal(start)?, hexadecimal(end)?);
        let &[read, write, execute, share] = fields.next()? else { return None };
        let flag = |byte: u8, set: u8| (byte == set || byte == b'-').then_some(byte == set);
        let offset = hexadecimal(fields.next()?)?;
        let (major, minor) = split(fields.next()?, b':')?;
        let device = (hexadecimal(major)?.try_into().ok()?, hexadecimal(minor)?.try_into().ok()?);
        let inode = decimal(fields.next()?)?;
        (start < end).then_some(())?;
        Some(Self {
            start,
            end,
            readable: flag(read, b'r')?,
            writable: flag(write, b'w')?,
            executable: flag(execute, b'x')?,
            shared: match share {
                b's' => true,
                b'p' => false,
                _ => return None,
            },
            offset,
            device,
            inode,
            name: fields.rest().into(),
        })
    }

    /// Writes the line with its newline, as the kernel of a 64-bit machine does.
    pub fn write(&self, out: &mut Vec<u8>) {
        let flag = |set: bool, letter: char| if set { letter } else { '-' };
        let from = out.len();
        let (major, minor) = self.device;
        // A vector takes all that is written to it.
        let _ = write!(
            out,
            "{:08x}-{:08x} {}{}{}{} {:08x} {major:02x}:{minor:02x} {} ",
            self.start,
            self.end,
            flag(self.readable, 'r'),
            flag(self.writable, 'w'),
            flag(self.executable, 'x'),
            if self.shared { 's' } else { 'p' },
            self.offset,
            self.inode,
        );
        if !self.name.is_empty() {
            while out.len() - from < NAME_COLUMN {
                out.push(b' ');
            }
            out.extend_from_slice(&self.name);
        }
        out.push(b'\n');
    }

    /// Its addresses.
    pub fn range(&self) -> Range<u64> {
        self.start..self.end
    }

    /// Its permissions as the file has them: `rw-p`.
    pub fn permissions(&self) -> String {
        let flag = |set: bool, letter: char| if set { letter } else { '-' };
        let last = if self.shared { 's' } else { 'p' };
        [flag(self.readable, 'r'), flag(self.writable, 'w'), flag(self.executable, 'x'), last]
            .iter()
            .collect()
    }

    /// What it is of.
    pub fn backing(&self) -> Backing<'_> {
        let name = &*self.name;
        if name.is_empty() {
            return Backing::Anonymous;
        }
        if let Some(inside) = name.strip_prefix(b"[") {
            return Backing::Special(inside.strip_suffix(b"]").unwrap_or(inside));
        }
        let (path, deleted) = name.strip_suffix(DELETED).map_or((name, false), |path| (path, true));
        // Such files are on a mount of the kernel's own, which has no block device.
        let is_memory = deleted && self.device.0 == 0 && MEMORY.iter().any(|start| path.starts_with(start));
        // Paths begin at a root; what does not is named by a driver.
        if is_memory || !path.starts_with(b"/") {
            return Backing::Memory(path);
        }
        Backing::File { path: newlines(path), deleted }
    }
}

/// What white space parts; the last field may hold some.
struct Fields<'l>(&'l [u8]);

impl<'l> Fields<'l> {
    fn next(&mut self) -> Option<&'l [u8]> {
        let end = self.0.iter().position(|byte| *byte == b' ')?;
        let (field, rest) = self.0.split_at(end);
        self.0 = &rest[1..];
        (!field.is_empty()).then_some(field)
    }

    /// The name may begin with a space only if it is a driver's, since paths begin with a slash.
    fn rest(&self) -> &'l [u8] {
        self.0.iter().position(|byte| *byte != b' ').map_or(&[], |at| &self.0[at..])
    }
}

fn split(field: &[u8], at: u8) -> Option<(&[u8], &[u8])> {
    let at = field.iter().position(|byte| *byte == at)?;
    Some((&field[..at], &field[at + 1..]))
}

fn hexadecimal(digits: &[u8]) -> Option<u64> {
    number(digits, 16)
}

fn decimal(digits: &[u8]) -> Option<u64> {
    number(digits, 10)
}

/// The standard library's parsers also take a sign.
fn number(digits: &[u8], base: u32) -> Option<u64> {
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0_u64, |number, digit| {
        let digit = char::from(*digit).to_digit(base)?;
        number.checked_mul(base.into())?.checked_add(digit.into())
    })
}

/// The one character that the kernel escapes here.
fn newlines(path: &[u8]) -> Cow<'_, [u8]> {
    let Some(first) = find(path, NEWLINE) else { return Cow::Borrowed(path) };
    let (mut text, mut rest) = (path[..first].to_vec(), &path[first..]);
    while !rest.is_empty() {
        if let Some(after) = rest.strip_prefix(NEWLINE) {
            text.push(b'\n');
            rest = after;
        } else {
            text.push(rest[0]);
            rest = &rest[1..];
        }
    }
    Cow::Owned(text)
}

fn find(text: &[u8], what: &[u8]) -> Option<usize> {
    text.windows(what.len()).position(|window| window == what)
}

/// `seq_path` of Linux, with a newline as the only character to escape.
const NEWLINE: &[u8] = b"\\012";
/// What `d_path` of Linux appends to the name of a file that has none any more.
const DELETED: &[u8] = b" (deleted)";
/// Names of memory that is kept as files: `memfd_create`, shared anonymous memory, System V, huge pages.
const MEMORY: [&[u8]; 4] = [b"/memfd:", b"/dev/zero", b"/SYSV", b"/anon_hugepage"];
/// `show_vma_header_prefix` pads to 25 columns and six for each byte of an address, and puts a space behind.
const NAME_COLUMN: usize = 25 + 6 * 8;

#[cfg(test)]
mod tests {
    use super::*;

    fn line(text: &str) -> Mapping {
        Mapping::parse(text.as_bytes()).unwrap_or_else(|| panic!("{text}"))
    }

    #[test]
    fn what_the_kernel_writes_is_read_and_written_back() {
        let kernels = std::fs::read("/proc/self/maps").unwrap();
        let maps = Maps::parse(&kernels);
        assert_eq!(maps.not_understood, 0);
        let mut ours = Vec::new();
        maps.all.iter().for_each(|mapping| mapping.write(&mut ours));
        assert_eq!(String::from_utf8_lossy(&ours), String::from_utf8_lossy(&kernels));
    }

    #[test]
    fn names_of_every_kind() {
        let backing = |device: &str, name: &str| {
            let line = format!("00400000-00401000 r-xp 00000000 {device} 7    {name}");
            format!("{:?}", line_backing(&line))
        };
        let file = |path: &str, deleted| {
            format!("{:?}", Backing::File { path: Cow::Borrowed(path.as_bytes()), deleted })
        };
        assert_eq!(backing("00:00", ""), "Anonymous");
        assert_eq!(backing("00:00", "[stack]"), format!("{:?}", Backing::Special(b"stack")));
        assert_eq!(backing("00:00", "[anon:a b]"), format!("{:?}", Backing::Special(b"anon:a b")));
        assert_eq!(backing("08:01", "/bin/a b"), file("/bin/a b", false));
        assert_eq!(backing("08:01", "/bin/a (deleted)"), file("/bin/a", true));
        assert_eq!(backing("08:01", "/bin/a\\012b\\01"), file("/bin/a\nb\\01", false));
        // A real file of such a name is on a device.
        assert_eq!(backing("08:01", "/memfd:x (deleted)"), file("/memfd:x", true));
        for memory in ["/memfd:x", "/dev/zero", "/SYSV00000000", "/anon_hugepage"] {
            let seen = backing("00:01", &format!("{memory} (deleted)"));
            assert_eq!(seen, format!("{:?}", Backing::Memory(memory.as_bytes())));
        }
        assert_eq!(backing("00:0e", "anon_inode:[x]"), format!("{:?}", Backing::Memory(b"anon_inode:[x]")));
    }

    fn line_backing(text: &str) -> Backing<'static> {
        Box::leak(Box::new(line(text))).backing()
    }

    #[test]
    fn what_is_no_line_is_counted() {
        let good = "00400000-00401000 r-xp 00000000 08:01 7 ";
        assert!(Mapping::parse(good.as_bytes()).is_some());
        let bad = [
            "",
            "00400000",
            "00401000-00400000 r-xp 00000000 08:01 7 ",
            "00400000-00401000 r-x 00000000 08:01 7 ",
            "00400000-00401000 r-xq 00000000 08:01 7 ",
            "00400000-00401000 rrxp 00000000 08:01 7 ",
            "+0400000-00401000 r-xp 00000000 08:01 7 ",
            "00400000-10000000000000000 r-xp 00000000 08:01 7 ",
            "00400000-00401000 r-xp 00000000 08:100000000 7 ",
            "00400000-00401000 r-xp 00000000 08:01 x ",
            "00400000-00401000 r-xp 00000000 08:01 7",
        ];
        for bad in bad {
            assert_eq!(Mapping::parse(bad.as_bytes()), None, "{bad}");
        }
        let maps = Maps::parse(format!("{good}\n{}\n{good}\n", bad[1]).as_bytes());
        assert_eq!((maps.all.len(), maps.not_understood), (2, 1));
    }

    #[test]
    fn whatever_is_understood_is_written_so_that_it_reads_back() {
        let line = b"7f00-8f00 rwxs 00001000 fe:01 4096                /bin/a\\012b (deleted)";
        let changed = (0..line.len()).flat_map(|at| {
            (0..=255_u8).map(move |byte| {
                let mut line = line.to_vec();
                line[at] = byte;
                line
            })
        });
        for mapping in changed.filter_map(|line| Mapping::parse(&line)) {
            let mut written = Vec::new();
            mapping.write(&mut written);
            assert_eq!(Mapping::parse(written.strip_suffix(b"\n").unwrap()), Some(mapping));
        }
    }

    #[test]
    fn parts_of_ranges() {
        let maps = Maps::parse(b"1000-3000 r--p 0 0:0 0 \n3000-4000 rw-p 0 0:0 0 \n");
        let parts: Vec<_> = maps.within(&(0x2000..0x5000)).map(|(part, _)| part).collect();
        assert_eq!(parts, [0x2000..0x3000, 0x3000..0x4000]);
        assert!(maps.holding(0x3fff).unwrap().writable && maps.holding(0x4000).is_none());
    }
}
