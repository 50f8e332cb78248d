//! One layer on those below it.

use crate::ReadAt;
use crate::archive::{Builder, clean};
use crate::compression::Unpacked;
use crate::tar::{self, End, TarMember};

/// Puts a layer on what is there, and returns how many bytes it has.
///
/// Whiteouts take away what is below and nothing of their own layer, wherever in it they are, so that they come first.
pub(super) fn apply(unpacked: Unpacked, name: &str, builder: &mut Builder) -> u64 {
    let len = unpacked.bytes.len();
    let end = if unpacked.damage.is_none() { End::Member } else { End::Marker };
    builder.begin_layer();
    let swept = tar::for_each(&unpacked.bytes, end, |member| sweep(&member, builder));
    let source = builder.next_source();
    let added = tar::for_each(&unpacked.bytes, end, |member| {
        if whiteout(&member).is_none() {
            tar::adopt(&member, source, builder);
        }
    });
    let damage = unpacked.damage.or(swept.and(added).err());
    if let Some(damage) = damage {
        builder.odd(b"", format!("{name}: {damage}"), true);
    }
    builder.add_source(Box::new(unpacked.bytes));
    len
}

enum Whiteout {
    /// Everything below this directory is gone.
    Opaque(Vec<u8>),
    /// This path is gone.
    Path(Vec<u8>),
    /// A name that AUFS used for itself.
    Internal,
}

fn sweep(member: &TarMember, builder: &mut Builder) {
    let path = match whiteout(member) {
        None | Some(Ok(Whiteout::Internal)) => return,
        Some(Ok(Whiteout::Opaque(path))) => {
            if !builder.passes_link(&path, true) {
                return builder.clear(&path);
            }
            path
        }
        Some(Ok(Whiteout::Path(path))) => {
            if !builder.passes_link(&path, false) {
                return builder.remove(&path);
            }
            path
        }
        Some(Err(reason)) => {
            let what = format!("whiteout `{}`: {reason}", member.name.escape_ascii());
            return builder.odd(b"", what, true);
        }
    };
    builder.odd(&path, "a whiteout whose name passes through a link", true);
}

fn whiteout(member: &TarMember) -> Option<Result<Whiteout, String>> {
    let name = member.name.strip_suffix(b"/").unwrap_or(&member.name);
    let at = name.iter().rposition(|byte| *byte == b'/').map_or(0, |slash| slash + 1);
    let (directory, base) = name.split_at(at);
    let gone = base.strip_prefix(PREFIX)?;
    Some(clean(directory).and_then(|directory| match gone {
        b".wh..opq" => Ok(Whiteout::Opaque(directory)),
        [b'.', b'w', b'h', b'.', ..] => Ok(Whiteout::Internal),
        b"" | b"." | b".." => Err("it names nothing".into()),
        gone if directory.is_empty() => Ok(Whiteout::Path(gone.to_vec())),
        gone => Ok(Whiteout::Path([&directory, &b"/"[..], gone].concat())),
    }))
}

const PREFIX: &[u8] = b".wh.";
