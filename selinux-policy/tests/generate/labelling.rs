//! Statements that give contexts to things.

use super::mls::{Labels, Lines, context};
use super::world::World;

const STEMS: [&str; 6] = ["/usr/bin", "/usr", "/etc", "/var/lib/a", "/", "/opt/x\\.y"];
const TAILS: [&str; 9] =
    ["", "/.*", "(/.*)?", "/[a-z]+", "/foo", "/foo\\.conf", "/b?r", "/lib(64)?/x\\+\\+", "/a|/b"];
const FILE_KINDS: [&str; 8] = ["file", "dir", "char", "block", "socket", "pipe", "symlink", "any"];
const FILE_SYSTEMS: [&str; 5] = ["proc", "sysfs", "ext4", "tmpfs", "selinuxfs"];

/// Labels for files, file systems, networks and, for Xen, devices.
pub(crate) fn generate(world: &mut World, labels: &mut Labels, is_xen: bool, lines: &mut Lines) {
    files(world, labels, lines);
    genfs(world, labels, lines);
    if is_xen {
        // The reference compiler puts other contexts where those of Xen are expected, and writes what lies there.
        xen(world, labels, lines);
        return;
    }
    fs_uses(world, labels, lines);
    ports(world, labels, lines);
    networks(world, labels, lines);
    infiniband(world, labels, lines);
}

fn files(world: &mut World, labels: &mut Labels, lines: &mut Lines) {
    let mut used = Vec::new();
    for _ in 0..world.random.below(12) {
        let path = format!("{}{}", world.random.pick(&STEMS), world.random.pick(&TAILS));
        let kind = world.random.pick(&FILE_KINDS);
        if used.contains(&(path.clone(), kind)) && !world.random.chance(5) {
            continue;
        }
        let context = if world.random.chance(10) { "()".to_owned() } else { context(world, labels, lines) };
        lines.push(format!("(filecon \"{path}\" {kind} {context})"));
        used.push((path, kind));
    }
}

fn fs_uses(world: &mut World, labels: &mut Labels, lines: &mut Lines) {
    let mut used = Vec::new();
    for _ in 0..world.random.below(5) {
        let (how, of) = (world.random.pick(&["xattr", "task", "trans"]), world.random.pick(&FILE_SYSTEMS));
        if used.contains(&of) && !world.random.chance(4) {
            continue;
        }
        let context = context(world, labels, lines);
        lines.push(format!("(fsuse {how} {of} {context})"));
        used.push(of);
    }
}

fn genfs(world: &mut World, labels: &mut Labels, lines: &mut Lines) {
    let mut used = Vec::new();
    for _ in 0..world.random.below(8) {
        let of = world.random.pick(&FILE_SYSTEMS);
        let path = world.random.pick(&["/", "/net", "/net/tcp", "/sys", "/a b"]);
        if used.contains(&(of, path)) && !world.random.chance(4) {
            continue;
        }
        let kind = if world.random.chance(25) { genfs_kind(world) } else { String::new() };
        let context = context(world, labels, lines);
        lines.push(format!("(genfscon {of} \"{path}\"{kind} {context})"));
        used.push((of, path));
    }
}

/// A kind of file, of which there must be the class.
fn genfs_kind(world: &mut World) -> String {
    let kinds =
        [("any", "file"), ("file", "file"), ("dir", "dir"), ("char", "chr_file"), ("socket", "sock_file")];
    let (kind, class) = world.random.pick(&kinds);
    let is_there = world.classes.contains_key(class) || world.random.chance(3);
    if is_there { format!(" {kind}") } else { String::new() }
}

fn ports(world: &mut World, labels: &mut Labels, lines: &mut Lines) {
    for _ in 0..world.random.below(8) {
        let protocol = world.random.pick(&["tcp", "udp", "dccp", "sctp"]);
        let low = world.random.within(1, 65_000);
        let port = if world.random.chance(50) {
            low.to_string()
        } else {
            format!("({low} {})", low + world.random.below(500))
        };
        let context = context(world, labels, lines);
        lines.push(format!("(portcon {protocol} {port} {context})"));
        if world.random.chance(8) {
            // The same again is no conflict.
            lines.push(format!("(portcon {protocol} {port} {context})"));
        }
    }
}

fn networks(world: &mut World, labels: &mut Labels, lines: &mut Lines) {
    for index in 0..world.random.below(3) {
        let (interface, packet) = (context(world, labels, lines), context(world, labels, lines));
        lines.push(format!("(netifcon eth{index} {interface} {packet})"));
    }
    for _ in 0..world.random.below(4) {
        let (address, mask) = if world.random.chance(60) {
            let mask = world.random.pick(&["255.255.255.0", "255.0.0.0", "255.255.255.255"]);
            (format!("10.{}.{}.0", world.random.below(256), world.random.below(256)), mask)
        } else {
            let mask = world.random.pick(&["ffff:ffff::", "ffff:ffff:ffff:ffff::", "ffff::"]);
            (format!("2001:{:x}::", world.random.below(0xffff)), mask)
        };
        let context = context(world, labels, lines);
        if world.random.chance(50) {
            lines.push(format!("(nodecon ({address}) ({mask}) {context})"));
            continue;
        }
        let index = world.next();
        lines.push(format!("(ipaddr ip{index} {address})"));
        lines.push(format!("(nodecon ip{index} ({mask}) {context})"));
    }
}

fn infiniband(world: &mut World, labels: &mut Labels, lines: &mut Lines) {
    for _ in 0..world.random.below(3) {
        let low = world.random.below(1000);
        let pkey = if world.random.chance(50) { low.to_string() } else { format!("({low} {})", low + 5) };
        let subnet = world.random.pick(&["fe80::", "fe80::7629:afff:fe0f:8e5d", "2001:db8::"]);
        let context = context(world, labels, lines);
        lines.push(format!("(ibpkeycon {subnet} {pkey} {context})"));
    }
    for _ in 0..world.random.below(3) {
        let (device, port) = (world.next(), world.random.within(1, 255));
        let context = context(world, labels, lines);
        lines.push(format!("(ibendportcon mlx{device}_0 {port} {context})"));
    }
}

fn xen(world: &mut World, labels: &mut Labels, lines: &mut Lines) {
    for _ in 0..world.random.below(3) {
        let number = world.random.below(60_000);
        let one = context(world, labels, lines);
        lines.push(format!("(pirqcon {number} {one})"));
        let (number, one) = (world.random.below(60_000), context(world, labels, lines));
        lines.push(format!("(iomemcon ({number} {}) {one})", number + world.random.below(300)));
        let (number, one) = (world.random.below(60_000), context(world, labels, lines));
        lines.push(format!("(ioportcon {number} {one})"));
        let (number, one) = (world.random.below(60_000), context(world, labels, lines));
        lines.push(format!("(pcidevicecon {number} {one})"));
        let (number, one) = (world.next(), context(world, labels, lines));
        lines.push(format!("(devicetreecon \"/soc/uart@{number}\" {one})"));
    }
}
