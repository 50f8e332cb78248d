//! A kernel's build configuration.

use std::collections::BTreeMap;

use hardpan_report::Location;

/// A `.config`: options by name, without the `CONFIG_` prefix.
#[derive(Clone, Debug)]
pub struct Kconfig {
    options: BTreeMap<String, (String, u32)>,
    /// The file it was read from.
    pub origin: Location,
}

impl Kconfig {
    /// Reads `CONFIG_X=value` and `# CONFIG_X is not set` lines; everything else is a comment.
    pub fn parse(text: &str, origin: Location) -> Self {
        let mut options = BTreeMap::new();
        for (number, line) in (1..).zip(text.lines()) {
            let unset = line.strip_prefix("# CONFIG_").and_then(|rest| rest.strip_suffix(" is not set"));
            let set = line.strip_prefix("CONFIG_").and_then(|rest| rest.split_once('='));
            match (unset, set) {
                (Some(name), _) => drop(options.insert(name.to_owned(), ("n".to_owned(), number))),
                (None, Some((name, value))) => {
                    let value =
                        value.strip_prefix('"').and_then(|value| value.strip_suffix('"')).unwrap_or(value);
                    options.insert(name.to_owned(), (value.to_owned(), number));
                }
                (None, None) => {}
            }
        }
        Self { options, origin }
    }

    /// The value of an option and its line. An option that the file does not mention was not offered to this kernel and
    /// counts as `n`, without a line.
    pub fn get(&self, name: &str) -> (&str, Option<u32>) {
        self.options.get(name).map_or(("n", None), |(value, line)| (value, Some(*line)))
    }

    /// Where an option is set, for findings.
    pub fn place(&self, name: &str) -> Location {
        Location { line: self.get(name).1, ..self.origin.clone() }
    }

    /// Whether it looks like a configuration at all: an empty or foreign file must not become "nothing is set".
    pub fn is_plausible(&self) -> bool {
        self.options.len() >= 50
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_read_with_their_lines() {
        let text = "# Linux\nCONFIG_A=y\n# CONFIG_B is not set\nCONFIG_LSM=\"lockdown,yama\"\n";
        let config = Kconfig::parse(text, Location::file("/boot/config-1"));
        assert_eq!(config.get("A"), ("y", Some(2)));
        assert_eq!(config.get("B"), ("n", Some(3)));
        assert_eq!(config.get("C"), ("n", None));
        assert_eq!(config.get("LSM").0, "lockdown,yama");
        assert_eq!(config.place("A"), Location::line("/boot/config-1", 2));
        assert!(!config.is_plausible());
    }
}
