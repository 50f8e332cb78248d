//! A directory of this machine as a tree.
//!
//! Every file is opened relative to the root's descriptor, through no symbolic link at all, and must still be the inode
//! that was listed. A link that somebody swaps in during the scan therefore gives an error and never another file.
//! Plain path look-ups were rejected for that reason, and `walkdir` with them: it hands out paths. (It is the oracle of
//! this module's test instead.)

use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd as _, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags, RawDir, ResolveFlags, Stat};
use rustix::io::Errno;

use crate::read_at::OpenFile;
use crate::tree::MAX_LINK_TARGET;
use crate::{Anomaly, DirEntry, Error, FileKind, Listing, Metadata, NodeId, ReadAt, Tree, TreeKind, Xattr};

/// A directory of this machine, read-only, as it is at the moment of each read.
///
/// It enters mounted file systems that hold files of their own, `tmpfs` and `overlay` among them. Views of the kernel
/// (`proc`, `sysfs`, …) and file systems behind a network or a user process are listed as not entered, unless the root
/// itself lies on one of the latter.
pub struct DirTree {
    path: PathBuf,
    root: OwnedFd,
    enter_remote: bool,
    is_brief: bool,
    /// The directories whose files were opened last, since files are mostly opened directory by directory: opening one from
    /// its directory takes the kernel half the time of walking there from the root. A directory has one place.
    directories: [KeptOpen; KEPT_OPEN],
    /// Grows as directories are listed.
    nodes: RwLock<Nodes>,
}

/// A directory's node and its descriptor.
type KeptOpen = Mutex<Option<(u32, Arc<OwnedFd>)>>;

/// A node's number is its index, so that a `NodeId` stays 8 bytes and a path is rebuilt from parents instead of being
/// stored for every file. A system has hundreds of thousands of files, so a node is no more than what it takes to find
/// it again and to know that it is the one that was listed.
#[derive(Default)]
struct Nodes {
    records: Vec<Node>,
    /// All names, end to end.
    names: Vec<u8>,
    /// The devices that were met; a node has an index into these.
    devices: Vec<u64>,
}

struct Node {
    inode: u64,
    parent: u32,
    name_start: u32,
    name_len: u16,
    device: u16,
    kind: FileKind,
}

/// What tells one file of this machine from another.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Identity {
    device: u64,
    inode: u64,
    kind: FileKind,
}

impl Identity {
    fn of(metadata: &Metadata) -> Self {
        Self { device: metadata.device, inode: metadata.inode, kind: metadata.kind }
    }
}

impl Nodes {
    fn push(&mut self, parent: u32, name: &[u8], identity: Identity) -> Result<NodeId, Error> {
        let node = Node {
            inode: identity.inode,
            parent,
            name_start: u32::try_from(self.names.len()).map_err(|_| too_many())?,
            name_len: u16::try_from(name.len()).map_err(|_| too_many())?,
            device: self.device(identity.device)?,
            kind: identity.kind,
        };
        let number = u32::try_from(self.records.len()).map_err(|_| too_many())?;
        self.names.extend_from_slice(name);
        self.records.push(node);
        Ok(NodeId(u64::from(number)))
    }

    /// The newest first, since a directory's files are nearly always on the device of those before them.
    fn device(&mut self, device: u64) -> Result<u16, Error> {
        let known = self.devices.iter().rposition(|known| *known == device);
        let at = known.unwrap_or_else(|| {
            self.devices.push(device);
            self.devices.len() - 1
        });
        u16::try_from(at).map_err(|_| too_many())
    }

    fn name(&self, node: &Node) -> &[u8] {
        let start = node.name_start as usize;
        &self.names[start..start + usize::from(node.name_len)]
    }

    fn identity(&self, node: &Node) -> Identity {
        Identity { device: self.devices[usize::from(node.device)], inode: node.inode, kind: node.kind }
    }
}

fn too_many() -> Error {
    Error::Limit { what: "entries in a tree", limit: u64::from(u32::MAX) }
}

impl DirTree {
    /// Opens the directory; a symbolic link is followed here, and here only.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let root = rustix::fs::openat(CWD, path, flags, Mode::empty()).map_err(system("open"))?;
        let stat = rustix::fs::fstat(&root).map_err(system("stat"))?;
        let mut nodes = Nodes::default();
        nodes.push(0, b"", Identity::of(&metadata_of(&stat)))?;
        Ok(Self {
            path: path.to_owned(),
            root,
            enter_remote: false,
            is_brief: false,
            directories: [const { Mutex::new(None) }; KEPT_OPEN],
            nodes: RwLock::new(nodes),
        })
    }

    /// The same tree, with file systems behind a network or a user process entered like any other.
    #[must_use]
    pub fn entering_remote(self) -> Self {
        Self { enter_remote: true, ..self }
    }

    /// The same tree, whose files are listed without a look at each: of a regular file, no more than kind and device of its
    /// metadata are to be relied on. For who opens every file anyway, it saves a system call for each.
    ///
    /// A file is then whatever regular file has the name when it is opened, reached through no link. That it is the one
    /// that was listed cannot be told, since a file that is mounted over another is listed as the one below.
    #[must_use]
    pub fn briefly(self) -> Self {
        Self { is_brief: true, ..self }
    }

    /// The path below the root, without a leading `/`; `.` for the root itself.
    fn relative_path(&self, node: NodeId) -> Result<Vec<u8>, Error> {
        let nodes = self.nodes.read().unwrap_or_else(PoisonError::into_inner);
        let mut at = index_of(node, nodes.records.len())?;
        let mut names: Vec<&[u8]> = Vec::new();
        while at != 0 {
            let node = &nodes.records[at];
            names.push(nodes.name(node));
            at = node.parent as usize;
        }
        names.reverse();
        Ok(if names.is_empty() { b".".to_vec() } else { names.join(&b'/') })
    }

    /// The node's identity and its parent's device.
    fn recorded(&self, node: NodeId) -> Result<(Identity, u64), Error> {
        let nodes = self.nodes.read().unwrap_or_else(PoisonError::into_inner);
        let node = &nodes.records[index_of(node, nodes.records.len())?];
        let parent = &nodes.records[node.parent as usize];
        Ok((nodes.identity(node), nodes.identity(parent).device))
    }

    /// Opens a node and makes sure that it is the inode that was listed.
    fn open_node(&self, node: NodeId, flags: OFlags) -> Result<(OwnedFd, Stat), Error> {
        let (recorded, _) = self.recorded(node)?;
        let fd = open_beneath(&self.root, &self.relative_path(node)?, flags).map_err(system("open"))?;
        let stat = rustix::fs::fstat(&fd).map_err(system("stat"))?;
        self.hold(recorded, &stat)?;
        Ok((fd, stat))
    }

    /// Opens a file from its directory, with the same certainty: the directory was opened from the root, and a name is one
    /// step.
    fn open_file(&self, file: NodeId, flags: OFlags) -> Result<(OwnedFd, Stat), Error> {
        let (recorded, parent, name) = self.place(file)?;
        let directory = self.directory(parent)?;
        let flags = flags | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let fd = rustix::fs::openat(&*directory, name, flags, Mode::empty()).map_err(system("open"))?;
        let stat = rustix::fs::fstat(&fd).map_err(system("stat"))?;
        self.hold(recorded, &stat)?;
        Ok((fd, stat))
    }

    /// A node's identity, its parent, and its name.
    fn place(&self, node: NodeId) -> Result<(Identity, u32, Vec<u8>), Error> {
        let nodes = self.nodes.read().unwrap_or_else(PoisonError::into_inner);
        let node = &nodes.records[index_of(node, nodes.records.len())?];
        Ok((nodes.identity(node), node.parent, nodes.name(node).to_vec()))
    }

    /// The directory, opened; from its place if it was the last of those that share it.
    fn directory(&self, directory: u32) -> Result<Arc<OwnedFd>, Error> {
        let place = &self.directories[directory as usize % KEPT_OPEN];
        if let Some((kept, fd)) = &*place.lock().unwrap_or_else(PoisonError::into_inner)
            && *kept == directory
        {
            return Ok(Arc::clone(fd));
        }
        let (fd, _) = self.open_node(NodeId(directory.into()), OFlags::PATH | OFlags::DIRECTORY)?;
        let fd = Arc::new(fd);
        *place.lock().unwrap_or_else(PoisonError::into_inner) = Some((directory, Arc::clone(&fd)));
        Ok(fd)
    }

    /// Makes sure that what was opened is what was listed.
    fn hold(&self, recorded: Identity, stat: &Stat) -> Result<(), Error> {
        let found = Identity::of(&metadata_of(stat));
        let is_same = if self.is_brief && recorded.kind == FileKind::File {
            found.kind == recorded.kind
        } else {
            found == recorded
        };
        if is_same { Ok(()) } else { Err(Error::Changed { what: "another file has its name now".into() }) }
    }

    /// Why a directory is not to be entered. Asked without opening it for reading, which would set off an automount.
    fn barrier(&self, directory: NodeId) -> Result<Option<Listing>, Error> {
        let (recorded, parent_device) = self.recorded(directory)?;
        let is_root = directory.0 == 0;
        if !is_root && recorded.device == parent_device {
            return Ok(None);
        }
        let (fd, _) = self.open_node(directory, OFlags::PATH | OFlags::DIRECTORY)?;
        let magic = rustix::fs::fstatfs(&fd).map_err(system("statfs"))?.f_type;
        Ok(match foreign_filesystem(magic) {
            Some((name, Foreign::Kernel)) => Some(Listing::NotEntered {
                reason: format!("mount of {name}, a view of the kernel"),
                hides_files: false,
            }),
            Some((name, Foreign::Automount)) => Some(Listing::NotEntered {
                reason: format!("{name}, which mounts something as soon as somebody looks"),
                hides_files: true,
            }),
            Some((name, Foreign::Remote)) if !is_root && !self.enter_remote => Some(Listing::NotEntered {
                reason: format!("mount of {name}, whose content another machine or process decides"),
                hides_files: true,
            }),
            _ => None,
        })
    }

    /// Stats each name and records the nodes in one step, so that the lock is taken once a directory.
    fn record(&self, parent: NodeId, found: Vec<(Box<[u8]>, Metadata)>) -> Result<Vec<DirEntry>, Error> {
        let parent = u32::try_from(parent.0).map_err(|_| too_many())?;
        let mut nodes = self.nodes.write().unwrap_or_else(PoisonError::into_inner);
        let mut entries = Vec::with_capacity(found.len());
        for (name, metadata) in found {
            let node = nodes.push(parent, &name, Identity::of(&metadata))?;
            entries.push(DirEntry { name, node, metadata: Some(metadata) });
        }
        Ok(entries)
    }

    fn full_path(&self, node: NodeId) -> Result<PathBuf, Error> {
        let relative = self.relative_path(node)?;
        Ok(if relative == b"." { self.path.clone() } else { self.path.join(OsStr::from_bytes(&relative)) })
    }
}

impl Tree for DirTree {
    fn kind(&self) -> TreeKind {
        TreeKind::Directory
    }

    fn root(&self) -> NodeId {
        NodeId(0)
    }

    fn metadata(&self, node: NodeId) -> Result<Metadata, Error> {
        let (_, stat) = self.open_node(node, OFlags::PATH)?;
        Ok(metadata_of(&stat))
    }

    fn read_dir(&self, directory: NodeId) -> Result<Listing, Error> {
        if let Some(not_entered) = self.barrier(directory)? {
            return Ok(not_entered);
        }
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NONBLOCK;
        let (fd, stat) = self.open_node(directory, flags)?;
        let mut found = Vec::new();
        let mut records = [const { MaybeUninit::uninit() }; RECORDS];
        let mut listing = RawDir::new(&fd, &mut records);
        while let Some(entry) = listing.next() {
            let entry = entry.map_err(system("readdir"))?;
            let name = entry.file_name();
            if matches!(name.to_bytes(), b"." | b"..") {
                continue;
            }
            if self.is_brief && entry.file_type() == FileType::RegularFile {
                found.push((name.to_bytes().into(), brief(stat.st_dev)));
                continue;
            }
            match rustix::fs::statat(&fd, name, AtFlags::SYMLINK_NOFOLLOW) {
                Ok(stat) => found.push((name.to_bytes().into(), metadata_of(&stat))),
                // Somebody removed it between the listing and the look; it is as if it had gone before.
                Err(Errno::NOENT) => {}
                Err(error) => return Err(system("stat")(error)),
            }
        }
        Ok(Listing::Entries(self.record(directory, found)?))
    }

    fn read_link(&self, symlink: NodeId) -> Result<Vec<u8>, Error> {
        if self.recorded(symlink)?.0.kind != FileKind::Symlink {
            return Err(Error::WrongKind { wanted: "symbolic link" });
        }
        let (fd, _) = self.open_node(symlink, OFlags::PATH)?;
        // An empty name reads the link that the descriptor itself stands for.
        let target = rustix::fs::readlinkat(&fd, c"", Vec::new()).map_err(system("readlink"))?.into_bytes();
        if target.len() > MAX_LINK_TARGET {
            return Err(Error::Limit { what: "a link target's bytes", limit: MAX_LINK_TARGET as u64 });
        }
        Ok(target)
    }

    fn xattrs(&self, node: NodeId) -> Result<Vec<Xattr>, Error> {
        // There is no call that lists attributes through an `O_PATH` descriptor, and opening a FIFO or a device for
        // reading is out of the question, so this one look-up goes by path.
        match xattrs(&self.full_path(node)?, Links::Stay) {
            // Only paths have a longest length. The descriptor's name in /proc, which looks like a link, leads to the
            // file too; it is not the first choice, since it takes one more call for every file, and a mounted /proc.
            Err(error) if is_too_long(&error) => {
                let (fd, _) = self.open_node(node, OFlags::PATH)?;
                xattrs(Path::new(&format!("/proc/self/fd/{}", fd.as_raw_fd())), Links::Follow)
            }
            result => result,
        }
    }

    fn open(&self, file: NodeId) -> Result<Box<dyn ReadAt + '_>, Error> {
        if self.recorded(file)?.0.kind != FileKind::File {
            return Err(Error::WrongKind { wanted: "regular file" });
        }
        let (fd, stat) = self.open_file(file, READ)?;
        Ok(Box::new(OpenFile { file: File::from(fd), len: u64::try_from(stat.st_size).unwrap_or(0) }))
    }

    /// Saves the look at the file's metadata for all but those that are opened afterwards. A FIFO or a directory that took
    /// its name meanwhile cannot be read by position, and is an error here as it would be there.
    fn peek(&self, file: NodeId, start: &mut [u8]) -> Result<usize, Error> {
        let (_, parent, name) = self.place(file)?;
        let directory = self.directory(parent)?;
        let fd =
            rustix::fs::openat(&*directory, name, READ | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty());
        let fd = fd.map_err(system("open"))?;
        let mut filled = 0;
        while filled < start.len() {
            match rustix::io::pread(&fd, &mut start[filled..], filled as u64) {
                Ok(0) => break,
                Ok(count) => filled += count,
                Err(Errno::INTR) => {}
                Err(error) => return Err(system("read")(error)),
            }
        }
        Ok(filled)
    }

    fn anomalies(&self) -> Vec<Anomaly> {
        Vec::new()
    }
}

/// Bytes of directory records that are asked for at a time: most directories fit.
const RECORDS: usize = 8192;
/// How regular files are opened: never waiting for anybody, should one have become something else.
const READ: OFlags = OFlags::RDONLY.union(OFlags::NONBLOCK).union(OFlags::NOCTTY);

fn index_of(node: NodeId, count: usize) -> Result<usize, Error> {
    usize::try_from(node.0)
        .ok()
        .filter(|index| *index < count)
        .ok_or(Error::WrongKind { wanted: "node of this tree" })
}

fn system(operation: &'static str) -> impl Fn(Errno) -> Error {
    move |errno| Error::Io { operation, source: io::Error::from(errno) }
}

/// Opens a path below `root` through no symbolic link.
pub(crate) fn open_beneath(root: &OwnedFd, path: &[u8], flags: OFlags) -> Result<OwnedFd, Errno> {
    let flags = flags | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
    match rustix::fs::openat2(root, path, flags, Mode::empty(), resolve) {
        // Kernels before 5.6 lack the call, and older container sandboxes refuse calls that they do not know. A tree may
        // be deeper than a path can be long.
        Err(Errno::NOSYS | Errno::PERM | Errno::NAMETOOLONG) => open_stepwise(root, path, flags),
        result => result,
    }
}

/// The same, one component at a time.
fn open_stepwise(root: &OwnedFd, path: &[u8], flags: OFlags) -> Result<OwnedFd, Errno> {
    let step = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let mut components = path.split(|byte| *byte == b'/').peekable();
    let mut at: Option<OwnedFd> = None;
    while let Some(component) = components.next() {
        let from = at.as_ref().map_or_else(|| root.as_fd(), AsFd::as_fd);
        let how = if components.peek().is_some() { step } else { flags };
        at = Some(rustix::fs::openat(from, component, how, Mode::empty())?);
    }
    at.ok_or(Errno::NOENT)
}

#[derive(Clone, Copy)]
enum Links {
    Follow,
    Stay,
}

fn xattrs(path: &Path, links: Links) -> Result<Vec<Xattr>, Error> {
    let mut list = vec![0; XATTR_LIST_FIRST];
    let names = loop {
        let result = match links {
            Links::Follow => rustix::fs::listxattr(path, &mut list[..]),
            Links::Stay => rustix::fs::llistxattr(path, &mut list[..]),
        };
        match result {
            Ok(length) => break &list[..length],
            Err(Errno::RANGE) if list.len() < XATTR_LIST_MAX => list.resize(XATTR_LIST_MAX, 0),
            Err(Errno::NOTSUP) => break &[],
            Err(error) => return Err(system("listxattr")(error)),
        }
    };
    let names = names.split(|byte| *byte == 0).filter(|name| !name.is_empty());
    let mut xattrs = names.map(|name| xattr(path, links, name)).collect::<Result<Vec<_>, _>>()?;
    xattrs.sort();
    Ok(xattrs)
}

fn xattr(path: &Path, links: Links, name: &[u8]) -> Result<Xattr, Error> {
    let mut value = vec![0; XATTR_SIZE_MAX];
    let length = match links {
        Links::Follow => rustix::fs::getxattr(path, OsStr::from_bytes(name), &mut value[..]),
        Links::Stay => rustix::fs::lgetxattr(path, OsStr::from_bytes(name), &mut value[..]),
    }
    .map_err(system("getxattr"))?;
    value.truncate(length);
    Ok(Xattr { name: name.into(), value: value.into() })
}

/// Whether a path was longer than `PATH_MAX`.
fn is_too_long(error: &Error) -> bool {
    matches!(error, Error::Io { source, .. } if source.raw_os_error() == Some(Errno::NAMETOOLONG.raw_os_error()))
}

fn metadata_of(stat: &Stat) -> Metadata {
    let kind = match FileType::from_raw_mode(stat.st_mode) {
        FileType::Directory => FileKind::Directory,
        FileType::Symlink => FileKind::Symlink,
        FileType::CharacterDevice => FileKind::CharDevice,
        FileType::BlockDevice => FileKind::BlockDevice,
        FileType::Fifo => FileKind::Fifo,
        FileType::Socket => FileKind::Socket,
        // Linux has no other kind; were there one, it would have to be treated as a file that can not be read.
        FileType::RegularFile | FileType::Unknown => FileKind::File,
    };
    let is_device = matches!(kind, FileKind::CharDevice | FileKind::BlockDevice);
    let rdev = (rustix::fs::major(stat.st_rdev), rustix::fs::minor(stat.st_rdev));
    Metadata {
        kind,
        mode: stat.st_mode & 0o7777,
        uid: stat.st_uid,
        gid: stat.st_gid,
        size: u64::try_from(stat.st_size).unwrap_or(0),
        #[expect(clippy::useless_conversion, reason = "the field is 32 bits wide on other machines")]
        links: stat.st_nlink.into(),
        device: stat.st_dev,
        inode: stat.st_ino,
        rdev: is_device.then_some(rdev),
        mtime: stat.st_mtime,
    }
}

/// What a directory says of a regular file in it.
fn brief(device: u64) -> Metadata {
    Metadata {
        kind: FileKind::File,
        mode: 0,
        uid: 0,
        gid: 0,
        size: u64::MAX,
        links: 1,
        device,
        inode: 0,
        rdev: None,
        mtime: 0,
    }
}

enum Foreign {
    Kernel,
    Automount,
    Remote,
}

/// File systems that hold no files of this host, by the magic number that statfs(2) gives.
fn foreign_filesystem(magic: impl TryInto<i64>) -> Option<(&'static str, Foreign)> {
    let magic = magic.try_into().ok()? & 0xffff_ffff;
    let known = |table: &[(i64, &'static str)]| {
        table.iter().find(|(number, _)| *number == magic).map(|(_, name)| *name)
    };
    if magic == AUTOFS {
        return Some(("autofs", Foreign::Automount));
    }
    known(&KERNEL_FILESYSTEMS)
        .map(|name| (name, Foreign::Kernel))
        .or_else(|| known(&REMOTE_FILESYSTEMS).map(|name| (name, Foreign::Remote)))
}

const AUTOFS: i64 = 0x0187;

const KERNEL_FILESYSTEMS: [(i64, &str); 21] = [
    (0x1cd1, "devpts"),
    (0x9fa0, "proc"),
    (0x0027_e0eb, "cgroup"),
    (0x0765_5821, "resctrl"),
    (0x1980_0202, "mqueue"),
    (0x4249_4e4d, "binfmt_misc"),
    (0x4341_5d53, "smackfs"),
    (0x5a3c_69f0, "apparmorfs"),
    (0x6165_676c, "pstore"),
    (0x6265_6570, "configfs"),
    (0x6265_6572, "sysfs"),
    (0x6367_7270, "cgroup2"),
    (0x6462_6720, "debugfs"),
    (0x6573_5543, "fusectl"),
    (0x6759_6969, "rpc_pipefs"),
    (0x6e73_6673, "nsfs"),
    (0x7363_6673, "securityfs"),
    (0x7472_6163, "tracefs"),
    (0xcafe_4a11, "bpf"),
    (0xde5e_81e4, "efivarfs"),
    (0xf97c_ff8c, "selinuxfs"),
];

const REMOTE_FILESYSTEMS: [(i64, &str); 9] = [
    (0x517b, "smb"),
    (0x6969, "nfs"),
    (0x00c3_6400, "ceph"),
    (0x0102_1997, "9p"),
    (0x5346_414f, "afs"),
    (0x6573_5546, "fuse"),
    (0x7375_7245, "coda"),
    (0xfe53_4d42, "smb2"),
    (0xff53_4d42, "cifs"),
];

/// More than there are threads that open files, of a process's usual 1,024 descriptors.
const KEPT_OPEN: usize = 64;

/// Enough for the labels and capabilities that files have in practice.
const XATTR_LIST_FIRST: usize = 1024;
/// `XATTR_LIST_MAX` of Linux.
const XATTR_LIST_MAX: usize = 65536;
/// `XATTR_SIZE_MAX` of Linux.
const XATTR_SIZE_MAX: usize = 65536;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_swapped_link_is_not_followed() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("file"), "inside").unwrap();
        std::fs::write(dir.path().join("other"), "other").unwrap();
        let tree = DirTree::open(dir.path()).unwrap();
        let Listing::Entries(entries) = tree.read_dir(tree.root()).unwrap() else { panic!("not entered") };
        let file = entries.iter().find(|entry| &*entry.name == b"file").unwrap().node;
        std::fs::remove_file(dir.path().join("file")).unwrap();
        std::os::unix::fs::symlink("other", dir.path().join("file")).unwrap();
        assert!(tree.open(file).is_err());
        std::fs::remove_file(dir.path().join("file")).unwrap();
        std::fs::rename(dir.path().join("other"), dir.path().join("file")).unwrap();
        assert!(matches!(tree.open(file), Err(Error::Changed { .. })));
    }

    #[test]
    fn a_brief_listing_opens_the_same_files_and_no_links() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["a/b", "a/c", "d/e"] {
            std::fs::create_dir_all(dir.path().join(name).parent().unwrap()).unwrap();
            std::fs::write(dir.path().join(name), name).unwrap();
        }
        let tree = DirTree::open(dir.path()).unwrap().briefly();
        let index = crate::Index::build(&tree, &|_| true).unwrap().unwrap();
        let read = |path: &str| index.read(index.lookup(path.as_bytes()).unwrap(), 100);
        for name in ["a/b", "d/e", "a/c", "a/b"] {
            assert_eq!(read(&format!("/{name}")).unwrap(), name.as_bytes());
        }
        std::fs::remove_file(dir.path().join("a/b")).unwrap();
        std::os::unix::fs::symlink("c", dir.path().join("a/b")).unwrap();
        assert!(read("/a/b").is_err(), "a link that was swapped in");
        std::fs::remove_file(dir.path().join("a/c")).unwrap();
        std::fs::create_dir(dir.path().join("a/c")).unwrap();
        assert!(matches!(read("/a/c"), Err(Error::Changed { .. })), "a directory that was swapped in");
        std::fs::rename(dir.path().join("d"), dir.path().join("f")).unwrap();
        assert_eq!(read("/d/e").unwrap(), b"d/e", "the directory is held");
    }

    #[test]
    fn the_stepwise_way_opens_the_same_and_refuses_links_on_the_way() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(dir.path().join("a/b")).unwrap();
        std::fs::write(dir.path().join("a/b/c"), "x").unwrap();
        std::os::unix::fs::symlink("a", dir.path().join("link")).unwrap();
        let root = DirTree::open(dir.path()).unwrap().root;
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW;
        assert!(open_stepwise(&root, b"a/b/c", flags).is_ok());
        assert!(open_stepwise(&root, b"link/b/c", flags).is_err());
        assert!(open_beneath(&root, b"link/b/c", flags).is_err());
    }

    #[test]
    fn the_kernels_views_are_not_entered() {
        let tree = DirTree::open(Path::new("/proc")).unwrap();
        let Listing::NotEntered { reason, .. } = tree.read_dir(tree.root()).unwrap() else {
            panic!("entered")
        };
        assert!(reason.contains("proc"), "{reason}");
    }
}
