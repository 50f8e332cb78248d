//! What `repair` says in the end.

use std::io;

use hardpan_verity::fec::{RepairError, Repairs};
use hardpan_verity::{Damage, RootHash, VerifyError};
use serde_json::{Value, json};

use super::super::CORRUPT;
use super::super::output::{self, print_json, print_line};
use super::super::verify::{advise_of_slack, damage_json, explain, ranges_json};
use super::RepairArgs;

/// How a run ended.
pub(super) enum Verdict {
    /// Nothing is wrong with data and tree; perhaps something with the parity, which may have been written anew.
    Sound { parity: Option<String>, renewed: bool },
    /// All is repaired, and was verified after it was written.
    Repaired { repairs: Repairs, parity: Option<String>, renewed: bool },
    /// All could be repaired.
    Repairable(Repairs),
    /// Not all can be repaired, and nothing was.
    Corrupt(RepairError),
}

pub(super) struct Report<'a> {
    args: &'a RepairArgs,
    root: Option<String>,
}

impl<'a> Report<'a> {
    pub(super) fn new(args: &'a RepairArgs, root: Option<&RootHash>) -> Self {
        Self { args, root: root.map(ToString::to_string) }
    }

    /// What is no hash tree to begin with.
    pub(super) fn unverifiable(&self, reason: &str) -> anyhow::Result<u8> {
        self.corrupt(reason, None)
    }

    /// Prints the verdict and returns the exit code.
    pub(super) fn print(&self, verdict: &Verdict) -> anyhow::Result<u8> {
        match verdict {
            Verdict::Sound { parity, renewed } => self.sound(parity.as_deref(), *renewed),
            Verdict::Repaired { repairs, parity, renewed } => {
                self.repaired(repairs, parity.as_deref(), *renewed)
            }
            Verdict::Repairable(repairs) => self.repairable(repairs),
            Verdict::Corrupt(error) => {
                let code = self.corrupt(&error.to_string(), damage(error))?;
                damage(error).into_iter().for_each(advise_of_slack);
                if let RepairError::Unrepairable { repairable, .. } = error {
                    let text = "parity does not yield what the root hash stands for; nothing was written";
                    output::say(&format!("  {text} ({repairable} blocks could be repaired, but not all)"));
                }
                Ok(code)
            }
        }
    }

    fn sound(&self, parity: Option<&str>, renewed: bool) -> anyhow::Result<u8> {
        let result = match (parity, renewed) {
            (None, _) => "clean",
            (Some(_), true) => "repaired",
            (Some(_), false) => "corrupt",
        };
        self.json(result, &Value::Null, parity_state(parity, renewed), &json!({ "reason": parity }))?;
        let Some(reason) = parity else { return Ok(0) };
        if renewed {
            say(self.args, "the parity was damaged and is written anew")?;
            return Ok(REPAIRED);
        }
        explain(&format!("{} has damaged parity", self.args.data.display()), reason);
        Ok(CORRUPT)
    }

    fn repaired(&self, repairs: &Repairs, parity: Option<&str>, renewed: bool) -> anyhow::Result<u8> {
        // A copy has no parity of its own to be checked.
        let state = if self.args.output.is_some() { "unchecked" } else { parity_state(parity, renewed) };
        self.json("repaired", &blocks(repairs), state, &json!({ "reason": parity }))?;
        say(self.args, &format!("repaired and verified: {}", list(repairs)))?;
        match parity {
            Some(_) if renewed => say(self.args, "the parity was damaged as well and is written anew")?,
            Some(reason) => output::say(&format!("warning: {reason}")),
            None => {}
        }
        Ok(REPAIRED)
    }

    fn repairable(&self, repairs: &Repairs) -> anyhow::Result<u8> {
        self.json("repairable", &blocks(repairs), "unchecked", &json!({}))?;
        say(self.args, &format!("could be repaired, nothing was written: {}", list(repairs)))?;
        Ok(CORRUPT)
    }

    fn corrupt(&self, reason: &str, damage: Option<&Damage>) -> anyhow::Result<u8> {
        let damage = damage.map(damage_json);
        self.json("corrupt", &Value::Null, "unchecked", &json!({ "reason": reason, "damage": damage }))?;
        let path = self.args.data.display();
        explain(&format!("not repaired: {path} is not what the root hash stands for"), reason);
        Ok(CORRUPT)
    }

    fn json(&self, result: &str, repairs: &Value, parity: &str, more: &Value) -> io::Result<()> {
        if !self.args.json {
            return Ok(());
        }
        print_json(&json!({
            "result": result,
            "root_hash": self.root,
            "blocks": repairs,
            "parity": parity,
            "reason": more["reason"],
            "damage": more["damage"],
        }))
    }
}

fn parity_state(damage: Option<&str>, renewed: bool) -> &'static str {
    match damage {
        None => "sound",
        Some(_) if renewed => "repaired",
        Some(_) => "damaged",
    }
}

fn damage(error: &RepairError) -> Option<&Damage> {
    match error {
        RepairError::Unrepairable { damage, .. } | RepairError::Verify(VerifyError::Corrupt(damage)) => {
            Some(damage)
        }
        _ => None,
    }
}

fn blocks(repairs: &Repairs) -> Value {
    json!({ "data": ranges_json(&repairs.data_blocks()), "hash": ranges_json(&repairs.hash_blocks()) })
}

fn list(repairs: &Repairs) -> String {
    let parts = [("data blocks", repairs.data_blocks()), ("hash blocks", repairs.hash_blocks())];
    let parts = parts.iter().filter(|(_, blocks)| !blocks.is_empty());
    let parts: Vec<_> =
        parts.map(|(what, blocks)| format!("{what} {blocks} ({} in all)", blocks.count())).collect();
    parts.join("; ")
}

/// A line for people, which JSON leaves no room for.
fn say(args: &RepairArgs, text: &str) -> io::Result<()> {
    if args.json {
        return Ok(());
    }
    print_line(text)
}

/// The exit code for what was wrong and is right again.
const REPAIRED: u8 = 3;
