//! Puts the rules into the form in which they are read at run time.
//!
//! People write them as TOML. Reading half a megabyte of it took longer than everything else that `lockdown check` does, and
//! as JSON it is read ten times as fast. Samples are for the tests, which read the files, and are left out. A file that is no
//! TOML stops the build with its name and place.

use std::error::Error;

fn main() -> Result<(), Box<dyn Error>> {
    rules()
}

#[cfg(not(feature = "check"))]
fn rules() -> Result<(), Box<dyn Error>> {
    Ok(())
}

#[cfg(feature = "check")]
fn rules() -> Result<(), Box<dyn Error>> {
    use std::path::PathBuf;

    println!("cargo::rerun-if-changed=rules");
    let mut files = std::fs::read_dir("rules")?
        .map(|entry| Ok(entry?.path()))
        .collect::<Result<Vec<PathBuf>, std::io::Error>>()?;
    files.sort();
    let mut all = Vec::new();
    for file in files {
        let text = std::fs::read_to_string(&file)?;
        let mut table: toml::Table = text.parse().map_err(|error| format!("{}: {error}", file.display()))?;
        let Some(toml::Value::Array(rules)) = table.remove("rule") else {
            return Err(format!("{}: there are no rules in it", file.display()).into());
        };
        if let Some(key) = table.keys().next() {
            return Err(format!("{}: `{key}` is no rule", file.display()).into());
        }
        all.extend(rules.into_iter().map(without_samples));
    }
    all.sort_by(|a, b| id_of(a).cmp(&id_of(b)));
    let place = PathBuf::from(std::env::var_os("OUT_DIR").ok_or("cargo gives no place")?);
    Ok(std::fs::write(place.join("rules.json"), serde_json::to_vec(&all)?)?)
}

#[cfg(feature = "check")]
fn without_samples(rule: toml::Value) -> toml::Value {
    let toml::Value::Table(mut table) = rule else { return rule };
    for name in ["pass", "fail", "not-applicable"] {
        table.remove(name);
    }
    toml::Value::Table(table)
}

#[cfg(feature = "check")]
fn id_of(rule: &toml::Value) -> Option<&str> {
    rule.get("id")?.as_str()
}
