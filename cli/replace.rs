//! Files that are replaced in one step: a temporary file where the old one really is, then a rename over it.

use std::fs::{File, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

/// An empty file in the directory in which `path` really is, with the mode that the new file is to have.
pub(crate) fn temporary_beside(path: &Path) -> io::Result<NamedTempFile> {
    let mode = match path.metadata() {
        Ok(metadata) => metadata.permissions().mode() & 0o777,
        Err(error) if error.kind() == io::ErrorKind::NotFound => 0o666,
        Err(error) => return Err(error),
    };
    let place = real_path(path)?;
    let directory = place.parent().unwrap_or(Path::new("/"));
    tempfile::Builder::new()
        .prefix(".hardpan-")
        .suffix(".tmp")
        .permissions(Permissions::from_mode(mode))
        .tempfile_in(directory)
}

/// Moves a complete file into its place, durably.
pub(crate) fn persist(temporary: NamedTempFile, path: &Path) -> io::Result<()> {
    let place = real_path(path)?;
    temporary.persist(&place).map_err(|error| error.error)?;
    File::open(place.parent().unwrap_or(Path::new("/")))?.sync_all()
}

/// The path without symbolic links, so that a link stays a link; what does not exist yet is named in its real directory.
pub(crate) fn real_path(path: &Path) -> io::Result<PathBuf> {
    match path.canonicalize() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let name = path.file_name().ok_or(io::ErrorKind::InvalidFilename)?;
            let directory = path.parent().filter(|directory| !directory.as_os_str().is_empty());
            Ok(directory.unwrap_or(Path::new(".")).canonicalize()?.join(name))
        }
        other => other,
    }
}
