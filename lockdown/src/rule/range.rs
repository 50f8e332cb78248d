//! Versions of the kernel, and which of them a rule is about.

use std::fmt;
use std::str::FromStr;

use serde::Deserialize;

/// An upstream version, of which the first two or three numbers count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct KernelVersion(u32, u32, u32);

impl KernelVersion {
    /// The version that a text begins with: `6.1.0-49-cloud-amd64`, `6.9-rc1`, `v5.15`. What follows the numbers is a
    /// distribution's, and is passed over.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let text = text.strip_prefix('v').unwrap_or(text);
        let mut parts = text.split('.');
        let major = parts.next()?.parse().ok()?;
        let minor = leading_number(parts.next()?)?;
        Some(Self(major, minor, parts.next().and_then(leading_number).unwrap_or(0)))
    }
}

/// The digits at the start, as a number.
fn leading_number(text: &str) -> Option<u32> {
    let end = text.bytes().position(|byte| !byte.is_ascii_digit()).unwrap_or(text.len());
    text[..end].parse().ok()
}

impl fmt::Display for KernelVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(major, minor, patch) = self;
        if *patch == 0 { write!(f, "{major}.{minor}") } else { write!(f, "{major}.{minor}.{patch}") }
    }
}

/// Bounds that all hold, `>=5.4, <6.9`; or several such ranges with `||` between them, for what stable versions took over.
/// Without bounds every version is in it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct KernelRange(Vec<Vec<Edge>>);

/// A bound and the version that it is at.
type Edge = (Bound, KernelVersion);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Bound {
    From,
    Below,
}

impl KernelRange {
    /// Whether the version is in it.
    pub fn contains(&self, version: KernelVersion) -> bool {
        let is_within = |(bound, edge): &Edge| match bound {
            Bound::From => version >= *edge,
            Bound::Below => version < *edge,
        };
        self.is_any() || self.0.iter().any(|range| range.iter().all(is_within))
    }

    /// Whether every version is in it.
    pub fn is_any(&self) -> bool {
        self.0.is_empty()
    }

    /// Some version of it: the first, or one before the first that is not.
    pub(super) fn example(&self) -> Option<KernelVersion> {
        let range = self.0.first()?;
        let edge = |wanted| range.iter().find(|(bound, _)| *bound == wanted).map(|(_, edge)| *edge);
        edge(Bound::From).or_else(|| edge(Bound::Below).map(|_| KernelVersion(2, 6, 0)))
    }
}

impl fmt::Display for KernelRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let edge = |(bound, edge): &Edge| match bound {
            Bound::From => format!("from {edge} on"),
            Bound::Below => format!("before {edge}"),
        };
        let range = |edges: &Vec<Edge>| edges.iter().map(edge).collect::<Vec<_>>().join(" and ");
        f.write_str(&self.0.iter().map(range).collect::<Vec<_>>().join(", or "))
    }
}

impl FromStr for KernelRange {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let range = |text: &str| text.split(',').map(edge).collect::<Result<_, _>>();
        text.split("||").map(range).collect::<Result<_, _>>().map(Self)
    }
}

fn edge(text: &str) -> Result<Edge, String> {
    let text = text.trim();
    let (bound, edge) = match (text.strip_prefix(">="), text.strip_prefix('<')) {
        (Some(edge), _) => (Bound::From, edge),
        (None, Some(edge)) if !edge.starts_with('=') => (Bound::Below, edge),
        _ => return Err(format!("`{text}` is no bound of kernel versions; write >=5.4 or <6.9")),
    };
    let edge = KernelVersion::parse(edge).ok_or_else(|| format!("`{edge}` is no kernel version"))?;
    Ok((bound, edge))
}

impl TryFrom<String> for KernelRange {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_up_to_what_a_distribution_adds() {
        let shown = |text: &str| KernelVersion::parse(text).map(|version| version.to_string());
        assert_eq!(shown("6.1.0-49-cloud-amd64").as_deref(), Some("6.1"));
        assert_eq!(shown("6.9-rc1").as_deref(), Some("6.9"));
        assert_eq!(shown("5.15.167.4-microsoft").as_deref(), Some("5.15.167"));
        assert_eq!(shown("linux"), None);
        assert_eq!(shown("99999999999.1"), None);
    }

    #[test]
    fn bounds_hold_together() {
        let range: KernelRange = ">=5.4, <6.9".parse().unwrap();
        let within = |text: &str| range.contains(KernelVersion::parse(text).unwrap());
        assert!(within("5.4") && within("6.8.12") && !within("6.9-rc1") && !within("5.3.18"));
        assert_eq!(range.to_string(), "from 5.4 on and before 6.9");
        assert!(within(&range.example().unwrap().to_string()));
        assert!("<=6".parse::<KernelRange>().is_err() && ">=six".parse::<KernelRange>().is_err());
        assert!(KernelRange::default().is_any());
    }

    #[test]
    fn one_of_several_ranges_is_enough() {
        let range: KernelRange = ">=6.1.82, <6.2 || >=6.9".parse().unwrap();
        let within = |text: &str| range.contains(KernelVersion::parse(text).unwrap());
        assert!(within("6.1.82") && within("6.1.192-2") && within("6.9") && within("7.3"));
        assert!(!within("6.1.81") && !within("6.2") && !within("6.8.12"));
        assert_eq!(range.to_string(), "from 6.1.82 on and before 6.2, or from 6.9 on");
        assert_eq!(range.example(), KernelVersion::parse("6.1.82"));
        assert!(">=6.1 ||".parse::<KernelRange>().is_err());
    }
}
