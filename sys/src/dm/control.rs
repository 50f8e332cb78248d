//! The real device-mapper.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, MetadataExt};
use std::path::Path;

use rustix::fs::{CWD, FileType, Mode, makedev, mknodat};
use rustix::io::Errno;

use super::error::{DmError, ReplyError, Structure};
use super::header::{HEADER_SIZE, Header, Request, flag};
use super::reply::{self, TARGET_SPEC_SIZE};
use super::{
    Access, Command, Device, DeviceEntry, DeviceMapper, DeviceNumber, Name, Removal, Removed, Show, Target,
    TargetState, TargetVersion, Uuid,
};
use crate::{Host, Reading};

/// Device-mapper, over a channel to the kernel.
#[derive(Debug)]
pub struct Control<C = ControlNode> {
    channel: C,
}

/// What carries messages to the kernel and replies back.
pub trait Channel {
    /// Makes the call `number` with `message`, which the reply replaces in place.
    fn call(&mut self, number: u8, message: &mut [u8]) -> io::Result<()>;
}

/// `/dev/mapper/control`, open.
#[derive(Debug)]
pub struct ControlNode(File);

impl Control {
    /// Opens the running kernel's device-mapper, and checks that its interface is version 4.
    ///
    /// Where nobody has made the node, as in an initramfs without udev, it is made.
    pub fn open() -> Result<Self, DmError> {
        Self::over(ControlNode::open().map_err(|error| unavailable(&error))?)
    }
}

impl<C: Channel> Control<C> {
    /// Device-mapper over this channel, whose interface must be version 4.
    pub fn over(channel: C) -> Result<Self, DmError> {
        let mut control = Self { channel };
        let version = control.version()?;
        if version[0] == 4 { Ok(control) } else { Err(DmError::Version { version }) }
    }

    /// A call that returns no data.
    fn simple(&mut self, command: Command, request: &Request<'_>) -> Result<Header, DmError> {
        self.call(command, request, &[], HEADER_SIZE).map(|(header, _)| header)
    }

    /// A call that returns as much data as there is.
    fn listing(&mut self, command: Command, request: &Request<'_>) -> Result<(Header, Vec<u8>), DmError> {
        let mut len = FIRST_REPLY;
        loop {
            let (header, reply) = self.call(command, request, &[], len)?;
            if !header.has(flag::BUFFER_FULL) {
                return Ok((header, reply));
            }
            len = len.saturating_mul(4);
            if len > MAX_MESSAGE {
                let error =
                    ReplyError { structure: Structure::Header, offset: 0, problem: "it is over 4 MiB" };
                return Err(DmError::Reply { command, error });
            }
        }
    }

    /// Sends a header and `data` and returns the reply, for which there is room of at least `room` bytes.
    fn call(
        &mut self,
        command: Command,
        request: &Request<'_>,
        data: &[u8],
        room: u32,
    ) -> Result<(Header, Vec<u8>), DmError> {
        let needed = u32::try_from(data.len()).ok().and_then(|len| len.checked_add(HEADER_SIZE));
        let needed = needed.filter(|len| *len <= MAX_MESSAGE);
        let needed = needed.ok_or(DmError::RequestTooLarge { command, limit: MAX_MESSAGE })?;
        let mut message = request.encode(needed.max(room));
        message[HEADER_SIZE as usize..][..data.len()].copy_from_slice(data);
        let called = self.channel.call(command.number(), &mut message);
        called.map_err(|error| DmError::Call { command, name: request.name.to_owned(), error })?;
        let header = Header::decode(&message).map_err(|error| DmError::Reply { command, error })?;
        Ok((header, message))
    }
}

impl<C: Channel> DeviceMapper for Control<C> {
    fn version(&mut self) -> Result<[u32; 3], DmError> {
        self.simple(Command::Version, &Request::default()).map(|header| header.version)
    }

    fn target_versions(&mut self) -> Result<Vec<TargetVersion>, DmError> {
        let command = Command::ListVersions;
        let (header, reply) = self.listing(command, &Request::default())?;
        reply::versions(&reply, &header).map_err(|error| DmError::Reply { command, error })
    }

    fn devices(&mut self) -> Result<Vec<DeviceEntry>, DmError> {
        let command = Command::ListDevices;
        let (header, reply) = self.listing(command, &Request::default())?;
        reply::devices(&reply, &header).map_err(|error| DmError::Reply { command, error })
    }

    fn create(&mut self, name: &Name, uuid: Option<&Uuid>) -> Result<Device, DmError> {
        let request = Request { uuid, ..about(name) };
        self.simple(Command::DevCreate, &request).map(|header| device(&header))
    }

    fn load(&mut self, name: &Name, targets: &[Target], access: Access) -> Result<Device, DmError> {
        let command = Command::TableLoad;
        let too_large = || DmError::RequestTooLarge { command, limit: MAX_MESSAGE };
        let flags = if access == Access::ReadOnly { flag::READONLY } else { 0 };
        let data = encode_targets(targets).ok_or_else(too_large)?;
        let count = u32::try_from(targets.len()).map_err(|_| too_large())?;
        let request = Request { flags, targets: count, ..about(name) };
        self.call(command, &request, &data, HEADER_SIZE).map(|(header, _)| device(&header))
    }

    fn resume(&mut self, name: &Name) -> Result<Device, DmError> {
        self.simple(Command::DevSuspend, &about(name)).map(|header| device(&header))
    }

    fn suspend(&mut self, name: &Name) -> Result<Device, DmError> {
        let request = Request { flags: flag::SUSPEND, ..about(name) };
        self.simple(Command::DevSuspend, &request).map(|header| device(&header))
    }

    fn remove(&mut self, name: &Name, removal: Removal) -> Result<Removed, DmError> {
        let flags = if removal == Removal::Deferred { flag::DEFERRED_REMOVE } else { 0 };
        let header = self.simple(Command::DevRemove, &Request { flags, ..about(name) })?;
        // The kernel clears the flag if there was nothing to wait for.
        Ok(if header.has(flag::DEFERRED_REMOVE) { Removed::WhenClosed } else { Removed::Gone })
    }

    fn cancel_deferred_removal(&mut self, name: &Name) -> Result<(), DmError> {
        // `struct dm_target_msg`: the sector of a target, here of none, then the text.
        let data = [&0u64.to_ne_bytes()[..], CANCEL, &[0]].concat();
        self.call(Command::TargetMessage, &about(name), &data, HEADER_SIZE).map(drop)
    }

    fn device(&mut self, name: &Name) -> Result<Device, DmError> {
        self.simple(Command::DevStatus, &about(name)).map(|header| device(&header))
    }

    fn targets(&mut self, name: &Name, what: Show) -> Result<(Device, Vec<TargetState>), DmError> {
        let command = Command::TableStatus;
        let flags = if what == Show::Table { flag::STATUS_TABLE } else { 0 };
        let (header, reply) = self.listing(command, &Request { flags, ..about(name) })?;
        let targets = reply::targets(&reply, &header).map_err(|error| DmError::Reply { command, error })?;
        Ok((device(&header), targets))
    }
}

fn about(name: &Name) -> Request<'_> {
    Request { name: name.as_str(), ..Request::default() }
}

fn device(header: &Header) -> Device {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Device {
        name: text(&header.name),
        uuid: text(&header.uuid),
        number: header.device,
        open_count: header.open_count,
        read_only: header.has(flag::READONLY),
        suspended: header.has(flag::SUSPEND),
        has_active_table: header.has(flag::ACTIVE_PRESENT),
        has_inactive_table: header.has(flag::INACTIVE_PRESENT),
        removed_when_closed: header.has(flag::DEFERRED_REMOVE),
        targets: header.targets,
    }
}

/// `struct dm_target_spec` and parameters of each; in a request, `next` counts from the entry. `None`: too large, or a
/// string that would end early.
fn encode_targets(targets: &[Target]) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    for target in targets {
        let kind = target.kind.as_bytes();
        if kind.len() >= KIND_FIELD || target.parameters.contains('\0') {
            return None;
        }
        let len = TARGET_SPEC_SIZE.checked_add(target.parameters.len())?.checked_add(1)?;
        let len = len.checked_next_multiple_of(8)?;
        let end = bytes.len().checked_add(len)?;
        bytes.extend(target.start.to_ne_bytes());
        bytes.extend(target.sectors.to_ne_bytes());
        bytes.extend(0u32.to_ne_bytes());
        bytes.extend(u32::try_from(len).ok()?.to_ne_bytes());
        bytes.extend(kind);
        bytes.resize(bytes.len() + KIND_FIELD - kind.len(), 0);
        bytes.extend(target.parameters.as_bytes());
        bytes.resize(end, 0);
    }
    Some(bytes)
}

impl ControlNode {
    fn open() -> io::Result<Self> {
        let path = Path::new(CONTROL);
        let open = || OpenOptions::new().read(true).write(true).open(path);
        let file = match open() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                make_control(path, &Host::running())?;
                open()?
            }
            opened => opened?,
        };
        let metadata = file.metadata()?;
        let number = DeviceNumber::of_node(metadata.rdev());
        if !metadata.file_type().is_char_device() || number != CONTROL_NUMBER {
            return Err(io::Error::other(format!("it is not the character device {CONTROL_NUMBER}")));
        }
        Ok(Self(file))
    }
}

fn unavailable(error: &io::Error) -> DmError {
    let what = match error.raw_os_error().map(Errno::from_raw_os_error) {
        // The node is there, and nobody behind it.
        Some(Errno::NODEV | Errno::NXIO) => NOT_THERE.to_owned(),
        _ => error.to_string(),
    };
    DmError::Unavailable { reason: format!("{CONTROL}: {what}") }
}

/// Makes the node, if the kernel has device-mapper.
fn make_control(path: &Path, host: &Host) -> io::Result<()> {
    match host.read("/sys/class/misc/device-mapper/dev") {
        Reading::Present(number) if number == CONTROL_NUMBER.to_string() => {}
        Reading::Present(number) => {
            return Err(io::Error::other(format!("the kernel has it at {number}, not {CONTROL_NUMBER}")));
        }
        Reading::Absent => {
            return Err(io::Error::other(NOT_THERE));
        }
        Reading::Unreadable(reason) => return Err(io::Error::other(reason)),
    }
    if let Some(directory) = path.parent() {
        DirBuilder::new().recursive(true).mode(0o755).create(directory)?;
    }
    let number = makedev(CONTROL_NUMBER.major, CONTROL_NUMBER.minor);
    match mknodat(CWD, path, FileType::CharacterDevice, Mode::from_raw_mode(0o600), number) {
        // Somebody else has just made it.
        Err(Errno::EXIST) => Ok(()),
        made => Ok(made?),
    }
}

impl Channel for ControlNode {
    fn call(&mut self, number: u8, message: &mut [u8]) -> io::Result<()> {
        crate::call::device_mapper(self.0.as_fd(), number, message)
    }
}

const NOT_THERE: &str = "the kernel does not have it; the module dm-mod may not be loaded";
const CONTROL: &str = "/dev/mapper/control";
/// `MISC_MAJOR` and `MAPPER_CTRL_MINOR`, which are fixed.
const CONTROL_NUMBER: DeviceNumber = DeviceNumber { major: 10, minor: 236 };
/// The room for a first reply: a table of one target and a few dozen devices fit.
const FIRST_REPLY: u32 = 16 << 10;
/// The largest message. Tables are some hundred bytes; ten thousand devices with the longest names are below 2 MiB.
const MAX_MESSAGE: u32 = 4 << 20;
/// `DM_MAX_TYPE_NAME`, with the zero at the end.
const KIND_FIELD: usize = 16;
/// The message with which the kernel forgets a deferred removal.
const CANCEL: &[u8] = b"@cancel_deferred_remove";

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    /// A kernel that answers every call by a function of the command and the message.
    struct Fake<F>(F);

    impl<F: FnMut(u8, &mut [u8]) -> io::Result<()>> Channel for Fake<F> {
        fn call(&mut self, number: u8, message: &mut [u8]) -> io::Result<()> {
            (self.0)(number, message)
        }
    }

    fn control<F: FnMut(u8, &mut [u8]) -> io::Result<()>>(answer: F) -> Control<Fake<F>> {
        Control { channel: Fake(answer) }
    }

    fn set(message: &mut [u8], offset: usize, value: u32) {
        message[offset..offset + 4].copy_from_slice(&value.to_ne_bytes());
    }

    fn root() -> Name {
        Name::new("root").unwrap()
    }

    #[test]
    fn another_major_version_is_refused() {
        let answer = |major: u32| {
            Control::over(Fake(move |number: u8, message: &mut [u8]| {
                assert_eq!(number, 0);
                set(message, 0, major);
                Ok(())
            }))
        };
        assert!(answer(4).is_ok());
        assert!(matches!(answer(5), Err(DmError::Version { version: [5, 0, 0] })));
    }

    #[test]
    fn a_table_is_loaded_as_the_kernel_reads_it() {
        let sent = RefCell::new(Vec::new());
        let mut dm = control(|number, message| {
            assert_eq!(number, 9);
            *sent.borrow_mut() = message.to_vec();
            Ok(())
        });
        let target = |parameters: &str| Target {
            start: 8,
            sectors: 2048,
            kind: "verity",
            parameters: parameters.to_owned(),
        };
        dm.load(&root(), &[target("1 a b"), target("x")], Access::ReadOnly).unwrap();
        let sent = sent.borrow();
        assert_eq!(sent.len(), 312 + 48 + 48);
        assert_eq!((sent[20], sent[28]), (2, 1));
        let first = &sent[312..360];
        assert_eq!((first[0], first[9], first[20]), (8, 8, 48));
        assert_eq!(&first[24..32], b"verity\0\0");
        assert_eq!(&first[40..46], b"1 a b\0");
        assert_eq!(&sent[360 + 40..360 + 42], b"x\0");
    }

    #[test]
    fn a_table_that_the_kernel_would_read_otherwise_is_not_sent() {
        let mut dm = control(|_, _| panic!("called"));
        let load = |dm: &mut Control<_>, kind, parameters: String| {
            dm.load(&root(), &[Target { start: 0, sectors: 8, kind, parameters }], Access::ReadOnly)
        };
        assert!(matches!(load(&mut dm, "verity", "a\0b".into()), Err(DmError::RequestTooLarge { .. })));
        assert!(load(&mut dm, "a-kind-of-16-byte", String::new()).is_err());
        assert!(load(&mut dm, "verity", "x".repeat(4 << 20)).is_err());
    }

    #[test]
    fn a_reply_that_does_not_fit_is_asked_for_again() {
        let sizes = RefCell::new(Vec::new());
        let mut dm = control(|_, message| {
            sizes.borrow_mut().push(message.len());
            if message.len() < 100_000 {
                set(message, 28, flag::BUFFER_FULL);
            }
            Ok(())
        });
        assert_eq!(dm.devices().unwrap(), []);
        assert_eq!(*sizes.borrow(), [16 << 10, 64 << 10, 256 << 10]);
        let mut dm = control(|_, message| {
            set(message, 28, flag::BUFFER_FULL);
            Ok(())
        });
        assert!(matches!(dm.devices(), Err(DmError::Reply { .. })));
    }

    #[test]
    fn removal_says_whether_the_device_is_gone() {
        let mut dm = control(|number, message| {
            assert_eq!((number, message[28..32] == flag::DEFERRED_REMOVE.to_ne_bytes()), (4, true));
            set(message, 28, 0);
            Ok(())
        });
        assert_eq!(dm.remove(&root(), Removal::Deferred).unwrap(), Removed::Gone);
        let mut dm = control(|_, _| Ok(()));
        assert_eq!(dm.remove(&root(), Removal::Deferred).unwrap(), Removed::WhenClosed);
        assert_eq!(dm.remove(&root(), Removal::Now).unwrap(), Removed::Gone);
    }

    #[test]
    fn refusals_say_call_device_and_reason() {
        let mut dm = control(|_, _| Err(io::Error::from_raw_os_error(16)));
        let error = dm.create(&root(), None).unwrap_err();
        assert!(error.is_busy() && !error.is_absent());
        assert!(error.to_string().starts_with("DM_DEV_CREATE `root`: "), "{error}");
        let mut dm = control(|_, _| Err(io::Error::from_raw_os_error(6)));
        assert!(dm.device(&root()).unwrap_err().is_absent());
    }

    #[test]
    fn a_kernel_without_device_mapper_is_named() {
        let empty = tempfile::tempdir().unwrap();
        let error = make_control(&empty.path().join("control"), &Host::below(empty.path())).unwrap_err();
        assert!(error.to_string().contains("dm-mod"), "{error}");
        // The same where a node is left over.
        let error = unavailable(&Errno::NODEV.into()).to_string();
        assert!(error.contains("dm-mod"), "{error}");
    }
}
