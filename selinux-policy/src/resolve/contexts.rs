//! Contexts, and what they are given to.

use std::net::{IpAddr, Ipv6Addr};

use super::Resolver;
use super::lookup::{At, Stop};
use super::scope::{NONE, Table};
use crate::ir::{self, ContextId, FileKind};
use crate::syntax::Word;

/// What a context is made of, resolved.
type Parts = (ir::UserId, ir::RoleId, ir::TypeId, ir::RangeId);

impl Resolver<'_> {
    /// A context: its name, or written out.
    fn context(&mut self, at: At, node: u32) -> Result<ContextId, Stop> {
        if !self.trees[at.file as usize].is_list(node) {
            let found = self.find(at, Table::Contexts, node)?;
            return Ok(ContextId(self.declarations[found as usize].id));
        }
        let (user, role, type_, range) = self.context_parts(at, node)?;
        let id = ContextId(u32::try_from(self.ir.contexts.len()).unwrap_or(NONE));
        if !self.dry {
            let origin = self.origin(at);
            self.ir.contexts.push(ir::Context { name: None, user, role, type_, range, origin });
        }
        Ok(id)
    }

    fn context_parts(&mut self, at: At, node: u32) -> Result<Parts, Stop> {
        let [user, role, type_, range] = self.trees[at.file as usize].parts(node);
        let user = self.user_only(at, user)?;
        let role = self.role_only(at, role)?;
        let type_ = self.type_only(at, type_)?;
        let range = self.range(at, range)?;
        Ok((user, role, type_, range))
    }

    pub(super) fn named_context(&mut self, at: At) -> Result<(), Stop> {
        let [_, _, node] = self.trees[at.file as usize].parts(at.node);
        let parts = self.context_parts(at, node)?;
        if !self.dry
            && let Some(declared) = self.declared(at.instance, at.statement)
        {
            let context = &mut self.ir.contexts[self.declarations[declared as usize].id as usize];
            (context.user, context.role, context.type_, context.range) = parts;
        }
        Ok(())
    }

    pub(super) fn sid_context(&mut self, at: At) -> Result<(), Stop> {
        let [_, sid, context] = self.trees[at.file as usize].parts(at.node);
        let found = self.find(at, Table::Sids, sid)?;
        let context = self.context(at, context)?;
        if !self.dry {
            let id = self.declarations[found as usize].id;
            let Some(sid_entry) = self.ir.sids.get_mut(id as usize) else { return Ok(()) };
            if sid_entry.context.is_some() {
                return Err(self.refuse("duplicate", "this sid has a context already", at, sid));
            }
            sid_entry.context = Some(context);
        }
        Ok(())
    }

    /// The statements that give contexts to things. Statements that only declare have been dealt with.
    pub(super) fn labelling(&mut self, at: At, word: Word) -> Result<(), Stop> {
        let [_, first, second, third, fourth] = self.trees[at.file as usize].parts(at.node);
        match word {
            Word::Filecon => self.filecon(at, first, second, third),
            Word::Genfscon => self.genfscon(at, [first, second, third, fourth]),
            Word::Fsuse => self.fsuse(at, first, second, third),
            Word::Portcon => self.portcon(at, first, second, third),
            Word::Netifcon => self.netifcon(at, first, second, third),
            Word::Nodecon => self.nodecon(at, first, second, third),
            Word::Ibpkeycon => self.ibpkeycon(at, first, second, third),
            Word::Ibendportcon => self.ibendportcon(at, first, second, third),
            Word::Ipaddr => self.address_value(at, second).map(|_| ()),
            Word::Pirqcon | Word::Pcidevicecon | Word::Ioportcon | Word::Iomemcon | Word::Devicetreecon => {
                self.xen(at, word, first, second)
            }
            _ => Ok(()),
        }
    }

    fn filecon(&mut self, at: At, path: u32, kind: u32, context: u32) -> Result<(), Stop> {
        let tree = &self.trees[at.file as usize];
        let is_none = tree.is_list(context) && tree.children(context).nth(1).is_none();
        let context = if is_none { None } else { Some(self.context(at, context)?) };
        if !self.dry {
            let (path, kind) = (self.string(at, path), self.file_kind(at, kind));
            let origin = self.origin(at);
            self.ir.filecons.push(ir::FileCon { path, kind, context, origin });
        }
        Ok(())
    }

    fn file_kind(&self, at: At, node: u32) -> FileKind {
        match Word::of(self.atom(at.file, node)) {
            Some(Word::File) => FileKind::File,
            Some(Word::Dir) => FileKind::Dir,
            Some(Word::Char) => FileKind::Char,
            Some(Word::Block) => FileKind::Block,
            Some(Word::Socket) => FileKind::Socket,
            Some(Word::Pipe) => FileKind::Pipe,
            Some(Word::Symlink) => FileKind::Symlink,
            _ => FileKind::Any,
        }
    }

    fn genfscon(&mut self, at: At, nodes: [u32; 4]) -> Result<(), Stop> {
        let [filesystem, path, third, fourth] = nodes;
        let has_kind = self.trees[at.file as usize].children(at.node).nth(4).is_some();
        let (kind, context) =
            if has_kind { (self.file_kind(at, third), fourth) } else { (FileKind::Any, third) };
        let context = self.context(at, context)?;
        if !self.dry {
            let (filesystem, path) = (self.atom(at.file, filesystem), self.atom(at.file, path));
            let origin = self.origin(at);
            self.ir.genfscons.push(ir::GenFsCon { filesystem, path, kind, context, origin });
        }
        Ok(())
    }

    fn fsuse(&mut self, at: At, kind: u32, filesystem: u32, context: u32) -> Result<(), Stop> {
        let context = self.context(at, context)?;
        if !self.dry {
            let kind = match Word::of(self.atom(at.file, kind)) {
                Some(Word::Task) => ir::FsUseKind::Task,
                Some(Word::Trans) => ir::FsUseKind::Trans,
                _ => ir::FsUseKind::Xattr,
            };
            let filesystem = self.atom(at.file, filesystem);
            let origin = self.origin(at);
            self.ir.fsuses.push(ir::FsUse { kind, filesystem, context, origin });
        }
        Ok(())
    }

    fn portcon(&mut self, at: At, protocol: u32, ports: u32, context: u32) -> Result<(), Stop> {
        let (low, high) = self.numbers(at, ports, u64::from(u16::MAX), false)?;
        let context = self.context(at, context)?;
        if !self.dry {
            let protocol = match Word::of(self.atom(at.file, protocol)) {
                Some(Word::Tcp) => ir::Protocol::Tcp,
                Some(Word::Dccp) => ir::Protocol::Dccp,
                Some(Word::Sctp) => ir::Protocol::Sctp,
                _ => ir::Protocol::Udp,
            };
            let [low, high] = [low, high].map(|port| u16::try_from(port).unwrap_or(u16::MAX));
            let origin = self.origin(at);
            self.ir.portcons.push(ir::PortCon { protocol, low, high, context, origin });
        }
        Ok(())
    }

    fn netifcon(&mut self, at: At, name: u32, interface: u32, packet: u32) -> Result<(), Stop> {
        let interface = self.context(at, interface)?;
        let packet = self.context(at, packet)?;
        if !self.dry {
            let name = self.atom(at.file, name);
            let origin = self.origin(at);
            self.ir.netifcons.push(ir::NetIfCon { name, interface, packet, origin });
        }
        Ok(())
    }

    fn nodecon(&mut self, at: At, address: u32, mask: u32, context: u32) -> Result<(), Stop> {
        let (address, written) = (self.address(at, address)?, address);
        let mask = self.address(at, mask)?;
        let context = self.context(at, context)?;
        if address.is_ipv4() != mask.is_ipv4() {
            return Err(self.refuse("number", "address and mask are of different families", at, written));
        }
        if !self.dry {
            let origin = self.origin(at);
            self.ir.nodecons.push(ir::NodeCon { address, mask, context, origin });
        }
        Ok(())
    }

    fn ibpkeycon(&mut self, at: At, subnet: u32, keys: u32, context: u32) -> Result<(), Stop> {
        // Keys have 16 bits, ports 8, though the binary format has more room for both.
        let (low, high) = self.numbers(at, keys, u64::from(u16::MAX), true)?;
        let context = self.context(at, context)?;
        let written = self.ir.names.get(self.atom(at.file, subnet));
        let parsed = std::str::from_utf8(written).ok().and_then(|text| text.parse::<Ipv6Addr>().ok());
        let Some(subnet) = parsed else {
            return Err(self.refuse("number", "a subnet is an IPv6 address", at, subnet));
        };
        if !self.dry {
            let [low, high] = [low, high].map(|key| u32::try_from(key).unwrap_or(u32::MAX));
            let origin = self.origin(at);
            self.ir.ibpkeycons.push(ir::IbPkeyCon { subnet, low, high, context, origin });
        }
        Ok(())
    }

    fn ibendportcon(&mut self, at: At, device: u32, port: u32, context: u32) -> Result<(), Stop> {
        let (port, _) = self.numbers(at, port, u64::from(u8::MAX), false)?;
        let context = self.context(at, context)?;
        if !self.dry {
            let device = self.atom(at.file, device);
            let port = u32::try_from(port).unwrap_or(u32::MAX);
            let origin = self.origin(at);
            self.ir.ibendportcons.push(ir::IbEndPortCon { device, port, context, origin });
        }
        Ok(())
    }

    fn xen(&mut self, at: At, word: Word, what: u32, context: u32) -> Result<(), Stop> {
        let limit = if word == Word::Iomemcon { u64::MAX } else { u64::from(u32::MAX) };
        // Interrupts are in decimal only.
        let any_base = word != Word::Pirqcon;
        let numbers =
            if word == Word::Devicetreecon { (0, 0) } else { self.numbers(at, what, limit, any_base)? };
        let context = self.context(at, context)?;
        if self.dry {
            return Ok(());
        }
        let path = self.atom(at.file, what);
        let origin = self.origin(at);
        let (low, high) = numbers;
        let [small_low, small_high] = [low, high].map(|number| u32::try_from(number).unwrap_or(u32::MAX));
        let xen = &mut self.ir.xen;
        match word {
            Word::Pirqcon => xen.pirqs.push((small_low, context, origin)),
            Word::Iomemcon => xen.iomems.push((low, high, context, origin)),
            Word::Ioportcon => xen.ioports.push((small_low, small_high, context, origin)),
            Word::Pcidevicecon => xen.pci_devices.push((small_low, context, origin)),
            _ => xen.device_trees.push((path, context, origin)),
        }
        Ok(())
    }

    /// A number, or a list of two, up to a limit.
    fn numbers(&mut self, at: At, node: u32, limit: u64, any_base: bool) -> Result<(u64, u64), Stop> {
        let tree = &self.trees[at.file as usize];
        let nodes = if tree.is_list(node) { tree.parts(node) } else { [node, node] };
        let mut values = [0; 2];
        for (value, node) in values.iter_mut().zip(nodes) {
            let parsed = number(self.ir.names.get(self.atom(at.file, node)), any_base);
            match parsed.filter(|parsed| *parsed <= limit) {
                Some(parsed) => *value = parsed,
                None => {
                    return Err(self.refuse("number", format!("this is no number up to {limit}"), at, node));
                }
            }
        }
        let [low, high] = values;
        Ok((low, high))
    }

    /// An address: written out, in a list of its own or not, or by its name.
    fn address(&mut self, at: At, node: u32) -> Result<IpAddr, Stop> {
        let tree = &self.trees[at.file as usize];
        let node = if tree.is_list(node) { tree.parts::<1>(node)[0] } else { node };
        let name = self.ir.names.get(self.atom(at.file, node));
        let is_written =
            name.contains(&b':') || (name.contains(&b'.') && name.first().is_some_and(u8::is_ascii_digit));
        if is_written {
            return self.address_value(at, node);
        }
        let found = self.find(at, Table::Addresses, node)?;
        let declaration = self.declarations[found as usize];
        let statement = self.statements[declaration.statement as usize];
        let written = At { file: statement.file, ..at };
        let node = match declaration.name {
            Some(_) => {
                let [_, _, value] = self.trees[statement.file as usize].parts(statement.node);
                value
            }
            None => declaration.target,
        };
        let tree = &self.trees[statement.file as usize];
        let node = if tree.is_list(node) { tree.parts::<1>(node)[0] } else { node };
        self.address_value(written, node)
    }

    fn address_value(&mut self, at: At, node: u32) -> Result<IpAddr, Stop> {
        let written = self.ir.names.get(self.atom(at.file, node));
        let parsed = std::str::from_utf8(written).ok().and_then(|text| text.parse::<IpAddr>().ok());
        parsed.ok_or_else(|| self.refuse("number", "this is no IP address", at, node))
    }
}

/// A number as C has it: with a base by its prefix (`0x`, `0`) or in decimal only.
pub(super) fn number(text: &[u8], any_base: bool) -> Option<u64> {
    let text = std::str::from_utf8(text).ok()?;
    let text = text.strip_prefix('+').unwrap_or(text);
    if !text.starts_with(|first: char| first.is_ascii_digit()) {
        return None;
    }
    let (digits, base) = match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        Some(digits) if any_base => (digits, 16),
        None if any_base && text.len() > 1 && text.starts_with('0') => (&text[1..], 8),
        _ => (text, 10),
    };
    // The standard library would take a second sign.
    if digits.starts_with('+') { None } else { u64::from_str_radix(digits, base).ok() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_the_bases_of_c() {
        assert_eq!(number(b"010", true), Some(8));
        assert_eq!(number(b"010", false), Some(10));
        assert_eq!((number(b"0x1F", true), number(b"0x1F", false)), (Some(31), None));
        assert_eq!((number(b"+7", false), number(b"-7", false), number(b"", true)), (Some(7), None, None));
        assert_eq!((number(b"0", true), number(b"0x", true), number(b"0x+1", true)), (Some(0), None, None));
        assert_eq!((number(b"0+1", true), number(b"08", true)), (None, None));
        assert_eq!(number(b"18446744073709551616", true), None);
    }
}
