//! The machine loses power at every step of a boot, and boots again from the disk that is left.

use super::super::machine::{Monitor, Then, Watch};
use super::Lab;
use super::disk;
use super::setup::Setup;
use crate::shell::print;

/// The name of these cases.
pub(super) const NAME: &str = "killed";

/// Runs them and returns how many failed. A first boot tells the steps.
pub(super) fn run(lab: &Lab) -> Result<usize, String> {
    let place = lab.place.join(NAME);
    disk::fresh(&place)?;
    let mut setup = setup(lab, &place);
    setup.write_disk()?;
    let console = lab.boot(&setup, false, &place.join("whole.log"), &mut Killer(None))?;
    let steps: Vec<String> = console.lines().filter_map(step).collect();
    if steps.len() < 10 || !console.contains("LAB END") {
        return Err(format!("the boot that is to be interrupted has {} steps", steps.len()));
    }
    let mut failed = 0;
    for (number, step) in steps.iter().enumerate() {
        setup = self::setup(lab, &place);
        setup.write_disk()?;
        lab.boot(&setup, false, &place.join("killed.log"), &mut Killer(Some(step)))?;
        let log = place.join(format!("again-{number}.log"));
        let console = lab.boot(&setup, false, &log, &mut Killer(None))?;
        let sound = disk::verify(&setup.disks[0].image);
        let flags = disk::attributes(&setup.disks[0].image, 0)?;
        if console.contains("LAB END") && console.contains("LAB init slot=a") && sound.is_ok() {
            print(&format!("PASS {NAME} at {step}, then booted; the slot's flags are {flags}"));
        } else {
            let table = sound.err().unwrap_or_default();
            print(&format!("FAIL {NAME} at {step}: did not boot again; {table} see {}", log.display()));
            failed += 1;
        }
    }
    Ok(failed)
}

/// Slots with tries, so that the disk is written.
fn setup<'a>(lab: &'a Lab, place: &std::path::Path) -> Setup<'a> {
    let mut setup = Setup::good(lab, place.to_owned());
    setup.replace("tries", "tries gpt");
    // Steps that went well are no more than information.
    setup.parameters = setup.parameters.replace("loglevel=6", "loglevel=7");
    // Priority 2 and 3 tries, priority 1 and 3 tries.
    setup.layout.0[0].attributes = vec![49, 52, 53];
    setup.layout.0[2].attributes = vec![48, 52, 53];
    setup
}

/// The part of a line of the log that names a step.
fn step(line: &str) -> Option<String> {
    let at = line.find("hardpan-boot: step=")?;
    let words: Vec<&str> = line[at..].split_whitespace().take(3).collect();
    Some(words.join(" "))
}

/// Kills the machine when the step is seen.
struct Killer<'a>(Option<&'a String>);

impl Watch for Killer<'_> {
    fn see(&mut self, console: &str, _: &Monitor<'_>) -> Result<Then, String> {
        let seen = self.0.is_some_and(|step| console.contains(step.as_str()));
        Ok(if seen { Then::Dies } else { Then::Goes })
    }
}
