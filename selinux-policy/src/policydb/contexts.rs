//! Contexts, and what has one.

use super::{Bitmap, Name, Target};

/// A security context.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Context {
    /// The user.
    pub user: u32,
    /// The role.
    pub role: u32,
    /// The type.
    pub type_: u32,
    /// The range; without MLS its sensitivities are 0.
    pub range: Range,
}

/// From a low to a high level.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Range {
    /// The low level.
    pub low: Level,
    /// The high level, often the same.
    pub high: Level,
}

/// A sensitivity with categories.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Level {
    /// The sensitivity; 0 without MLS.
    pub sensitivity: u32,
    /// Its categories.
    pub categories: Bitmap,
}

/// Contexts of all but files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ocontexts {
    /// Of a policy for Linux.
    Selinux(Box<SelinuxContexts>),
    /// Of a policy for Xen.
    Xen(Box<XenContexts>),
}

impl Ocontexts {
    /// Empty lists.
    pub fn new(target: Target) -> Self {
        match target {
            Target::Selinux => Self::Selinux(Box::default()),
            Target::Xen => Self::Xen(Box::default()),
        }
    }
}

/// Contexts of a policy for Linux, each list in the file's order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SelinuxContexts {
    /// Initial SIDs: number, which begins at 1.
    pub sids: Vec<(u32, Context)>,
    /// `fscon`: file systems; secilc makes none.
    pub filesystems: Vec<NamedContexts>,
    /// Ports.
    pub ports: Vec<Port>,
    /// Network interfaces: their own context and that of packets.
    pub interfaces: Vec<NamedContexts>,
    /// Nodes of IPv4 networks.
    pub nodes4: Vec<Node<4>>,
    /// How file systems are labelled.
    pub fs_uses: Vec<FsUse>,
    /// Nodes of IPv6 networks.
    pub nodes6: Vec<Node<16>>,
    /// InfiniBand partitions (from version 31 on).
    pub ib_pkeys: Vec<IbPkey>,
    /// InfiniBand end ports (from version 31 on).
    pub ib_end_ports: Vec<IbEndPort>,
}

/// A name with two contexts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedContexts {
    /// The name.
    pub name: Name,
    /// The first.
    pub first: Context,
    /// The second.
    pub second: Context,
}

/// Ports of a protocol.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Port {
    /// The protocol's number in IP: 6 TCP, 17 UDP, 33 DCCP, 132 SCTP.
    pub protocol: u32,
    /// The first.
    pub low: u32,
    /// The last.
    pub high: u32,
    /// Their context.
    pub context: Context,
}

/// Nodes of a network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node<const BYTES: usize> {
    /// The address, in network order.
    pub address: [u8; BYTES],
    /// The bits of it that count.
    pub mask: [u8; BYTES],
    /// Their context.
    pub context: Context,
}

/// How a file system is labelled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FsUse {
    /// 1 by extended attributes, 2 by transition, 3 by task (`SECURITY_FS_USE_XATTR` and so on).
    pub behavior: u32,
    /// The file system's name.
    pub name: Name,
    /// The context of the file system.
    pub context: Context,
}

/// Partitions of an InfiniBand subnet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IbPkey {
    /// The first half of the subnet's address, in network order.
    pub subnet: [u8; 8],
    /// The first.
    pub low: u32,
    /// The last.
    pub high: u32,
    /// Their context.
    pub context: Context,
}

/// A port of an InfiniBand device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IbEndPort {
    /// The device.
    pub device: Name,
    /// The port, 1 to 255.
    pub port: u32,
    /// Its context.
    pub context: Context,
}

/// Contexts of a policy for Xen, each list in the file's order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct XenContexts {
    /// Initial SIDs: number, which begins at 1.
    pub sids: Vec<(u32, Context)>,
    /// Interrupts.
    pub pirqs: Vec<(u32, Context)>,
    /// Ranges of I/O ports: first, last.
    pub ioports: Vec<(u32, u32, Context)>,
    /// Ranges of pages of memory: first, last.
    pub iomems: Vec<(u64, u64, Context)>,
    /// PCI devices.
    pub pci_devices: Vec<(u32, Context)>,
    /// Nodes of the device tree, by path (from version 30 on).
    pub device_trees: Vec<(Name, Context)>,
}

/// Contexts of the files of a file system.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GenFs {
    /// The file system's name.
    pub name: Name,
    /// The contexts of paths.
    pub paths: Vec<GenFsPath>,
}

/// The context of files whose path begins in one way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GenFsPath {
    /// How the path begins.
    pub path: Name,
    /// The class of the files; 0 for any.
    pub class: u32,
    /// Their context.
    pub context: Context,
}
