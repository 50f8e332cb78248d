//! Kernel modules: what a file says of itself, and the order in which files can be loaded.

mod elf;
mod modinfo;
mod order;

pub use modinfo::{ModInfo, ModuleError, ModuleSignature};
pub use order::{
    Found, Loading, Needed, OrderError, Ordered, SoftDependency, Source, WANTED_BY_PROFILE, order,
};

/// A module's name from that of its file: without endings, with underscores, as the kernel lists it.
///
/// `None` if the file is not called `*.ko`, perhaps with the ending of a compression.
pub fn name_of_file(file: &str) -> Option<String> {
    let name = file.rsplit('/').next().unwrap_or_default();
    let stem = ["", ".gz", ".xz", ".zst"].iter().find_map(|compression| {
        let name = name.strip_suffix(compression)?;
        name.strip_suffix(".ko")
    })?;
    (!stem.is_empty()).then(|| normal(stem))
}

/// The form of a module's name in which two spellings of one are equal: the kernel takes `-` and `_` for the same.
pub fn normal(name: &str) -> String {
    name.replace('-', "_")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_that_the_kernel_lists() {
        assert_eq!(name_of_file("/lib/modules/6.1/dm-verity.ko.xz").as_deref(), Some("dm_verity"));
        assert_eq!(name_of_file("virtio_blk.ko").as_deref(), Some("virtio_blk"));
        for other in ["modules.dep", "x.ko.bz2", "a.kok", ".ko", "ko"] {
            assert_eq!(name_of_file(other), None, "{other}");
        }
    }
}
