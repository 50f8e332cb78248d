//! Contexts of initial SIDs, ports, file systems and so on.

use std::net::IpAddr;

use super::faults::Faults;
use super::sort::sorted;
use super::tables::Tables;
use crate::ir::{self, ContextId, FileKind, FsUseKind, OriginId, Protocol};
use crate::names::Symbol;
use crate::policydb::contexts::{
    Context, FsUse, GenFs, GenFsPath, IbEndPort, IbPkey, NamedContexts, Node, Ocontexts, Port, Range,
    SelinuxContexts, XenContexts,
};
use crate::policydb::{Name, Target};

/// All contexts but those of files.
pub(crate) fn ocontexts(tables: &Tables<'_>, faults: &mut Faults<'_>) -> Ocontexts {
    match tables.options.target {
        Target::Selinux => Ocontexts::Selinux(Box::new(selinux(tables, faults))),
        Target::Xen => Ocontexts::Xen(Box::new(xen(tables, faults))),
    }
}

fn selinux(tables: &Tables<'_>, faults: &mut Faults<'_>) -> SelinuxContexts {
    let nodes = nodes(tables, faults);
    SelinuxContexts {
        sids: sids(tables),
        filesystems: Vec::new(),
        ports: ports(tables, faults),
        interfaces: interfaces(tables, faults),
        nodes4: nodes.0,
        fs_uses: fs_uses(tables, faults),
        nodes6: nodes.1,
        ib_pkeys: ib_pkeys(tables, faults),
        ib_end_ports: ib_end_ports(tables, faults),
    }
}

/// A context of the binary policy.
pub(crate) fn context(tables: &Tables<'_>, id: ContextId) -> Context {
    let context = &tables.ir.contexts[id.index()];
    Context {
        user: tables.user_value(context.user),
        role: tables.role_value(context.role),
        type_: tables.type_value(context.type_),
        range: if tables.mls { tables.levels.range(tables.ir, context.range) } else { Range::default() },
    }
}

fn name(tables: &Tables<'_>, symbol: Symbol) -> Name {
    tables.ir.names.get(symbol).into()
}

/// Initial SIDs are numbered whether or not they have a context.
fn sids(tables: &Tables<'_>) -> Vec<(u32, Context)> {
    let sids = (1..).zip(&tables.ir.sids);
    sids.filter_map(|(number, sid)| Some((number, context(tables, sid.context?)))).collect()
}

/// Narrow ranges go before wide ones.
fn ports(tables: &Tables<'_>, faults: &mut Faults<'_>) -> Vec<Port> {
    let key = |port: &ir::PortCon| {
        (i32::from(port.high) - i32::from(port.low), port.low, protocol(port.protocol).0)
    };
    let describe = |port: &ir::PortCon| {
        let what = format!("{} ports {} to {}", protocol(port.protocol).2, port.low, port.high);
        (what, [Some(port.context), None], port.origin)
    };
    let sorted = sorted(tables, &tables.ir.portcons, |a, b| key(a).cmp(&key(b)), describe, faults);
    let port = |port: &&ir::PortCon| Port {
        protocol: protocol(port.protocol).1,
        low: u32::from(port.low),
        high: u32::from(port.high),
        context: context(tables, port.context),
    };
    sorted.iter().map(port).collect()
}

/// The place among protocols, the number in IP, the name.
fn protocol(protocol: Protocol) -> (u8, u32, &'static str) {
    match protocol {
        Protocol::Udp => (1, 17, "udp"),
        Protocol::Tcp => (2, 6, "tcp"),
        Protocol::Dccp => (3, 33, "dccp"),
        Protocol::Sctp => (4, 132, "sctp"),
    }
}

fn interfaces(tables: &Tables<'_>, faults: &mut Faults<'_>) -> Vec<NamedContexts> {
    let names = &tables.ir.names;
    let describe = |netif: &ir::NetIfCon| {
        let what = format!("network interface {}", names.text(netif.name));
        (what, [Some(netif.interface), Some(netif.packet)], netif.origin)
    };
    let order = |a: &ir::NetIfCon, b: &ir::NetIfCon| names.get(a.name).cmp(names.get(b.name));
    let sorted = sorted(tables, &tables.ir.netifcons, order, describe, faults);
    let interface = |netif: &&ir::NetIfCon| NamedContexts {
        name: name(tables, netif.name),
        first: context(tables, netif.interface),
        second: context(tables, netif.packet),
    };
    sorted.iter().map(interface).collect()
}

/// IPv4 before IPv6, long masks before short ones.
fn nodes(tables: &Tables<'_>, faults: &mut Faults<'_>) -> (Vec<Node<4>>, Vec<Node<16>>) {
    let describe = |node: &ir::NodeCon| {
        let what = format!("nodes {} mask {}", node.address, node.mask);
        (what, [Some(node.context), None], node.origin)
    };
    let order = |a: &ir::NodeCon, b: &ir::NodeCon| {
        let families = a.address.is_ipv6().cmp(&b.address.is_ipv6());
        families.then(b.mask.cmp(&a.mask)).then(a.address.cmp(&b.address))
    };
    let (mut nodes4, mut nodes6) = (Vec::new(), Vec::new());
    for node in sorted(tables, &tables.ir.nodecons, order, describe, faults) {
        let context = context(tables, node.context);
        match (node.address, node.mask) {
            (IpAddr::V4(address), IpAddr::V4(mask)) => {
                nodes4.push(Node { address: address.octets(), mask: mask.octets(), context });
            }
            (IpAddr::V6(address), IpAddr::V6(mask)) => {
                nodes6.push(Node { address: address.octets(), mask: mask.octets(), context });
            }
            _ => {
                let message = "address and mask are of different families".to_owned();
                faults.error("nodecon", node.origin, message);
            }
        }
    }
    (nodes4, nodes6)
}

fn fs_uses(tables: &Tables<'_>, faults: &mut Faults<'_>) -> Vec<FsUse> {
    let names = &tables.ir.names;
    let describe = |fs_use: &ir::FsUse| {
        let what = format!("file system {}", names.text(fs_use.filesystem));
        (what, [Some(fs_use.context), None], fs_use.origin)
    };
    let order = |a: &ir::FsUse, b: &ir::FsUse| {
        behavior(a.kind)
            .cmp(&behavior(b.kind))
            .then_with(|| names.get(a.filesystem).cmp(names.get(b.filesystem)))
    };
    let sorted = sorted(tables, &tables.ir.fsuses, order, describe, faults);
    let fs_use = |fs_use: &&ir::FsUse| FsUse {
        behavior: behavior(fs_use.kind),
        name: name(tables, fs_use.filesystem),
        context: context(tables, fs_use.context),
    };
    sorted.iter().map(fs_use).collect()
}

fn behavior(kind: FsUseKind) -> u32 {
    match kind {
        FsUseKind::Xattr => 1,
        FsUseKind::Trans => 2,
        FsUseKind::Task => 3,
    }
}

fn ib_pkeys(tables: &Tables<'_>, faults: &mut Faults<'_>) -> Vec<IbPkey> {
    let describe = |pkey: &ir::IbPkeyCon| {
        let what = format!("partitions {} to {} of subnet {}", pkey.low, pkey.high, pkey.subnet);
        (what, [Some(pkey.context), None], pkey.origin)
    };
    // Subnets are ordered as texts, of which the usual form is taken.
    let key = |pkey: &ir::IbPkeyCon| (pkey.subnet.to_string(), pkey.high.wrapping_sub(pkey.low), pkey.low);
    let sorted = sorted(tables, &tables.ir.ibpkeycons, |a, b| key(a).cmp(&key(b)), describe, faults);
    let pkey = |pkey: &&ir::IbPkeyCon| {
        let mut subnet = [0; 8];
        subnet.copy_from_slice(&pkey.subnet.octets()[..8]);
        IbPkey { subnet, low: pkey.low, high: pkey.high, context: context(tables, pkey.context) }
    };
    sorted.iter().map(pkey).collect()
}

fn ib_end_ports(tables: &Tables<'_>, faults: &mut Faults<'_>) -> Vec<IbEndPort> {
    let names = &tables.ir.names;
    let describe = |end_port: &ir::IbEndPortCon| {
        let what = format!("port {} of device {}", end_port.port, names.text(end_port.device));
        (what, [Some(end_port.context), None], end_port.origin)
    };
    let order = |a: &ir::IbEndPortCon, b: &ir::IbEndPortCon| {
        names.get(a.device).cmp(names.get(b.device)).then(a.port.cmp(&b.port))
    };
    let sorted = sorted(tables, &tables.ir.ibendportcons, order, describe, faults);
    let end_port = |end_port: &&ir::IbEndPortCon| IbEndPort {
        device: name(tables, end_port.device),
        port: end_port.port,
        context: context(tables, end_port.context),
    };
    sorted.iter().map(end_port).collect()
}

fn xen(tables: &Tables<'_>, faults: &mut Faults<'_>) -> XenContexts {
    let (xen, names) = (&tables.ir.xen, &tables.ir.names);
    let context = |id: ContextId| context(tables, id);
    let one = |what: &'static str| {
        move |(number, context, origin): &(u32, ContextId, OriginId)| {
            (format!("{what} {number:#x}"), [Some(*context), None], *origin)
        }
    };
    let pirqs = sorted(tables, &xen.pirqs, |a, b| a.0.cmp(&b.0), one("interrupt"), faults);
    let devices = sorted(tables, &xen.pci_devices, |a, b| a.0.cmp(&b.0), one("PCI device"), faults);
    let key = |(low, high, ..): &(u32, u32, ContextId, OriginId)| (high.wrapping_sub(*low), *low);
    let describe = |(low, high, context, origin): &(u32, u32, ContextId, OriginId)| {
        (format!("I/O ports {low:#x} to {high:#x}"), [Some(*context), None], *origin)
    };
    let ioports = sorted(tables, &xen.ioports, |a, b| key(a).cmp(&key(b)), describe, faults);
    let key = |(low, high, ..): &(u64, u64, ContextId, OriginId)| (high.wrapping_sub(*low), *low);
    let describe = |(low, high, context, origin): &(u64, u64, ContextId, OriginId)| {
        (format!("I/O memory {low:#x} to {high:#x}"), [Some(*context), None], *origin)
    };
    let iomems = sorted(tables, &xen.iomems, |a, b| key(a).cmp(&key(b)), describe, faults);
    let describe = |(path, context, origin): &(Symbol, ContextId, OriginId)| {
        (format!("device tree node {}", names.text(*path)), [Some(*context), None], *origin)
    };
    let order = |a: &(Symbol, ContextId, OriginId), b: &(Symbol, ContextId, OriginId)| {
        names.get(a.0).cmp(names.get(b.0))
    };
    let trees = sorted(tables, &xen.device_trees, order, describe, faults);
    XenContexts {
        sids: sids(tables),
        pirqs: pirqs.iter().map(|(number, id, _)| (*number, context(*id))).collect(),
        ioports: ioports.iter().map(|(low, high, id, _)| (*low, *high, context(*id))).collect(),
        iomems: iomems.iter().map(|(low, high, id, _)| (*low, *high, context(*id))).collect(),
        pci_devices: devices.iter().map(|(number, id, _)| (*number, context(*id))).collect(),
        device_trees: trees.iter().map(|(path, id, _)| (name(tables, *path), context(*id))).collect(),
    }
}

/// Contexts of files in file systems without labels, by file system and path.
pub(crate) fn genfs(tables: &Tables<'_>, faults: &mut Faults<'_>) -> Vec<GenFs> {
    let names = &tables.ir.names;
    let describe = |genfs: &ir::GenFsCon| {
        let what = format!("path {} of {}", names.text(genfs.path), names.text(genfs.filesystem));
        (what, [Some(genfs.context), None], genfs.origin)
    };
    let order = |a: &ir::GenFsCon, b: &ir::GenFsCon| {
        let filesystems = names.get(a.filesystem).cmp(names.get(b.filesystem));
        filesystems.then_with(|| names.get(a.path).cmp(names.get(b.path)))
    };
    let mut list: Vec<GenFs> = Vec::new();
    for genfs in sorted(tables, &tables.ir.genfscons, order, describe, faults) {
        let filesystem = names.get(genfs.filesystem);
        if list.last().is_none_or(|last| &*last.name != filesystem) {
            list.push(GenFs { name: filesystem.into(), paths: Vec::new() });
        }
        let (path, class) = (name(tables, genfs.path), class_of(tables, genfs, faults));
        let path = GenFsPath { path, class, context: context(tables, genfs.context) };
        list.last_mut().into_iter().for_each(|last| last.paths.push(path.clone()));
    }
    list
}

/// The value of the class of a kind of files; 0 for all.
fn class_of(tables: &Tables<'_>, genfs: &ir::GenFsCon, faults: &mut Faults<'_>) -> u32 {
    let class = match genfs.kind {
        FileKind::Any => return 0,
        FileKind::File => "file",
        FileKind::Dir => "dir",
        FileKind::Char => "chr_file",
        FileKind::Block => "blk_file",
        FileKind::Socket => "sock_file",
        FileKind::Pipe => "fifo_file",
        FileKind::Symlink => "lnk_file",
    };
    let classes = (1..).zip(&tables.ir.classes);
    let known = classes.into_iter().find(|(_, known)| tables.ir.names.get(known.name) == class.as_bytes());
    known.map_or_else(
        || {
            let message = format!("the kind of file needs class {class}, which the policy does not have");
            faults.error("genfscon", genfs.origin, message);
            0
        },
        |(value, _)| value,
    )
}
