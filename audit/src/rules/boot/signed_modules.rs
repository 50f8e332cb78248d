//! BOOT-004.

use std::io::{self, Read};

use hardpan_image::{EntryId, ReadAt, read_exact_at};
use hardpan_report::{Cause, Evidence, Finding, Outcome, Pillar, RuleMeta, Severity, Tally, Verdict};
use rayon::prelude::*;
use ruzstd::decoding::StreamingDecoder;

use crate::efi::places::{MODULES, files_under, module_directories};
use crate::{AuditRule, Context};
use hardpan_checksec::cause_of;

pub(crate) static RULE: AuditRule = AuditRule {
    meta: RuleMeta::new(
        "BOOT-004",
        "signed-modules",
        "Each kernel module carries a signature",
        Pillar::SecureBoot,
        Severity::High,
        include_str!("signed_modules.md"),
    ),
    check,
};

fn check(context: &Context<'_>) -> Verdict {
    let modules = modules(context);
    let findings: Vec<Option<Finding>> =
        modules.par_iter().map(|(id, packing)| judge(context, *id, *packing)).collect();
    let mut tally = Tally::default();
    for finding in &findings {
        tally.count(finding.as_ref().map_or(Outcome::Pass, |finding| finding.outcome));
    }
    let mut findings: Vec<Finding> = findings.into_iter().flatten().collect();
    if let Some(finding) = MODULES.iter().find_map(|place| context.blindness(place.as_bytes())) {
        tally.count(Outcome::Unknown);
        findings.push(finding);
    }
    if tally.total() == 0 {
        return Verdict::not_applicable("there are no kernel modules");
    }
    let evidence = vec![Evidence::new("modules with a signature", tally.pass.to_string(), "")];
    Verdict::over(
        "kernel modules",
        tally,
        format!("{} kernel modules looked at", modules.len()),
        findings,
        evidence,
    )
}

/// How a module is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Packing {
    None,
    Gzip,
    Zstd,
    Xz,
}

fn modules(context: &Context<'_>) -> Vec<(EntryId, Packing)> {
    let directories = module_directories(context);
    let files = directories.into_iter().flat_map(|directory| files_under(context, directory));
    let packing = |id: &EntryId| packing(context.index.entry(*id).name);
    let mut modules: Vec<_> = files.filter_map(|id| Some((id, packing(&id)?))).collect();
    modules.sort_by_cached_key(|(id, _)| context.index.path(*id));
    modules
}

fn packing(name: &[u8]) -> Option<Packing> {
    let endings: [(&[u8], Packing); 4] = [
        (b".ko", Packing::None),
        (b".ko.gz", Packing::Gzip),
        (b".ko.zst", Packing::Zstd),
        (b".ko.xz", Packing::Xz),
    ];
    endings.into_iter().find(|(ending, _)| name.ends_with(ending)).map(|(_, packing)| packing)
}

fn judge(context: &Context<'_>, id: EntryId, packing: Packing) -> Option<Finding> {
    let location = Some(context.location(id));
    let source = match context.index.open(id) {
        Ok(source) => source,
        Err(error) => {
            let message = format!("this module cannot be read: {error}");
            return Some(Finding::unknown(cause_of(error.fault()), location, "read", message));
        }
    };
    match end(&*source, packing) {
        Ok(end) if end == MAGIC => None,
        Ok(_) => {
            let fact =
                Evidence::new("end of the module", "no signature marker", "~Module signature appended~");
            let fact = fact.at(context.location(id));
            Some(Finding::fail(location, "signature", "this kernel module carries no signature").with(fact))
        }
        Err((cause, reason)) => Some(Finding::unknown(cause, location, "read", reason)),
    }
}

type Refusal = (Cause, String);

/// The last bytes of the module itself, as many as the marker has, or fewer if it is shorter.
fn end(source: &dyn ReadAt, packing: Packing) -> Result<Vec<u8>, Refusal> {
    let file = FileReader { source, at: 0 };
    match packing {
        Packing::None => plain_end(source).map_err(|error| (Cause::Unreadable, format!("read: {error}"))),
        Packing::Gzip => stream_end(flate2::read::MultiGzDecoder::new(file)),
        Packing::Zstd => match StreamingDecoder::new(file) {
            Ok(decoder) => stream_end(decoder),
            Err(error) => Err((Cause::Malformed, format!("this module is no sound Zstandard file: {error}"))),
        },
        Packing::Xz => Err((
            Cause::Undecided,
            "this module is compressed by xz, which is not read here: whether it carries a signature cannot be told"
                .into(),
        )),
    }
}

fn plain_end(source: &dyn ReadAt) -> io::Result<Vec<u8>> {
    let length = source.len().min(MAGIC.len() as u64);
    let mut end = vec![0; MAGIC.len()];
    end.truncate(usize::try_from(length).unwrap_or(MAGIC.len()));
    read_exact_at(source, &mut end, source.len() - length)?;
    Ok(end)
}

/// Reads to the end and keeps only the end.
fn stream_end(mut stream: impl Read) -> Result<Vec<u8>, Refusal> {
    let mut buffer = vec![0; 64 << 10];
    let mut end: Vec<u8> = Vec::new();
    let mut total: u64 = 0;
    loop {
        let count = match stream.read(&mut buffer) {
            Ok(0) => return Ok(end),
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => {
                return Err((Cause::Malformed, format!("this module cannot be decompressed: {error}")));
            }
        };
        total += count as u64;
        if total > MAX_MODULE {
            return Err((
                Cause::Limit,
                format!("this module has more than {MAX_MODULE} bytes when decompressed"),
            ));
        }
        end.extend_from_slice(&buffer[..count]);
        end.drain(..end.len().saturating_sub(MAGIC.len()));
    }
}

struct FileReader<'a> {
    source: &'a dyn ReadAt,
    at: u64,
}

impl Read for FileReader<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.source.read_at(buffer, self.at)?;
        self.at += count as u64;
        Ok(count)
    }
}

/// `MODULE_SIG_STRING` of the kernel; it is the last thing in a signed module.
const MAGIC: &[u8] = b"~Module signature appended~\n";
/// The largest modules, graphics drivers with debug information, have some tens of megabytes.
const MAX_MODULE: u64 = 512 << 20;

#[cfg(test)]
mod tests {
    use std::io::Write;

    use hardpan_image::MemoryTree;
    use hardpan_report::Outcome;
    use ruzstd::encoding::{CompressionLevel, compress_to_vec};

    use super::*;
    use crate::fixture::expect;

    fn signed() -> Vec<u8> {
        let mut module = vec![7; 100_000];
        module.extend_from_slice(MAGIC);
        module
    }

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn zstd(bytes: &[u8]) -> Vec<u8> {
        compress_to_vec(bytes, CompressionLevel::Fastest)
    }

    fn tree(name: &str, content: Vec<u8>) -> MemoryTree {
        MemoryTree::new()
            .file(&format!("/usr/lib/modules/6.1/kernel/{name}"), 0o644, content)
            .symlink("/lib", "usr/lib")
    }

    #[test]
    fn signed_modules_pass_however_they_are_packed() {
        expect(&RULE, &tree("a.ko", signed()), Outcome::Pass);
        expect(&RULE, &tree("a.ko.gz", gzip(&signed())), Outcome::Pass);
        let verdict = expect(&RULE, &tree("a.ko.zst", zstd(&signed())), Outcome::Pass);
        assert_eq!(verdict.tally.unwrap().0.total(), 1, "/lib is a link, so nothing counts twice");
    }

    #[test]
    fn unsigned_modules_are_found_however_they_are_packed() {
        let mut cut = signed();
        cut.pop();
        expect(&RULE, &tree("a.ko", cut.clone()), Outcome::Fail);
        expect(&RULE, &tree("a.ko", b"x".to_vec()), Outcome::Fail);
        expect(&RULE, &tree("a.ko.gz", gzip(&cut)), Outcome::Fail);
        expect(&RULE, &tree("a.ko.zst", zstd(&cut)), Outcome::Fail);
    }

    #[test]
    fn what_cannot_be_unpacked_is_unknown() {
        let mut broken = gzip(&signed());
        broken.truncate(broken.len() / 2);
        expect(&RULE, &tree("a.ko.gz", broken), Outcome::Unknown);
        expect(&RULE, &tree("a.ko.zst", b"no".to_vec()), Outcome::Unknown);
        expect(&RULE, &tree("a.ko.xz", signed()), Outcome::Unknown);
        expect(&RULE, &MemoryTree::new(), Outcome::NotApplicable);
        expect(&RULE, &tree("a.ko", signed()).unreadable("/usr/lib/modules"), Outcome::Unknown);
    }
}
