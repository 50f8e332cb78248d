//! Files of CIL: read whole, since everything in them may refer to everything else.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use hardpan_selinux_policy::diagnostic::Source;

/// The most that all files together may have. The largest policies have a tenth of it; a device or an endless pipe ends
/// here.
const MAX_BYTES: u64 = 256 * 1024 * 1024;

/// Reads files, directories (every `.cil` file below, by name) and, as `-`, standard input.
pub(super) fn read_all(paths: &[PathBuf]) -> anyhow::Result<Vec<Source>> {
    let mut sources = Sources { read: Vec::new(), left: MAX_BYTES };
    for path in paths {
        if path.as_os_str() == "-" {
            sources.add("<standard input>".to_owned(), io::stdin().lock())?;
        } else if path.is_dir() {
            let before = sources.read.len();
            sources.add_directory(path)?;
            if sources.read.len() == before {
                bail!("there is no .cil file in {}", path.display());
            }
        } else {
            sources.add_file(path)?;
        }
    }
    Ok(sources.read)
}

/// Reads files only, as secilc does.
pub(super) fn read_files(paths: &[PathBuf]) -> anyhow::Result<Vec<Source>> {
    let mut sources = Sources { read: Vec::new(), left: MAX_BYTES };
    for path in paths {
        sources.add_file(path)?;
    }
    Ok(sources.read)
}

struct Sources {
    read: Vec<Source>,
    left: u64,
}

impl Sources {
    /// Links to directories are not followed, so that this comes to an end.
    fn add_directory(&mut self, directory: &Path) -> anyhow::Result<()> {
        let failed = || format!("cannot read {}", directory.display());
        let mut entries = fs::read_dir(directory)
            .with_context(failed)?
            .collect::<io::Result<Vec<_>>>()
            .with_context(failed)?;
        entries.sort_by_key(fs::DirEntry::file_name);
        for entry in entries {
            let path = entry.path();
            if entry.file_type().with_context(failed)?.is_dir() {
                self.add_directory(&path)?;
            } else if path.extension().is_some_and(|extension| extension == "cil") {
                self.add_file(&path)?;
            }
        }
        Ok(())
    }

    fn add_file(&mut self, path: &Path) -> anyhow::Result<()> {
        let file = File::open(path).with_context(|| format!("cannot open {}", path.display()))?;
        self.add(path.to_string_lossy().into_owned(), file)
    }

    fn add(&mut self, name: String, from: impl Read) -> anyhow::Result<()> {
        let mut text = Vec::new();
        let read = from.take(self.left + 1).read_to_end(&mut text);
        read.with_context(|| format!("cannot read {name}"))?;
        let Some(left) = self.left.checked_sub(text.len() as u64) else {
            bail!("{name}: the files of a policy may have {MAX_BYTES} bytes together");
        };
        self.left = left;
        self.read.push(Source { name, text });
        Ok(())
    }
}
