//! Where kernels, boot loaders and modules lie.

use hardpan_image::{EntryId, FileKind};

use crate::Context;

/// What a file is to the boot, by its place and name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// A program that the firmware or a boot loader starts; it may be a unified kernel image.
    Efi,
    /// A kernel.
    Kernel,
}

/// The files that the boot goes through, by path. Files of the same names elsewhere, such as the unsigned templates that
/// boot loader packages ship below `/usr/lib`, are not started by anything.
pub(crate) fn boot_files(context: &Context<'_>) -> Vec<(EntryId, Stage)> {
    let mut files: Vec<(EntryId, Stage)> = BOOT
        .iter()
        .flat_map(|place| files_below(context, place))
        .filter_map(|id| Some((id, stage(context.index.entry(id).name)?)))
        .collect();
    for version in module_directories(context) {
        let is_kernel = |name: &[u8]| stage(name) == Some(Stage::Kernel);
        let kernels = context.index.children(version).filter(|entry| is_kernel(entry.name));
        let regular = kernels.filter(|entry| entry.metadata.kind == FileKind::File);
        files.extend(regular.map(|entry| (entry.id, Stage::Kernel)));
    }
    files.sort_by_cached_key(|(id, _)| context.index.path(*id));
    files.dedup();
    files
}

/// The directories `/lib/modules/VERSION`, wherever `/lib` leads, by path.
pub(crate) fn module_directories(context: &Context<'_>) -> Vec<EntryId> {
    let index = context.index;
    let mut places: Vec<EntryId> =
        MODULES.iter().filter_map(|path| index.resolve(path.as_bytes()).ok()).collect();
    places.sort_unstable();
    places.dedup();
    let children = places.into_iter().flat_map(|place| index.children(place));
    children.filter(|entry| entry.metadata.kind == FileKind::Directory).map(|entry| entry.id).collect()
}

/// Every regular file below a directory; links below it are not followed.
pub(crate) fn files_below(context: &Context<'_>, place: &str) -> Vec<EntryId> {
    context.index.resolve(place.as_bytes()).map_or(Vec::new(), |id| files_under(context, id))
}

/// [`files_below`] an entry.
pub(crate) fn files_under(context: &Context<'_>, directory: EntryId) -> Vec<EntryId> {
    let mut pending = vec![directory];
    let mut files = Vec::new();
    while let Some(id) = pending.pop() {
        match context.index.entry(id).metadata.kind {
            FileKind::File => files.push(id),
            FileKind::Directory => pending.extend(context.index.children(id).map(|child| child.id)),
            _ => {}
        }
    }
    files
}

fn stage(name: &[u8]) -> Option<Stage> {
    let name = name.to_ascii_lowercase();
    let is_kernel = KERNELS.iter().any(|prefix| {
        name.strip_prefix(prefix.as_bytes()).is_some_and(|rest| rest.is_empty() || rest[0] == b'-')
    });
    if name.ends_with(b".efi") { Some(Stage::Efi) } else { is_kernel.then_some(Stage::Kernel) }
}

/// What firmware and boot loaders see of the tree, and what bootupd installs there.
pub(crate) const BOOT: [&str; 3] = ["/boot", "/efi", "/usr/lib/bootupd"];
/// Where modules lie, with and without a merged `/usr`.
pub(crate) const MODULES: [&str; 2] = ["/usr/lib/modules", "/lib/modules"];
const KERNELS: [&str; 3] = ["vmlinuz", "bzimage", "vmlinux"];
