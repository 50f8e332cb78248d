//! GRUB's variables in command lines: `$name` and `${name}`, which GRUB puts in place when it boots.

use std::collections::{BTreeMap, BTreeSet};

/// The values that each variable may have when an entry is booted.
#[derive(Debug, Default)]
pub struct Variables(BTreeMap<String, BTreeSet<String>>);

impl Variables {
    /// Notes `set name=value` of grub.cfg, and `name=value` of grubenv. A script may set a variable in several branches;
    /// which of them GRUB goes through is not decided here.
    pub fn note(&mut self, line: &str) {
        let line = line.strip_prefix("set ").unwrap_or(line).trim_start();
        let Some((name, value)) = line.split_once('=') else { return };
        if !name.is_empty() && name.bytes().all(is_name) {
            let value = value.trim();
            let quoted =
                ['"', '\''].iter().find_map(|quote| value.strip_prefix(*quote)?.strip_suffix(*quote));
            self.0.entry(name.to_owned()).or_default().insert(quoted.unwrap_or(value).to_owned());
        }
    }

    /// Every text that a command line may become. Variables that nothing sets stay in it as they are written, and so do
    /// all if there are too many ways.
    pub fn expand(&self, text: &str) -> Vec<String> {
        let mut ways = vec![String::new()];
        let mut rest = text;
        while let Some((before, name, after)) = next_variable(rest) {
            let as_written = rest[before.len()..rest.len() - after.len()].to_owned();
            let unknown = BTreeSet::from([as_written]);
            let values = self.0.get(name).unwrap_or(&unknown);
            if ways.len() * values.len() > MAX_WAYS {
                return vec![text.to_owned()];
            }
            ways = ways
                .iter()
                .flat_map(|way| values.iter().map(move |value| format!("{way}{before}{value}")))
                .collect();
            rest = after;
        }
        ways.into_iter().map(|way| way + rest).collect()
    }
}

/// The text before the first variable, its name, and the text behind it.
fn next_variable(text: &str) -> Option<(&str, &str, &str)> {
    let mut from = 0;
    while let Some(found) = text[from..].find('$') {
        let at = from + found;
        let rest = &text[at + 1..];
        let (name, end) = match rest.strip_prefix('{').and_then(|rest| rest.split_once('}')) {
            Some((name, after)) => (name, after),
            None => rest.split_at(rest.bytes().take_while(|byte| is_name(*byte)).count()),
        };
        if !name.is_empty() {
            return Some((&text[..at], name, end));
        }
        from = at + 1;
    }
    None
}

fn is_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

/// Distributions have one or two variables with two values each.
const MAX_WAYS: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_is_shown_and_what_is_not_set_stays() {
        let mut variables = Variables::default();
        for line in ["set vt=vt.handoff=7", "set vt=", "kernelopts=\"ro quiet\"", "linux x=y", "if [ a = b ]"]
        {
            variables.note(line);
        }
        assert_eq!(variables.expand("root=x $vt"), ["root=x ", "root=x vt.handoff=7"]);
        assert_eq!(variables.expand("${kernelopts} $other$ end"), ["ro quiet $other$ end"]);
        assert_eq!(variables.expand("plain"), ["plain"]);
    }
}
