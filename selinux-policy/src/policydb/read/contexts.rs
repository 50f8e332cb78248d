//! Contexts, and what has one.

use std::collections::BTreeMap;

use rustc_hash::FxHashSet;

use super::check::Index;
use super::cursor::{Cursor, Result};
use super::symbols::shown;
use crate::policydb::contexts::{
    Context, FsUse, GenFs, GenFsPath, IbEndPort, IbPkey, Level, NamedContexts, Node, Ocontexts, Port, Range,
    SelinuxContexts, XenContexts,
};
use crate::policydb::format::version;
use crate::policydb::{Name, Problem, RangeTransition, Target};

/// The most that a port number, and the key of an InfiniBand partition, can be.
const MAX_PORT: u32 = u16::MAX as u32;

/// The ways of labelling a file system; 6 means that the kernel decides and cannot be asked for.
const FS_USES: [u32; 6] = [1, 2, 3, 4, 5, 7];

impl Cursor<'_> {
    /// A level. Without MLS its sensitivity may be 0.
    pub(super) fn level(&mut self) -> Result<Level> {
        let sensitivity = self.sensitivity()?;
        Ok(Level { sensitivity, categories: self.categories()? })
    }

    /// One level, or two.
    pub(super) fn range(&mut self) -> Result<Range> {
        match self.u32()? {
            1 => {
                let level = self.level()?;
                Ok(Range { low: level.clone(), high: level })
            }
            2 => {
                let (low, high) = (self.sensitivity()?, self.sensitivity()?);
                let low = Level { sensitivity: low, categories: self.categories()? };
                let high = Level { sensitivity: high, categories: self.categories()? };
                // Every writer of the format has one level then, so that each range has one form.
                if low == high {
                    Err(self.code("number of different levels", 2))
                } else {
                    Ok(Range { low, high })
                }
            }
            other => Err(self.code("number of levels of a range", other.into())),
        }
    }

    fn sensitivity(&mut self) -> Result<u32> {
        let highest = self.highest.sensitivities;
        if self.mls { self.value("sensitivity", highest) } else { self.value_or_none("sensitivity", highest) }
    }

    fn categories(&mut self) -> Result<crate::policydb::Bitmap> {
        self.values("category", self.highest.categories)
    }

    fn context(&mut self, index: &Index) -> Result<Context> {
        let start = self.offset();
        let highest = self.highest;
        let user = self.value("user", highest.users)?;
        let role = self.value("role", highest.roles)?;
        let type_ = self.value("type", highest.types)?;
        let range = if self.version >= version::MLS { self.range()? } else { Range::default() };
        let context = Context { user, role, type_, range };
        index.check_context(&context).map_err(|reason| self.error_at(start, Problem::Context(reason)))?;
        Ok(context)
    }
}

/// The lists of Linux or Xen.
pub(super) fn ocontexts(cursor: &mut Cursor, index: &Index, target: Target) -> Result<Ocontexts> {
    match target {
        Target::Selinux => selinux(cursor, index).map(Box::new).map(Ocontexts::Selinux),
        Target::Xen => xen(cursor, index).map(Box::new).map(Ocontexts::Xen),
    }
}

fn selinux(cursor: &mut Cursor, index: &Index) -> Result<SelinuxContexts> {
    let sids = sids(cursor, index)?;
    cursor.enter("context of a file system");
    let filesystems = cursor.list(4, |cursor| named(cursor, index))?;
    cursor.enter("context of ports");
    let ports = cursor.list(12, |cursor| port(cursor, index))?;
    cursor.enter("context of an interface");
    let interfaces = cursor.list(4, |cursor| named(cursor, index))?;
    cursor.enter("context of nodes");
    let nodes4 = cursor.list(8, |cursor| node(cursor, index))?;
    cursor.enter("way of labelling a file system");
    let fs_uses = cursor.list(8, |cursor| fs_use(cursor, index))?;
    cursor.enter("context of nodes");
    let nodes6 =
        if cursor.version >= version::IPV6 { cursor.list(32, |cursor| node(cursor, index))? } else { vec![] };
    let mut lists = SelinuxContexts {
        sids,
        filesystems,
        ports,
        interfaces,
        nodes4,
        fs_uses,
        nodes6,
        ..Default::default()
    };
    if cursor.version >= version::INFINIBAND {
        cursor.enter("context of InfiniBand partitions");
        lists.ib_pkeys = cursor.list(16, |cursor| ib_pkey(cursor, index))?;
        cursor.enter("context of an InfiniBand port");
        lists.ib_end_ports = cursor.list(8, |cursor| ib_end_port(cursor, index))?;
    }
    Ok(lists)
}

fn xen(cursor: &mut Cursor, index: &Index) -> Result<XenContexts> {
    let sids = sids(cursor, index)?;
    let numbered = |cursor: &mut Cursor| Ok((cursor.u32()?, cursor.context(index)?));
    cursor.enter("context of an interrupt");
    let pirqs = cursor.list(4, numbered)?;
    cursor.enter("context of I/O ports");
    let ioports = cursor.list(8, |cursor| {
        let (low, high) = (cursor.u32()?, cursor.u32()?);
        check_order(cursor, low <= high)?;
        Ok((low, high, cursor.context(index)?))
    })?;
    cursor.enter("context of memory");
    let iomems = cursor.list(8, |cursor| iomem(cursor, index))?;
    cursor.enter("context of a PCI device");
    let pci_devices = cursor.list(4, numbered)?;
    cursor.enter("context of a device tree's node");
    let device_trees = if cursor.version >= version::XEN_DEVICETREE {
        cursor.list(4, |cursor| Ok((cursor.counted_name()?, cursor.context(index)?)))?
    } else {
        vec![]
    };
    Ok(XenContexts { sids, pirqs, ioports, iomems, pci_devices, device_trees })
}

/// Contexts of file systems without labels. The kernel takes no name twice, and no path twice for one class.
pub(super) fn genfs(cursor: &mut Cursor, index: &Index) -> Result<Vec<GenFs>> {
    cursor.enter("context of files");
    let mut names = FxHashSet::default();
    cursor.list(8, |cursor| {
        let name = cursor.counted_name()?;
        if !names.insert(name.clone()) {
            return Err(twice(cursor, "the file system", &name));
        }
        let mut known: BTreeMap<Name, Vec<u32>> = BTreeMap::new();
        let paths = cursor.list(8, |cursor| {
            let it = genfs_path(cursor, index)?;
            let classes = known.entry(it.path.clone()).or_default();
            if classes.iter().any(|class| *class == 0 || it.class == 0 || *class == it.class) {
                return Err(twice(cursor, "the path", &it.path));
            }
            classes.push(it.class);
            Ok(it)
        })?;
        Ok(GenFs { name, paths })
    })
}

/// Changes of range; of MLS, so they began when it did.
pub(super) fn range_transitions(cursor: &mut Cursor, index: &Index) -> Result<Vec<RangeTransition>> {
    cursor.enter("range transition");
    if cursor.version < version::MLS {
        return Ok(Vec::new());
    }
    let mut known = FxHashSet::default();
    cursor.list(12, |cursor| {
        let highest = cursor.highest;
        let source_type = cursor.value("type", highest.types)?;
        let target_type = cursor.value("type", highest.types)?;
        let class = if cursor.version >= version::RANGETRANS {
            cursor.value("class", highest.classes)?
        } else {
            index.process(cursor)?
        };
        if !known.insert((source_type, target_type, class)) {
            let name = format!("of source {source_type}, target {target_type} and class {class}");
            return Err(cursor.error(Problem::Twice { what: "the change", name }));
        }
        let start = cursor.offset();
        let range = cursor.range()?;
        index.check_range(&range).map_err(|reason| cursor.error_at(start, Problem::Context(reason)))?;
        Ok(RangeTransition { source_type, target_type, class, range })
    })
}

fn sids(cursor: &mut Cursor, index: &Index) -> Result<Vec<(u32, Context)>> {
    cursor.enter("context of an initial SID");
    let mut known = FxHashSet::default();
    cursor.list(4, |cursor| {
        let sid = cursor.value("initial SID", u32::MAX)?;
        if !known.insert(sid) {
            return Err(cursor.error(Problem::Twice { what: "the SID", name: sid.to_string() }));
        }
        Ok((sid, cursor.context(index)?))
    })
}

fn twice(cursor: &Cursor, what: &'static str, name: &Name) -> crate::policydb::PolicyError {
    cursor.error(Problem::Twice { what, name: shown(name) })
}

fn check_order(cursor: &Cursor, is_ordered: bool) -> Result<()> {
    if is_ordered { Ok(()) } else { Err(cursor.error(Problem::Context("its range ends before it begins"))) }
}

fn named(cursor: &mut Cursor, index: &Index) -> Result<NamedContexts> {
    let name = cursor.counted_name()?;
    Ok(NamedContexts { name, first: cursor.context(index)?, second: cursor.context(index)? })
}

fn port(cursor: &mut Cursor, index: &Index) -> Result<Port> {
    let [protocol, low, high] = cursor.u32s()?;
    check_order(cursor, low <= high)?;
    if high > MAX_PORT {
        return Err(cursor.code("port", high.into()));
    }
    Ok(Port { protocol, low, high, context: cursor.context(index)? })
}

fn node<const BYTES: usize>(cursor: &mut Cursor, index: &Index) -> Result<Node<BYTES>> {
    Ok(Node { address: cursor.array()?, mask: cursor.array()?, context: cursor.context(index)? })
}

fn fs_use(cursor: &mut Cursor, index: &Index) -> Result<FsUse> {
    let behavior = cursor.u32()?;
    if !FS_USES.contains(&behavior) {
        return Err(cursor.code("way of labelling a file system", behavior.into()));
    }
    Ok(FsUse { behavior, name: cursor.counted_name()?, context: cursor.context(index)? })
}

fn ib_pkey(cursor: &mut Cursor, index: &Index) -> Result<IbPkey> {
    let subnet = cursor.array()?;
    let [low, high] = cursor.u32s()?;
    check_order(cursor, low <= high)?;
    if high > MAX_PORT {
        return Err(cursor.code("key of an InfiniBand partition", high.into()));
    }
    Ok(IbPkey { subnet, low, high, context: cursor.context(index)? })
}

fn ib_end_port(cursor: &mut Cursor, index: &Index) -> Result<IbEndPort> {
    let length = cursor.u32()?;
    let port = cursor.value("port of an InfiniBand device", u8::MAX.into())?;
    Ok(IbEndPort { device: cursor.name(length)?, port, context: cursor.context(index)? })
}

fn iomem(cursor: &mut Cursor, index: &Index) -> Result<(u64, u64, Context)> {
    let (low, high) = if cursor.version >= version::XEN_DEVICETREE {
        (cursor.u64()?, cursor.u64()?)
    } else {
        (cursor.u32()?.into(), cursor.u32()?.into())
    };
    check_order(cursor, low <= high)?;
    Ok((low, high, cursor.context(index)?))
}

fn genfs_path(cursor: &mut Cursor, index: &Index) -> Result<GenFsPath> {
    let path = cursor.counted_name()?;
    let class = cursor.value_or_none("class", cursor.highest.classes)?;
    Ok(GenFsPath { path, class, context: cursor.context(index)? })
}
