//! The small files of `/proc/PID`: `status`, `auxv` and `task/TID/syscall`.

/// What `status` tells of a process or a thread, as `proc_pid_status(5)` has it. `None` is what it does not have.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Status {
    /// `Name`: the name of the program, at most 15 bytes, or what the process calls itself.
    pub name: Box<[u8]>,
    /// The letter of `State`.
    pub state: Option<u8>,
    /// `Tgid`: the process that a thread is of.
    pub process: Option<u32>,
    /// `Kthread`, since Linux 6.8: whether it is a thread of the kernel's.
    pub is_kernel: Option<bool>,
    /// Whether it has memory of its own, of which `VmSize` tells.
    pub has_memory: bool,
    /// `Seccomp`: 0 none, 1 strict, 2 a filter.
    pub seccomp: Option<u32>,
    /// `NoNewPrivs`.
    pub no_new_privs: Option<bool>,
    /// `CapEff`: the effective capabilities, a bit for each.
    pub capabilities: Option<u64>,
}

impl Status {
    /// Reads the file; lines that are not known or not understood are passed over.
    pub fn parse(bytes: &[u8]) -> Self {
        let mut status = Self::default();
        for line in bytes.split(|byte| *byte == b'\n') {
            let Some(colon) = line.iter().position(|byte| *byte == b':') else { continue };
            let value = line[colon + 1..].trim_ascii();
            match &line[..colon] {
                // Only the name may end with white space of its own.
                b"Name" => status.name = unescape(line[colon + 1..].strip_prefix(b"\t").unwrap_or(value)),
                b"State" => status.state = value.first().copied(),
                b"Tgid" => status.process = number(value),
                b"Kthread" => status.is_kernel = flag(value),
                b"VmSize" => status.has_memory = true,
                b"Seccomp" => status.seccomp = number(value),
                b"NoNewPrivs" => status.no_new_privs = flag(value),
                b"CapEff" => {
                    status.capabilities = text(value).and_then(|text| u64::from_str_radix(text, 16).ok());
                }
                _ => {}
            }
        }
        status
    }

    /// Whether it has ended and only its parent has not taken notice.
    pub fn has_ended(&self) -> bool {
        matches!(self.state, Some(b'Z' | b'X' | b'x'))
    }
}

/// The page size that `auxv` tells (`AT_PAGESZ`), in bytes. Its words are as wide as the process's addresses, which the
/// bytes do not say: the wide form is tried first, and a value that is no page size is taken for a wrong guess.
pub fn page_size(auxv: &[u8]) -> Option<u64> {
    let wide = pairs::<8>(auxv).map(|(tag, value)| (u64::from_ne_bytes(tag), u64::from_ne_bytes(value)));
    let short = |word: [u8; 4]| u64::from(u32::from_ne_bytes(word));
    let narrow = pairs::<4>(auxv).map(|(tag, value)| (short(tag), short(value)));
    let is_page_size =
        |(tag, size): &(u64, u64)| *tag == AT_PAGESZ && size.is_power_of_two() && PAGE_SIZES.contains(size);
    wide.chain(narrow).find(is_page_size).map(|(_, size)| size)
}

/// The stack pointer that `syscall` tells of a thread that waits; `None` while it runs, and if the kernel does not say.
pub fn stack_pointer(syscall: &[u8]) -> Option<u64> {
    let mut words = text(syscall)?.split_ascii_whitespace().rev();
    let (_program_counter, stack) = (words.next()?, words.next()?);
    let stack = u64::from_str_radix(stack.strip_prefix("0x")?, 16).ok()?;
    (stack != 0).then_some(stack)
}

fn pairs<const WORD: usize>(bytes: &[u8]) -> impl Iterator<Item = ([u8; WORD], [u8; WORD])> {
    let (words, _) = bytes.as_chunks::<WORD>();
    words.chunks_exact(2).map(|pair| (pair[0], pair[1]))
}

fn number(value: &[u8]) -> Option<u32> {
    text(value)?.parse().ok()
}

fn flag(value: &[u8]) -> Option<bool> {
    number(value).map(|number| number != 0)
}

fn text(value: &[u8]) -> Option<&str> {
    std::str::from_utf8(value).ok()
}

/// The kernel writes newline and backslash of the name as `\n` and `\\`.
fn unescape(name: &[u8]) -> Box<[u8]> {
    let mut bytes = name.iter().copied();
    let mut plain = Vec::with_capacity(name.len());
    while let Some(byte) = bytes.next() {
        plain.push(match byte {
            b'\\' => match bytes.next() {
                Some(b'n') => b'\n',
                Some(other) => other,
                None => b'\\',
            },
            other => other,
        });
    }
    plain.into()
}

const AT_PAGESZ: u64 = 6;
/// Those that Linux has on any machine, up to the largest of PowerPC and Hexagon.
const PAGE_SIZES: std::ops::RangeInclusive<u64> = 4096..=1 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_own_status() {
        let status = Status::parse(&std::fs::read("/proc/self/status").unwrap());
        assert_eq!(status.process, Some(std::process::id()));
        assert!(status.has_memory && !status.has_ended() && status.is_kernel != Some(true));
        assert!(status.seccomp.is_some() && status.no_new_privs.is_some() && status.capabilities.is_some());
        let pages = page_size(&std::fs::read("/proc/self/auxv").unwrap()).unwrap();
        assert_eq!(pages, rustix::param::page_size() as u64);
    }

    #[test]
    fn names_cannot_forge_lines() {
        let status = Status::parse(b"Name:\ta\\nSeccomp: 2\\\\ \nState:\tZ (zombie)\nSeccomp:\t0\n");
        assert_eq!(&*status.name, b"a\nSeccomp: 2\\ ");
        assert_eq!((status.seccomp, status.has_ended()), (Some(0), true));
    }

    #[test]
    fn auxv_of_narrow_processes() {
        let words: [u32; 6] = [33, 0xf7f0_0000, 6, 4096, 0, 0];
        let bytes: Vec<u8> = words.into_iter().flat_map(u32::to_ne_bytes).collect();
        assert_eq!(page_size(&bytes), Some(4096));
        assert_eq!((page_size(&bytes[..8]), page_size(b"")), (None, None));
    }

    #[test]
    fn stack_pointers() {
        assert_eq!(
            stack_pointer(b"34 0x0 0x0 0x2 0x8 0x0 0x7 0x7f52b3b5fea0 0x7f52b3c37df2\n"),
            Some(0x7f52_b3b5_fea0)
        );
        assert_eq!(stack_pointer(b"-1 0x7ffc0 0x7f52\n"), Some(0x7ffc0));
        assert_eq!(stack_pointer(b"running\n"), None);
        assert_eq!(stack_pointer(b"34 0x0 0x0\n"), None);
        assert_eq!(stack_pointer(b""), None);
    }
}
