//! Which image of several is meant. Nothing is chosen in silence: a layout may hold another image for each platform.

use super::json::{Descriptor, IndexFile, SavedImage};
use super::malformed;
use super::store::Store;
use crate::open::OpenError;

/// An image and what it can be called.
pub(super) struct Image {
    pub(super) descriptor: Descriptor,
    /// Its place in `manifest.json`.
    pub(super) number: usize,
    names: Vec<String>,
}

impl Image {
    /// An entry of `manifest.json`.
    pub(super) fn saved(number: usize, saved: &SavedImage) -> Self {
        let mut names = saved.repo_tags.clone().unwrap_or_default();
        names.push(saved.config.clone());
        let descriptor = Descriptor {
            media_type: String::new(),
            digest: saved.config.clone(),
            size: 0,
            platform: None,
            annotations: None,
        };
        Self { descriptor, number, names }
    }

    fn listed(descriptor: &Descriptor, above: &[String]) -> Self {
        let mut names = own_names(descriptor);
        names.extend(descriptor.platform.as_ref().map(ToString::to_string));
        names.extend_from_slice(above);
        names.push(descriptor.digest.clone());
        Self { descriptor: descriptor.clone(), number: 0, names }
    }

    /// A platform matches without its variant, too.
    fn is_called(&self, wanted: &str) -> bool {
        let platform = self.descriptor.platform.as_ref();
        let short = platform.map(|platform| format!("{}/{}", platform.os, platform.architecture));
        self.names.iter().any(|name| name == wanted) || short.as_deref() == Some(wanted)
    }
}

/// Every image of a layout.
pub(super) fn of_layout(store: &Store<'_, '_>) -> Result<Vec<Image>, OpenError> {
    let top: IndexFile = store.json(b"index.json")?;
    let mut images: Vec<Image> = Vec::new();
    let mut indexes = vec![(top, Vec::new(), 0)];
    while let Some((index, above, depth)) = indexes.pop() {
        for descriptor in &index.manifests {
            if is_attestation(descriptor) {
                continue;
            }
            if !is_index(descriptor) {
                if images.iter().all(|image| image.descriptor.digest != descriptor.digest) {
                    images.push(Image::listed(descriptor, &above));
                }
            } else if depth < MAX_DEPTH && indexes.len() + images.len() < MAX_IMAGES {
                let names = [&above[..], &own_names(descriptor)].concat();
                indexes.push((store.json_blob(descriptor)?, names, depth + 1));
            } else {
                return Err(malformed("indexes within indexes over indexes, or too many of them").into());
            }
        }
    }
    Ok(images)
}

/// The only image, or the only one that is called so.
pub(super) fn choose<'i>(images: &'i [Image], wanted: Option<&str>) -> Result<&'i Image, OpenError> {
    let mut fitting = images.iter().filter(|image| wanted.is_none_or(|wanted| image.is_called(wanted)));
    if let (Some(image), None) = (fitting.next(), fitting.next()) {
        return Ok(image);
    }
    let choices = images.iter().map(|image| image.names.join(" = ")).collect();
    Err(OpenError::Choice { wanted: wanted.map(str::to_owned), choices })
}

fn own_names(descriptor: &Descriptor) -> Vec<String> {
    let annotations = descriptor.annotations.clone().unwrap_or_default();
    [annotations.name, annotations.reference].into_iter().flatten().collect()
}

fn is_index(descriptor: &Descriptor) -> bool {
    matches!(
        &descriptor.media_type[..],
        "application/vnd.oci.image.index.v1+json"
            | "application/vnd.docker.distribution.manifest.list.v2+json"
    )
}

/// What BuildKit puts beside images: statements about them, as manifests for no platform. By the annotation alone an image
/// that runtimes take could hide.
fn is_attestation(descriptor: &Descriptor) -> bool {
    let kind = descriptor.annotations.as_ref().and_then(|annotations| annotations.kind.as_deref());
    let platform = descriptor.platform.as_ref();
    let is_for_none =
        platform.is_some_and(|platform| platform.os == "unknown" && platform.architecture == "unknown");
    kind == Some("attestation-manifest") && is_for_none
}

/// Indexes of indexes are allowed, and nobody writes more than two.
const MAX_DEPTH: u32 = 4;
/// An image for every platform has some twenty.
const MAX_IMAGES: usize = 1000;
