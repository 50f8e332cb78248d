//! Contexts, and what has one.

use super::super::contexts::{
    Context, FsUse, GenFs, IbEndPort, IbPkey, Level, NamedContexts, Node, Port, Range, SelinuxContexts,
    XenContexts,
};
use super::super::format::version;
use super::WriteError;
use super::sink::Sink;

impl Sink {
    /// The number of levels, their sensitivities, their categories. A range of one level has it once.
    pub(super) fn range(&mut self, range: &Range) {
        let levels: &[&Level] =
            if range.low == range.high { &[&range.low] } else { &[&range.low, &range.high] };
        self.count(levels.len());
        for level in levels {
            self.u32(level.sensitivity);
        }
        for level in levels {
            self.bitmap(&level.categories);
        }
    }

    pub(super) fn level(&mut self, level: &Level) {
        self.u32(level.sensitivity);
        self.bitmap(&level.categories);
    }

    fn context(&mut self, context: &Context) {
        self.u32s([context.user, context.role, context.type_]);
        self.range(&context.range);
    }
}

/// The nine lists of Linux; seven before version 31.
pub(super) fn selinux(sink: &mut Sink, lists: &SelinuxContexts) {
    list(sink, &lists.sids, numbered);
    list(sink, &lists.filesystems, named);
    list(sink, &lists.ports, port);
    list(sink, &lists.interfaces, named);
    list(sink, &lists.nodes4, node);
    list(sink, &lists.fs_uses, fs_use);
    list(sink, &lists.nodes6, node);
    if sink.version >= version::INFINIBAND {
        list(sink, &lists.ib_pkeys, ib_pkey);
        list(sink, &lists.ib_end_ports, ib_end_port);
    }
}

/// The six lists of Xen; five before version 30.
pub(super) fn xen(sink: &mut Sink, lists: &XenContexts) -> Result<(), WriteError> {
    list(sink, &lists.sids, numbered);
    list(sink, &lists.pirqs, numbered);
    list(sink, &lists.ioports, |sink, (low, high, context)| {
        sink.u32(*low);
        sink.u32(*high);
        sink.context(context);
    });
    iomems(sink, &lists.iomems)?;
    list(sink, &lists.pci_devices, numbered);
    if sink.version >= version::XEN_DEVICETREE {
        list(sink, &lists.device_trees, |sink, (path, context)| {
            sink.counted(path);
            sink.context(context);
        });
    }
    Ok(())
}

/// Contexts of file systems without labels.
pub(super) fn genfs(sink: &mut Sink, genfs: &[GenFs]) {
    list(sink, genfs, |sink, filesystem| {
        sink.counted(&filesystem.name);
        list(sink, &filesystem.paths, |sink, it| {
            sink.counted(&it.path);
            sink.u32(it.class);
            sink.context(&it.context);
        });
    });
}

fn list<T>(sink: &mut Sink, entries: &[T], entry: impl Fn(&mut Sink, &T)) {
    sink.count(entries.len());
    for it in entries {
        entry(sink, it);
    }
}

fn numbered(sink: &mut Sink, (number, context): &(u32, Context)) {
    sink.u32(*number);
    sink.context(context);
}

fn named(sink: &mut Sink, it: &NamedContexts) {
    sink.counted(&it.name);
    sink.context(&it.first);
    sink.context(&it.second);
}

fn port(sink: &mut Sink, port: &Port) {
    sink.u32s([port.protocol, port.low, port.high]);
    sink.context(&port.context);
}

fn node<const BYTES: usize>(sink: &mut Sink, node: &Node<BYTES>) {
    sink.raw(&node.address);
    sink.raw(&node.mask);
    sink.context(&node.context);
}

fn fs_use(sink: &mut Sink, it: &FsUse) {
    sink.u32(it.behavior);
    sink.counted(&it.name);
    sink.context(&it.context);
}

fn ib_pkey(sink: &mut Sink, pkey: &IbPkey) {
    sink.raw(&pkey.subnet);
    sink.u32(pkey.low);
    sink.u32(pkey.high);
    sink.context(&pkey.context);
}

fn ib_end_port(sink: &mut Sink, it: &IbEndPort) {
    sink.count(it.device.len());
    sink.u32(it.port);
    sink.raw(&it.device);
    sink.context(&it.context);
}

fn iomems(sink: &mut Sink, ranges: &[(u64, u64, Context)]) -> Result<(), WriteError> {
    sink.count(ranges.len());
    for (low, high, context) in ranges {
        if sink.version >= version::XEN_DEVICETREE {
            sink.u64(*low);
            sink.u64(*high);
        } else {
            for page in [*low, *high] {
                sink.u32(u32::try_from(page).map_err(|_| WriteError::Memory(page, sink.version))?);
            }
        }
        sink.context(context);
    }
    Ok(())
}
