//! Writes generated policies, for measurements and for looking at: `generate random SEED DIRECTORY`, `generate promises
//! TYPES ATTRIBUTES PROMISES DIRECTORY`. The options that belong to a random one are in the file `options` beside it.

#[path = "../tests/generate/mod.rs"]
mod generate;

use std::error::Error;
use std::path::Path;
use std::{env, fs};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let (generated, directory) = match words[..] {
        ["random", seed, directory] => (generate::policy(seed.parse()?, false), directory),
        ["modern", seed, directory] => (generate::policy(seed.parse()?, true), directory),
        ["promises", types, attributes, promises, directory] => {
            let (types, attributes, promises) = (types.parse()?, attributes.parse()?, promises.parse()?);
            (generate::with_promises(1, types, attributes, promises), directory)
        }
        _ => return Err("generate random SEED DIR | generate promises TYPES ATTRIBUTES PROMISES DIR".into()),
    };
    fs::create_dir_all(directory)?;
    for (name, text) in &generated.files {
        fs::write(Path::new(directory).join(name), text)?;
    }
    fs::write(Path::new(directory).join("options"), generated.flags.arguments().join(" "))?;
    Ok(())
}
