//! Why the two differ, as far as it is known.

use std::collections::BTreeMap;

/// Reasons by option and by what both say.
pub(super) struct Reasons(BTreeMap<(String, String, String), String>);

/// Reads the file of reasons: `OPTION THEIRS OURS: REASON` lines, and `#` comments. Several options may stand before a reason,
/// with commas between.
pub(super) fn read() -> Result<Reasons, String> {
    let mut reasons = BTreeMap::new();
    for (number, line) in (1..).zip(TEXT.lines()) {
        if line.trim().is_empty() || line.starts_with('#') {
            continue;
        }
        let parsed = line.split_once(": ").and_then(|(head, reason)| {
            let words: Vec<&str> = head.split(' ').collect();
            let [options, theirs, ours] = words[..] else { return None };
            Some((options, theirs, ours, reason))
        });
        let (options, theirs, ours, reason) = parsed
            .ok_or_else(|| format!("reasons.txt, line {number}: this is no `OPTION THEIRS OURS: REASON`"))?;
        for option in options.split(',') {
            let key = (option.to_owned(), theirs.to_owned(), ours.to_owned());
            if reasons.insert(key, reason.to_owned()).is_some() {
                return Err(format!("reasons.txt, line {number}: {option} has a reason already"));
            }
        }
    }
    Ok(Reasons(reasons))
}

impl Reasons {
    /// The reason; an error names what has none.
    pub(super) fn of(&self, option: &str, theirs: &str, ours: &str) -> Result<String, String> {
        let key = (option.to_owned(), theirs.to_owned(), ours.to_owned());
        self.0.get(&key).cloned().ok_or_else(|| format!("{option} {theirs} {ours}"))
    }

    /// Those that no difference of these has: what a rule no longer says needs no reason, and would hide that it says it again.
    pub(super) fn unused(&self, found: &[(String, String, String)]) -> Vec<String> {
        let unused = self.0.keys().filter(|key| !found.contains(key));
        unused.map(|(option, theirs, ours)| format!("{option} {theirs} {ours}")).collect()
    }
}

const TEXT: &str = include_str!("reasons.txt");
