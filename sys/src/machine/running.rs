//! The machine that this program runs on.

use std::ffi::CString;
use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, FileExt, FileTypeExt, MetadataExt, OpenOptionsExt};
use std::time::{Duration, Instant};

use rustix::fs::OFlags;
use rustix::mount::{MountFlags, UnmountFlags};
use rustix::system::RebootCommand;

use super::{
    Clock, Console, Copied, CopyLimits, Ending, Files, Image, Kernel, Level, MountFlag, Mounts, NewMount,
    Node, Power, below, copy, initramfs,
};
use crate::KernelLog;
use crate::dm::{Control, DevMapper, DeviceMapper, DeviceNumber, DmError, Nodes};

/// The machine that this program runs on.
#[derive(Debug)]
pub struct Running {
    start: Instant,
    kernel_log: Option<KernelLog>,
}

impl Default for Running {
    fn default() -> Self {
        Self { start: Instant::now(), kernel_log: None }
    }
}

impl Files for Running {
    fn read(&mut self, path: &str, limit: usize) -> io::Result<Vec<u8>> {
        below::whole(File::open(path)?, limit)
    }

    fn write(&mut self, path: &str, bytes: &[u8]) -> io::Result<()> {
        let mut file = OpenOptions::new().write(true).open(path)?;
        let written = file.write(bytes)?;
        if written == bytes.len() { Ok(()) } else { Err(io::ErrorKind::WriteZero.into()) }
    }

    fn replace(&mut self, path: &str, bytes: &[u8]) -> io::Result<()> {
        let new = format!("{path}.new");
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o644).open(&new)?;
        file.write_all(bytes)?;
        std::fs::rename(new, path)
    }

    fn list(&mut self, path: &str) -> io::Result<Vec<String>> {
        let mut names: Vec<String> = Vec::new();
        for entry in std::fs::read_dir(path)? {
            let name = entry?.file_name().to_string_lossy().into_owned();
            // Directories of the kernel have few names: the standard library's sort would be 10 KiB of the boot binary.
            names.insert(names.partition_point(|other| *other < name), name);
        }
        Ok(names)
    }

    fn create_directory(&mut self, path: &str) -> io::Result<()> {
        DirBuilder::new().recursive(true).mode(0o755).create(path)
    }

    fn try_open(&mut self, path: &str) -> io::Result<()> {
        File::open(path).map(drop)
    }

    fn device_number(&mut self, path: &str) -> io::Result<DeviceNumber> {
        let metadata = std::fs::metadata(path)?;
        if !metadata.file_type().is_block_device() {
            return Err(io::Error::other("it is no block device"));
        }
        Ok(DeviceNumber::of_node(metadata.rdev()))
    }

    fn read_at(&mut self, path: &str, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        File::open(path)?.read_exact_at(buffer, offset)
    }

    fn write_at(&mut self, path: &str, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let file = OpenOptions::new().write(true).open(path)?;
        file.write_all_at(bytes, offset)?;
        file.sync_all()?;
        // What is read next is what the disk has, and not what it was sent: some drop writes without a word. Where that
        // cannot be, the page cache's word must do.
        let _ = rustix::fs::fadvise(&file, 0, None, rustix::fs::Advice::DontNeed);
        Ok(())
    }
}

impl Image for Running {
    fn node_below(&mut self, root: &str, path: &str) -> io::Result<Node> {
        below::node(root, path)
    }

    fn read_below(&mut self, root: &str, path: &str, limit: usize) -> io::Result<Vec<u8>> {
        below::read(root, path, limit)
    }

    fn copy_below(
        &mut self,
        root: &str,
        source: &str,
        target: &str,
        limits: CopyLimits,
    ) -> io::Result<Copied> {
        copy::copy(root, source, &format!("{root}{target}"), limits)
    }
}

impl Mounts for Running {
    fn mount(&mut self, mount: &NewMount<'_>) -> io::Result<()> {
        let data = text(mount.data)?;
        let flags = mount.flags.iter().fold(MountFlags::empty(), |flags, flag| flags | bit(*flag));
        Ok(rustix::mount::mount(mount.source, mount.target, mount.fs_type, flags, Some(data.as_c_str()))?)
    }

    fn unmount(&mut self, target: &str) -> io::Result<()> {
        Ok(rustix::mount::unmount(target, UnmountFlags::empty())?)
    }

    fn move_mount(&mut self, from: &str, to: &str) -> io::Result<()> {
        Ok(rustix::mount::mount_move(from, to)?)
    }

    fn switch_root(&mut self, root: &str) -> io::Result<()> {
        initramfs::switch_root(root)
    }
}

fn bit(flag: MountFlag) -> MountFlags {
    match flag {
        MountFlag::ReadOnly => MountFlags::RDONLY,
        MountFlag::NoSuid => MountFlags::NOSUID,
        MountFlag::NoDev => MountFlags::NODEV,
        MountFlag::NoExec => MountFlags::NOEXEC,
        MountFlag::NoAtime => MountFlags::NOATIME,
    }
}

impl Kernel for Running {
    fn load_module(&mut self, path: &str, parameters: &str) -> io::Result<()> {
        Ok(rustix::system::finit_module(File::open(path)?, &text(parameters)?, 0)?)
    }

    fn load_module_bytes(&mut self, bytes: &[u8]) -> io::Result<()> {
        Ok(rustix::system::init_module(bytes, c"")?)
    }

    fn raise_io_privilege(&mut self) -> io::Result<()> {
        crate::call::set_io_privilege(3)?;
        crate::call::set_io_privilege(0)
    }

    fn add_key(&mut self, description: &str, payload: &[u8]) -> io::Result<()> {
        crate::keyring::add_thread_key(description, payload)
    }

    fn device_mapper(&mut self) -> Result<Box<dyn DeviceMapper>, DmError> {
        Ok(Box::new(Control::open()?))
    }

    fn nodes(&mut self) -> Box<dyn Nodes> {
        Box::new(DevMapper::default())
    }

    fn messages(&mut self) -> Vec<String> {
        self.kernel_log.get_or_insert_with(KernelLog::listen).messages("")
    }

    fn release(&mut self) -> String {
        rustix::system::uname().release().to_string_lossy().into_owned()
    }
}

impl Clock for Running {
    fn now(&mut self) -> Duration {
        self.start.elapsed()
    }

    fn sleep(&mut self, time: Duration) {
        std::thread::sleep(time);
    }
}

impl Console for Running {
    fn log(&mut self, level: Level, text: &str) {
        // Opened anew for each line: the kernel drops lines of one opening that follow each other quickly.
        if let Ok(mut log) = OpenOptions::new().write(true).open("/dev/kmsg") {
            let _ = log.write(record(level, text).as_bytes());
        }
    }

    fn announce(&mut self, text: &str) {
        let active = std::fs::read_to_string("/sys/class/tty/console/active").unwrap_or_default();
        let names: Vec<&str> = active.split_ascii_whitespace().filter(|name| !name.contains('/')).collect();
        let names = if names.is_empty() { vec!["console"] } else { names };
        let flags = i32::try_from((OFlags::NOCTTY | OFlags::NONBLOCK).bits()).unwrap_or_default();
        for name in names {
            let console = OpenOptions::new().write(true).custom_flags(flags).open(format!("/dev/{name}"));
            if let Ok(mut console) = console {
                let line = format!("\r\n{}\r\n", printable(text));
                write_patiently(&mut console, line.as_bytes(), Duration::from_millis(10));
            }
        }
    }
}

/// A line as the log takes it: longer ones it refuses whole.
fn record(level: Level, text: &str) -> String {
    let level = match level {
        Level::Error => 3,
        Level::Warning => 4,
        Level::Info => 6,
    };
    let mut line = format!("<{level}>{}", printable(text));
    if line.len() > MAX_LINE {
        let end = line.floor_char_boundary(MAX_LINE - '…'.len_utf8());
        line.replace_range(end.., "…");
    }
    line
}

/// The text without what a terminal would obey, or take for the end of a line: parts of it come from disks and from the command
/// line.
fn printable(text: &str) -> String {
    text.chars().map(|character| if character.is_control() { '?' } else { character }).collect()
}

/// Writes all of it onto a terminal that takes as much as it has room for, and gives up one that takes nothing any more, as a
/// serial line does that is held up.
fn write_patiently(console: &mut impl Write, mut bytes: &[u8], pause: Duration) {
    for _ in 0..MAX_ATTEMPTS {
        match console.write(bytes) {
            Ok(len) => bytes = bytes.get(len..).unwrap_or_default(),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => std::thread::sleep(pause),
            Err(_) => return,
        }
        if bytes.is_empty() {
            return;
        }
    }
}

impl Power for Running {
    fn exec(&mut self, arguments: &[String]) -> io::Result<()> {
        let arguments = arguments.iter().map(|argument| text(argument)).collect::<io::Result<Vec<_>>>()?;
        let program = arguments.first().ok_or(io::ErrorKind::InvalidInput)?;
        give_console()?;
        Err(crate::call::execute(program, &arguments, &[c"HOME=/", c"TERM=linux"]))
    }

    fn end(&mut self, ending: Ending) -> io::Result<()> {
        Ok(rustix::system::reboot(match ending {
            Ending::Reboot => RebootCommand::Restart,
            Ending::Halt => RebootCommand::Halt,
            Ending::PowerOff => RebootCommand::PowerOff,
        })?)
    }
}

/// Standard input, output and errors that are the console's node in the new root. What the kernel opened for the first program is
/// a node of the initramfs, whose label no policy can mean for a console.
fn give_console() -> io::Result<()> {
    let open = |path: &str| OpenOptions::new().read(true).write(true).open(path);
    // A machine without a console still boots.
    let console = open("/dev/console").or_else(|_| open("/dev/null"))?;
    rustix::stdio::dup2_stdin(&console)?;
    rustix::stdio::dup2_stdout(&console)?;
    Ok(rustix::stdio::dup2_stderr(&console)?)
}

fn text(text: &str) -> io::Result<CString> {
    CString::new(text).map_err(|_| io::ErrorKind::InvalidInput.into())
}

/// The kernel refuses more than 1024 bytes, of which some kernels take 48 for what they put before it (`PRINTK_PREFIX_MAX`).
const MAX_LINE: usize = 900;
/// How often a terminal is asked to take more: for a second or two, then the next one comes.
const MAX_ATTEMPTS: u32 = 200;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_read_listed_and_written() {
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
        let mut machine = Running::default();
        machine.create_directory(&path("a/b")).unwrap();
        machine.create_directory(&path("a/b")).unwrap();
        for name in ["a/z", "a/c", "a/x"] {
            machine.replace(&path(name), b"old").unwrap();
        }
        machine.replace(&path("a/c"), b"new").unwrap();
        assert_eq!(machine.list(&path("a")).unwrap(), ["b", "c", "x", "z"]);
        assert_eq!(machine.read(&path("a/c"), 3).unwrap(), b"new");
        assert_eq!(machine.read(&path("a/c"), 2).unwrap_err().kind(), io::ErrorKind::FileTooLarge);
        // Only what is there is written into: a level or a knob that is not there must not come out as a file.
        machine.write(&path("a/c"), b"NEW").unwrap();
        assert_eq!(machine.write(&path("a/none"), b"x").unwrap_err().kind(), io::ErrorKind::NotFound);
        machine.write_at(&path("a/c"), 1, b"e").unwrap();
        let mut bytes = [0; 2];
        machine.read_at(&path("a/c"), 1, &mut bytes).unwrap();
        assert_eq!(&bytes, b"eW");
        assert!(machine.read_at(&path("a/c"), 2, &mut bytes).is_err());
        assert!(machine.device_number(&path("a/c")).is_err());
    }

    #[test]
    fn a_line_fits_the_log_and_commands_no_terminal() {
        let record = record(Level::Error, &"\u{e9}\u{1b}[2J\n\u{9b}2J".repeat(500));
        assert!(record.starts_with("<3>\u{e9}?[2J??2J\u{e9}"), "{record}");
        assert!((890..=900).contains(&record.len()) && record.ends_with('\u{2026}'), "{}", record.len());
        assert_eq!(super::record(Level::Info, "x"), "<6>x");
    }

    /// A terminal that takes a few bytes at once, and sometimes none.
    struct Slow(Vec<u8>, u32);

    impl Write for Slow {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.1 += 1;
            if self.1.is_multiple_of(3) {
                return Err(io::ErrorKind::WouldBlock.into());
            }
            let len = bytes.len().min(2);
            self.0.extend(&bytes[..len]);
            Ok(len)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_slow_console_gets_all_of_a_message_and_a_stuck_one_is_given_up() {
        let mut slow = Slow(Vec::new(), 0);
        write_patiently(&mut slow, b"all of it", Duration::ZERO);
        assert_eq!(slow.0, b"all of it");
        let mut stuck = Slow(Vec::new(), 0);
        write_patiently(&mut stuck, &[b'x'; 5000], Duration::ZERO);
        assert!(stuck.0.len() < 5000);
    }

    #[test]
    fn a_string_ends_where_it_ends() {
        let mut machine = Running::default();
        assert!(machine.load_module("/dev/null", "a\0b").is_err());
        assert_eq!(machine.exec(&[]).unwrap_err().kind(), io::ErrorKind::InvalidInput);
    }
}
