//! Container images in a tar.

use crate::common::pack::tar;
use crate::common::{sha256, tree};

/// Nothing is read past what is there. The input is a tar, or the second layer of an image that our own writer makes: then
/// every file is of one of the two layers, and the first layer's are all there if the second has no whiteouts.
pub fn check(bytes: &[u8]) {
    if bytes.first() == Some(&0xff) {
        tree::check(&bytes[1..]);
        return;
    }
    let below = tar(&[("usr/bin/tool", b"tool"), ("etc/passwd", b"root")]);
    let Some(image) = tree::check(&layout(&[&below, bytes])) else { return };
    let Some(layer) = tree::check(bytes) else { return };
    if layer.kind().as_str() != "tar" {
        return;
    }
    let [merged, above] = [&*image, &*layer].map(tree::paths);
    let is_whiteout = |path: &String| path.contains("/.wh.");
    let has_links = tree::paths(&*layer).len() != tree::files(&*layer).len() + tree::directories(&*layer);
    for path in &merged {
        assert!(above.contains(path) || BELOW.contains(&&path[..]), "{path} is of no layer");
        assert!(!path.rsplit('/').next().is_some_and(|name| name.starts_with(".wh.")));
    }
    if !above.iter().any(is_whiteout) && !has_links && tree::is_sound(&*image) && tree::is_sound(&*layer) {
        assert!(above.iter().all(|path| merged.contains(path)));
    }
}

/// An image as a whole, and layers with whiteouts.
pub fn seeds() -> Vec<Vec<u8>> {
    let above = [
        tar(&[("usr/bin/.wh.tool", b""), ("new", b"new")]),
        tar(&[("etc/.wh..wh..opq", b""), ("etc/group", b"x")]),
        tar(&[("usr", b"a file")]),
    ];
    let whole = [&[0xff][..], &layout(&[&above[0], &above[1]])].concat();
    above.into_iter().chain([whole]).collect()
}

/// A layout with one image, as a tar.
fn layout(layers: &[&[u8]]) -> Vec<u8> {
    let named = |bytes: &[u8]| format!(r#"{{"digest":"sha256:{}","size":{}}}"#, sha256(bytes), bytes.len());
    let listed: Vec<String> = layers.iter().map(|layer| named(layer)).collect();
    let manifest = format!(r#"{{"layers":[{}]}}"#, listed.join(","));
    let index = format!(r#"{{"manifests":[{}]}}"#, named(manifest.as_bytes()));
    let path = |bytes: &[u8]| format!("blobs/sha256/{}", sha256(bytes));
    let mut files = vec![
        ("oci-layout".to_owned(), &b"{}"[..]),
        ("index.json".to_owned(), index.as_bytes()),
        (path(manifest.as_bytes()), manifest.as_bytes()),
    ];
    files.extend(layers.iter().map(|layer| (path(layer), *layer)));
    let files: Vec<_> = files.iter().map(|(name, bytes)| (&name[..], *bytes)).collect();
    tar(&files)
}

const BELOW: [&str; 6] = ["/usr", "/usr/bin", "/usr/bin/tool", "/etc", "/etc/passwd", "/"];
