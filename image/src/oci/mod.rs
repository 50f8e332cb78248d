//! Container images: OCI image layouts, and what `docker save` writes.
//!
//! The layers of one image are put on each other as a runtime does it, whiteouts included. Every blob is held against the
//! digest that it is named by, so that nothing but `index.json` or `manifest.json` is taken on trust.

mod choice;
mod json;
mod layer;
mod store;

use crate::archive::{ArchiveTree, Builder};
use crate::open::OpenError;
use crate::{Error, Index, Tree, TreeKind};
use choice::{Image, choose};
use json::{Config, Manifest, SavedImage};
use store::Store;

/// Whether a tree is an image layout.
pub(crate) fn is_layout(has: impl Fn(&str) -> bool) -> bool {
    has("oci-layout") && has("index.json")
}

/// Whether a tree is what `docker save` wrote before it wrote layouts, and no file system that has such a file.
pub(crate) fn is_saved(has: impl Fn(&str) -> bool) -> bool {
    has("manifest.json") && !["usr", "etc", "bin"].iter().any(|name| has(name))
}

/// Puts together one image of those in a layout. `wanted` is a platform, a name or a digest; where it is `None`, there must
/// be one image only.
pub(crate) fn open_layout(
    tree: &dyn Tree,
    wanted: Option<&str>,
    limit: u64,
) -> Result<ArchiveTree, OpenError> {
    let index = index(tree)?;
    let store = Store(&index);
    let images = choice::of_layout(&store)?;
    let image = choose(&images, wanted)?;
    let manifest: Manifest = store.json_blob(&image.descriptor)?;
    let mut builder = with_oddities(tree);
    notice_others(&index, is_of_layout, &mut builder);
    let mut left = limit;
    for (number, descriptor) in manifest.layers.iter().enumerate() {
        let unpacked = store.layer(&descriptor.digest, Some(descriptor.size), left)?;
        left -= layer::apply(unpacked, &format!("layer {}", number + 1), &mut builder);
    }
    Ok(builder.finish(TreeKind::Oci))
}

/// Puts together one image of those in an archive by `docker save`.
pub(crate) fn open_saved(
    tree: &dyn Tree,
    wanted: Option<&str>,
    limit: u64,
) -> Result<ArchiveTree, OpenError> {
    let index = index(tree)?;
    let store = Store(&index);
    let all: Vec<SavedImage> = store.json(b"manifest.json")?;
    let images: Vec<Image> = all.iter().enumerate().map(|(at, saved)| Image::saved(at, saved)).collect();
    let image = choose(&images, wanted)?;
    let saved = &all[image.number];
    let config: Config = store.json(saved.config.as_bytes())?;
    let digests = config.rootfs.diff_ids;
    if digests.len() != saved.layers.len() {
        return Err(malformed("the configuration and manifest.json differ in the number of layers").into());
    }
    let mut builder = with_oddities(tree);
    let parts = saved_parts(&all);
    let is_known = |name: &[u8]| is_of_layout(name) || parts.contains(&name) || is_named_by_digest(name);
    notice_others(&index, is_known, &mut builder);
    let mut left = limit;
    for (path, digest) in saved.layers.iter().zip(&digests) {
        let unpacked = store.saved_layer(path.as_bytes(), digest, left)?;
        left -= layer::apply(unpacked, path, &mut builder);
    }
    Ok(builder.finish(TreeKind::DockerArchive))
}

fn index(tree: &dyn Tree) -> Result<Index<'_>, OpenError> {
    let index = Index::build(tree, &|_| true)?;
    index.ok_or_else(|| malformed("the layout could not be listed").into())
}

/// What is wrong with the archive around the layers may concern any of them.
fn with_oddities(tree: &dyn Tree) -> Builder {
    let mut builder = Builder::new();
    for anomaly in tree.anomalies() {
        builder.odd(b"", format!("the archive of the image: {}", anomaly.what), true);
    }
    builder
}

/// Records what is beside an image, which nobody unpacks with it: a root file system with a few files of a layout in it
/// would otherwise hide behind them.
fn notice_others(index: &Index<'_>, is_known: impl Fn(&[u8]) -> bool, builder: &mut Builder) {
    for entry in index.children(index.root()) {
        if !is_known(entry.name) {
            let name = entry.name.escape_ascii();
            let what = format!("`{name}` is beside the image and no part of it, and was not looked at");
            builder.odd(entry.name, what, true);
        }
    }
}

/// What the images of an archive by `docker save` are made of, by the names at its root.
fn saved_parts(images: &[SavedImage]) -> Vec<&[u8]> {
    let paths = images.iter().flat_map(|image| image.layers.iter().chain([&image.config]));
    paths
        .filter_map(|path| path.split('/').find(|part| !matches!(*part, "" | ".")))
        .map(str::as_bytes)
        .collect()
}

fn is_of_layout(name: &[u8]) -> bool {
    LAYOUT.contains(&name)
}

/// Old versions of Docker wrote layers that several images share once, and a directory for each image that has them.
fn is_named_by_digest(name: &[u8]) -> bool {
    let stem = name.strip_suffix(b".json").or_else(|| name.strip_suffix(b".tar")).unwrap_or(name);
    stem.len() == 64 && stem.iter().all(u8::is_ascii_hexdigit)
}

/// What a layout is made of, and what `docker save` writes beside it for old readers.
const LAYOUT: [&[u8]; 5] = [b"blobs", b"index.json", b"manifest.json", b"oci-layout", b"repositories"];

fn malformed(reason: impl Into<String>) -> Error {
    Error::Malformed { structure: "container image", offset: 0, reason: reason.into() }
}
