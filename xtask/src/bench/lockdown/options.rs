//! Which of our rules are about which option, and what they say.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// The ids of rules by what they are about: `CONFIG_X`, the name of a parameter, or a sysctl's key. Read from the text of the
/// rules up to where it goes over to prose, so that conditions on where a rule applies do not count.
pub(super) fn rules_by_option(directory: &Path) -> Result<BTreeMap<String, Vec<String>>, String> {
    let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let failed = |error: std::io::Error| format!("{}: {error}", directory.display());
    for entry in fs::read_dir(directory).map_err(failed)? {
        let text = fs::read_to_string(entry.map_err(failed)?.path()).map_err(failed)?;
        for rule in text.split("[[rule]]").skip(1) {
            let Some(id) = quoted(rule, "id = \"") else { continue };
            for option in options(rule) {
                let rules = found.entry(option).or_default();
                if !rules.contains(&id) {
                    rules.push(id.clone());
                }
            }
        }
    }
    Ok(found)
}

fn options(rule: &str) -> Vec<String> {
    let wanted = rule.split("\nany = ").nth(1).unwrap_or_default();
    let wanted = wanted.split("\nwhy = ").next().unwrap_or_default();
    let mut options: Vec<String> =
        after(wanted, "option = \"").into_iter().map(|name| format!("CONFIG_{name}")).collect();
    options.extend(after(wanted, "parameter = \""));
    // A parameter in /sys/module is MODULE.PARAMETER on the command line.
    let module =
        |rest: &str| Some(format!("{}.{}", quoted(rest, "module = \"")?, quoted(rest, "parameter = \"")?));
    options.extend(wanted.split("module-parameter = ").skip(1).filter_map(module));
    for key in after(wanted, "key = \"") {
        // A rule over all interfaces is about the two names that stand for them, too.
        if key.contains('*') {
            options.extend(["all", "default"].map(|name| key.replace('*', name)));
        } else {
            options.push(key);
        }
    }
    for list in wanted.split("cmdline-absent = [").skip(1) {
        let list = list.split(']').next().unwrap_or_default();
        let names = list.split('"').skip(1).step_by(2);
        options.extend(names.map(|name| name.split('=').next().unwrap_or(name).to_owned()));
    }
    options
}

fn after(text: &str, mark: &str) -> Vec<String> {
    text.split(mark).skip(1).filter_map(|rest| rest.split('"').next()).map(str::to_owned).collect()
}

fn quoted(text: &str, mark: &str) -> Option<String> {
    after(text, mark).into_iter().next()
}

/// What each rule says, in our own JSON report: pretty, one field a line, the outcome behind the id.
pub(super) fn outcomes(report: &str) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let mut id = None;
    for line in report.lines() {
        if let Some(rest) = line.strip_prefix("      \"id\": \"") {
            id = rest.split('"').next();
        }
        if let (Some(rest), Some(rule)) = (line.strip_prefix("      \"outcome\": \""), id) {
            found.insert(rule.to_owned(), rest.split('"').next().unwrap_or_default().to_owned());
            id = None;
        }
    }
    found
}
