//! A machine for tests: a kernel with two slots on one disk, in which every call can fail.
//!
//! It keeps what matters of the state that a real one would have, and checks by itself that nothing is mounted as the root that
//! was not verified. Files of a file system are there only once it is mounted.

mod mappings;

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::rc::Rc;
use std::time::Duration;

use hardpan_sys::dm::{DeviceMapper, DeviceNumber, DmError, Nodes, Target};
use hardpan_sys::machine::{
    Clock, Console, Copied, CopyLimits, Ending, Files, Image, Kernel, Level, MountFlag, Mounts, NewMount,
    Node, Power,
};

use crate::gpt::tests::Disk;
use crate::gpt::{ReadDisk, Write};

/// The machine; clones are the same one.
#[derive(Clone)]
pub(super) struct Fake(pub(super) Rc<RefCell<World>>);

/// The state of the machine.
#[derive(Default)]
pub(super) struct World {
    /// All calls so far, each with what it was about.
    pub(super) calls: Vec<String>,
    /// The call of this number fails with this error.
    pub(super) fault: Option<(usize, i32)>,
    /// Calls that begin with this text fail with this error, each time.
    pub(super) refused: Vec<(String, i32)>,
    /// The content of files.
    pub(super) files: BTreeMap<String, Vec<u8>>,
    /// Files and directories of each slot, which are the same.
    pub(super) image: BTreeMap<String, Vec<u8>>,
    /// What is mounted where.
    pub(super) mounts: Vec<(String, String)>,
    pub(super) mappings: BTreeMap<String, Mapping>,
    pub(super) disk: Option<Disk>,
    /// Whether the kernel shows the disk from this moment on.
    pub(super) disk_appears: Duration,
    /// Data partitions, by minor number, that do not belong to their root hash.
    pub(super) corrupt: BTreeSet<u32>,
    /// The same that cannot be read.
    pub(super) unreadable: BTreeSet<u32>,
    pub(super) verity_version: Option<[u32; 3]>,
    /// What is wrong with the kernel.
    pub(super) defects: BTreeSet<Defect>,
    pub(super) policy_loaded: bool,
    pub(super) log: Vec<String>,
    pub(super) announced: Vec<String>,
    pub(super) executed: Option<Vec<String>>,
    pub(super) ended: Option<Ending>,
    now: Duration,
}

/// What can be wrong with a kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Defect {
    /// Lockdown does nothing, although it says so.
    Toothless,
    /// Knobs that go one way take everything.
    Slack,
    /// Mappings come out writable.
    Writable,
    /// Mappings have another root hash than was loaded.
    OtherTable,
    /// They cover less than was loaded.
    FewerBlocks,
    /// A policy denies that knobs go back, so that nobody learns whether they would.
    Denied,
    /// Knobs that go one way refuse to go back, and do.
    Liar,
    /// A policy is refused, and is in force.
    HalfLoaded,
    /// `/run` of the image is a link.
    Linked,
}

/// A device-mapper device.
#[derive(Clone, Default)]
pub(super) struct Mapping {
    active: Option<Target>,
    inactive: Option<Target>,
    /// Whether something was read through it, and whether that was corrupt.
    verified: bool,
    corrupted: bool,
}

impl Fake {
    /// A machine on which the configuration of the tests boots.
    pub(super) fn new(configuration: &str) -> Self {
        let mut world = World { verity_version: Some([1, 12, 0]), ..World::default() };
        let mut file =
            |path: &str, content: &str| world.files.insert(path.into(), content.as_bytes().to_vec());
        file("/etc/hardpan/boot.conf", configuration);
        file("/signatures/a.p7s", "signature a");
        file("/signatures/b.p7s", "signature b");
        file("/proc/cmdline", "quiet dm_verity.require_signatures=1\n");
        file("/proc/self/attr/current", "kernel\0");
        file("/proc/sys/kernel/panic", "0\n");
        file("/proc/sys/kernel/kptr_restrict", "0\n");
        file("/proc/sys/kernel/printk", "7\t4\t1\t7\n");
        file("/proc/sys/kernel/kexec_load_disabled", "0\n");
        file("/sys/kernel/security/lockdown", "[none] integrity confidentiality\n");
        file("/sys/kernel/security/lsm", "lockdown,capability,selinux\n");
        file("/sys/module/dm_verity/parameters/require_signatures", "Y\n");
        file("/sys/fs/selinux/policyvers", "33");
        file("/sys/fs/selinux/enforce", "0");
        file("/sys/block/vda/size", "200\n");
        file("/sys/block/vda/queue/logical_block_size", "512\n");
        for (number, (start, sectors)) in (1..).zip([(40, 32), (72, 8), (80, 32), (112, 8)]) {
            let directory = format!("/sys/block/vda/vda{number}");
            file(&format!("{directory}/partition"), &format!("{number}\n"));
            file(&format!("{directory}/start"), &format!("{start}\n"));
            file(&format!("{directory}/size"), &format!("{sectors}\n"));
            file(&format!("{directory}/dev"), &format!("254:{number}\n"));
        }
        world.image.insert("/policy".into(), policy(33));
        world.image.insert("/sbin/init".into(), b"init".to_vec());
        world.disk = Some(Disk::with(&[
            ("data-a", 0x11, 40, 71, 3 << 48 | 2 << 52),
            ("hash-a", 0x22, 72, 79, 0),
            ("data-b", 0x33, 80, 111, 1 << 48 | 1 << 52),
            ("hash-b", 0x44, 112, 119, 0),
        ]));
        Self(Rc::new(RefCell::new(world)))
    }

    /// Counts a call, which fails if it is its turn.
    fn call(&self, name: &str, about: &str) -> io::Result<()> {
        let mut world = self.0.borrow_mut();
        assert!(world.executed.is_none(), "{name} {about} after init was started");
        let text = format!("{name} {about}");
        let index = world.calls.len();
        world.calls.push(text.clone());
        if let Some((_, errno)) = world.fault.filter(|(at, _)| *at == index) {
            return Err(io::Error::from_raw_os_error(errno));
        }
        let refused = world.refused.iter().find(|(call, _)| text.starts_with(call.as_str()));
        refused.map_or(Ok(()), |(_, errno)| Err(io::Error::from_raw_os_error(*errno)))
    }

    pub(super) fn text(&self, path: &str) -> String {
        let world = self.0.borrow();
        String::from_utf8_lossy(world.files.get(path).map_or(&[][..], Vec::as_slice)).trim_end().to_owned()
    }

    pub(super) fn attributes(&self, number: u32) -> String {
        let mut disk = self.0.borrow().disk.clone().unwrap();
        let gpt = crate::gpt::Gpt::read(&mut disk, 200 * 512, 512).unwrap();
        gpt.partitions.iter().find(|one| one.number == number).unwrap().attributes.to_string()
    }
}

impl World {
    /// Whether the file system that a file is on is mounted.
    fn reaches(&self, path: &str) -> bool {
        let needed = ["/sys/kernel/security", "/sys/fs/selinux", "/sys", "/proc", "/run", "/dev"];
        let needed = needed.iter().find(|target| path.starts_with(&format!("{target}/")) || path == **target);
        needed.is_none_or(|target| self.mounts.iter().any(|(mounted, _)| mounted == target))
    }
}

/// A policy as far as anybody looks at it here.
pub(super) fn policy(version: u32) -> Vec<u8> {
    [&0xf97c_ff8c_u32.to_le_bytes()[..], &8u32.to_le_bytes(), b"SE Linux", &version.to_le_bytes(), b"rules"]
        .concat()
}

fn absent<T>() -> io::Result<T> {
    Err(io::Error::from_raw_os_error(ENOENT))
}

impl Files for Fake {
    fn read(&mut self, path: &str, limit: usize) -> io::Result<Vec<u8>> {
        self.call("read", path)?;
        let world = self.0.borrow();
        if path.starts_with("/sys/block/") && world.now < world.disk_appears {
            return absent();
        }
        let content = world.files.get(path).filter(|_| world.reaches(path)).cloned();
        let content = content.map_or_else(absent, Ok)?;
        if content.len() > limit { Err(io::ErrorKind::FileTooLarge.into()) } else { Ok(content) }
    }

    fn write(&mut self, path: &str, bytes: &[u8]) -> io::Result<()> {
        self.call("write", path)?;
        let mut world = self.0.borrow_mut();
        if !world.reaches(path) {
            return absent();
        }
        let text = String::from_utf8_lossy(bytes).into_owned();
        let now = world.files.get(path).map(|bytes| String::from_utf8_lossy(bytes).into_owned());
        let refuse = |errno| Err(io::Error::from_raw_os_error(errno));
        let new = match path {
            "/sys/fs/selinux/load" if !bytes.ends_with(b"rules") => return refuse(EINVAL),
            "/sys/fs/selinux/load" => {
                world.policy_loaded = true;
                world.files.insert("/proc/self/attr/current".into(), b"u:r:kernel_t\0".to_vec());
                world.files.insert("/sys/fs/selinux/policy".into(), [b"given back: ", bytes].concat());
                return if world.defects.contains(&Defect::HalfLoaded) { refuse(EINVAL) } else { Ok(()) };
            }
            "/sys/kernel/security/lockdown" => {
                let rank = |text: &str| {
                    ["none", "integrity", "confidentiality"].iter().position(|one| text.contains(one))
                };
                let now = now.unwrap_or_default();
                let marked = now.split(['[', ']']).nth(1).unwrap_or_default();
                if rank(&text) <= rank(marked) {
                    return refuse(EPERM);
                }
                "none integrity confidentiality".replace(text.as_str(), &format!("[{text}]"))
            }
            "/proc/sys/kernel/kexec_load_disabled"
                if now.as_deref() == Some("1") && text != "1" && !world.defects.contains(&Defect::Slack) =>
            {
                if world.defects.contains(&Defect::Liar) {
                    world.files.insert(path.into(), text.into_bytes());
                }
                return refuse(if world.defects.contains(&Defect::Denied) { EACCES } else { EINVAL });
            }
            _ if now.is_none() => return absent(),
            _ => text,
        };
        world.files.insert(path.into(), new.into_bytes());
        Ok(())
    }

    fn replace(&mut self, path: &str, bytes: &[u8]) -> io::Result<()> {
        self.call("replace", path)?;
        self.0.borrow_mut().files.insert(path.into(), bytes.to_vec());
        Ok(())
    }

    fn list(&mut self, path: &str) -> io::Result<Vec<String>> {
        self.call("list", path)?;
        let world = self.0.borrow();
        if !world.reaches(path) || world.now < world.disk_appears {
            return absent();
        }
        let below = format!("{path}/");
        let names = world.files.keys().filter_map(|file| file.strip_prefix(&below)?.split('/').next());
        Ok(names.map(str::to_owned).collect::<BTreeSet<_>>().into_iter().collect())
    }

    fn create_directory(&mut self, path: &str) -> io::Result<()> {
        self.call("create_directory", path)
    }

    fn try_open(&mut self, path: &str) -> io::Result<()> {
        self.call("try_open", path)?;
        self.locked()
    }

    fn device_number(&mut self, path: &str) -> io::Result<DeviceNumber> {
        self.call("device_number", path)?;
        absent()
    }

    fn read_at(&mut self, path: &str, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        self.call("read_at", path)?;
        let mut world = self.0.borrow_mut();
        world.disk.as_mut().unwrap().read_at(offset, buffer)
    }

    fn write_at(&mut self, path: &str, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.call("write_at", path)?;
        let mut world = self.0.borrow_mut();
        world.disk.as_mut().unwrap().write(&Write { offset, bytes: bytes.to_vec() });
        Ok(())
    }
}

impl Fake {
    /// What lockdown does to what it forbids.
    fn locked(&self) -> io::Result<()> {
        let level = self.text("/sys/kernel/security/lockdown");
        let is_locked = !level.contains("[none]") && !self.0.borrow().defects.contains(&Defect::Toothless);
        if is_locked { Err(io::Error::from_raw_os_error(EPERM)) } else { Ok(()) }
    }
}

impl Image for Fake {
    fn node_below(&mut self, root: &str, path: &str) -> io::Result<Node> {
        self.call("node_below", path)?;
        assert_eq!(root, "/sysroot");
        match path {
            "/run" if self.0.borrow().defects.contains(&Defect::Linked) => Ok(Node::LinkToDirectory),
            "/dev" | "/proc" | "/sys" | "/run" | "/etc" | "/factory" => Ok(Node::Directory),
            _ if self.0.borrow().image.contains_key(path) => Ok(Node::File { executable: true }),
            _ => absent(),
        }
    }

    fn read_below(&mut self, _: &str, path: &str, _: usize) -> io::Result<Vec<u8>> {
        self.call("read_below", path)?;
        self.0.borrow().image.get(path).cloned().map_or_else(absent, Ok)
    }

    fn copy_below(&mut self, _: &str, source: &str, _: &str, _: CopyLimits) -> io::Result<Copied> {
        self.call("copy_below", source)?;
        self.0.borrow_mut().mounts.push(("/etc is filled".into(), String::new()));
        Ok(Copied { entries: 1, bytes: 1 })
    }
}

impl Mounts for Fake {
    fn mount(&mut self, mount: &NewMount<'_>) -> io::Result<()> {
        self.call("mount", mount.target)?;
        let mut world = self.0.borrow_mut();
        if mount.target == "/sysroot" {
            let name =
                mount.source.strip_prefix("/dev/mapper/").expect("only verified devices become the root");
            let mapping = &world.mappings[name];
            assert!(mapping.verified && !mapping.corrupted, "{name} was not verified");
            assert!(mount.flags.contains(&MountFlag::ReadOnly), "the root is read-only");
        }
        if mount.target == "/sysroot/etc" && mount.data.contains("context=") {
            assert!(world.policy_loaded, "a context before the policy");
        }
        world.mounts.push((mount.target.into(), mount.source.into()));
        Ok(())
    }

    fn unmount(&mut self, target: &str) -> io::Result<()> {
        self.call("unmount", target)?;
        let mut world = self.0.borrow_mut();
        let at = world.mounts.iter().rposition(|(mounted, _)| mounted == target).expect("it is mounted");
        world.mounts.remove(at);
        Ok(())
    }

    fn move_mount(&mut self, from: &str, to: &str) -> io::Result<()> {
        self.call("move_mount", from)?;
        assert!(to == format!("/sysroot{from}") || from == format!("/sysroot{to}"), "{from} to {to}");
        let mut world = self.0.borrow_mut();
        let mounted = world.mounts.iter_mut().find(|(target, _)| target == from).expect("it is mounted");
        mounted.0 = to.to_owned();
        Ok(())
    }

    fn switch_root(&mut self, root: &str) -> io::Result<()> {
        self.call("switch_root", root)?;
        for (target, _) in &mut self.0.borrow_mut().mounts {
            *target = target
                .strip_prefix("/sysroot")
                .filter(|below| !below.is_empty())
                .unwrap_or(target)
                .to_owned();
        }
        self.0.borrow_mut().mounts.push(("/".into(), root.into()));
        Ok(())
    }
}

impl Kernel for Fake {
    fn load_module(&mut self, path: &str, _: &str) -> io::Result<()> {
        self.call("load_module", path)
    }

    fn load_module_bytes(&mut self, _: &[u8]) -> io::Result<()> {
        self.call("load_module_bytes", "")?;
        self.locked().and(Err(io::Error::from_raw_os_error(ENOEXEC)))
    }

    fn raise_io_privilege(&mut self) -> io::Result<()> {
        self.call("raise_io_privilege", "")?;
        self.locked()
    }

    fn add_key(&mut self, description: &str, _: &[u8]) -> io::Result<()> {
        self.call("add_key", description)
    }

    fn device_mapper(&mut self) -> Result<Box<dyn DeviceMapper>, DmError> {
        let called = self.call("device_mapper", "");
        called.map_err(|error| DmError::Unavailable { reason: error.to_string() })?;
        Ok(Box::new(self.clone()))
    }

    fn nodes(&mut self) -> Box<dyn Nodes> {
        Box::new(self.clone())
    }

    fn messages(&mut self) -> Vec<String> {
        vec!["hardpan-boot: own".to_owned(), "the kernel's".to_owned()]
    }

    fn release(&mut self) -> String {
        "6.1.0".to_owned()
    }
}

impl Clock for Fake {
    fn now(&mut self) -> Duration {
        let mut world = self.0.borrow_mut();
        world.now += Duration::from_micros(10);
        world.now
    }

    fn sleep(&mut self, time: Duration) {
        self.0.borrow_mut().now += time;
    }
}

impl Console for Fake {
    fn log(&mut self, _: Level, text: &str) {
        let mut world = self.0.borrow_mut();
        if world.reaches("/dev/kmsg") {
            world.log.push(text.to_owned());
        }
    }

    fn announce(&mut self, text: &str) {
        let mut world = self.0.borrow_mut();
        if world.reaches("/dev/console") {
            world.announced.push(text.to_owned());
        }
    }
}

impl Power for Fake {
    fn exec(&mut self, arguments: &[String]) -> io::Result<()> {
        self.call("exec", &arguments.join(" "))?;
        self.0.borrow_mut().executed = Some(arguments.to_vec());
        Ok(())
    }

    fn end(&mut self, ending: Ending) -> io::Result<()> {
        self.call("end", ending.name())?;
        self.0.borrow_mut().ended = Some(ending);
        Ok(())
    }
}

const EPERM: i32 = 1;
const ENOENT: i32 = 2;
const ENOEXEC: i32 = 8;
const EACCES: i32 = 13;
const EINVAL: i32 = 22;
