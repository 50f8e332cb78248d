//! UPD-002.

use hardpan_image::{FileKind, ResolveError};
use hardpan_report::{Cause, Evidence, Finding, Location, Pillar, RuleMeta, Severity, Verdict, escape};

use super::tuf_root::ROOT_JSON;
use super::updaters::{Found, mender, rauc, sysupdate};
use crate::systemd::unit_value;
use crate::{AuditRule, Context};

pub(crate) static RULE: AuditRule = AuditRule {
    meta: RuleMeta::new(
        "UPD-002",
        "update-trust-root",
        "The keys that update images are verified by are on the host",
        Pillar::SignedUpdates,
        Severity::High,
        include_str!("trust_root.md"),
    ),
    check,
};

fn check(context: &Context<'_>) -> Verdict {
    let mut search = Search { context, found: Found::default(), missing: Vec::new() };
    search.file("TUF root of updog", ROOT_JSON);
    search.file("key of update_engine", UPDATE_ENGINE);
    search.rauc();
    search.sysupdate();
    search.swupdate();
    search.mender();
    let Found { facts, unread } = search.found;
    let mut findings = search.missing;
    findings.extend(unread);
    if facts.is_empty() && findings.is_empty() {
        findings.extend(context.blindness(b"/usr").or_else(|| context.blindness(b"/etc")));
        if findings.is_empty() {
            findings.push(Finding::fail(None, "none", NOTHING).with(context.absence_proof()));
        }
    }
    Verdict::of("the configuration and keys of known image updaters", findings, facts)
}

struct Search<'c, 'i> {
    context: &'c Context<'i>,
    found: Found,
    missing: Vec<Finding>,
}

impl Search<'_, '_> {
    /// Notes a file that exists and is not empty; whether it does.
    fn file(&mut self, what: &'static str, path: &str) -> bool {
        match self.context.index.resolve(path.as_bytes()) {
            Ok(id) => {
                let metadata = self.context.index.entry(id).metadata;
                let is_key = metadata.kind == FileKind::Directory || metadata.size > 0;
                if is_key {
                    let location = Location::file(path);
                    self.found.facts.push(Evidence::new(what, "present", "present").at(location));
                }
                is_key
            }
            Err(ResolveError::NotFound | ResolveError::NotADirectory) => false,
            Err(error) => {
                let message = format!("{} {error}", escape(path.as_bytes()));
                let location = Some(Location::file(path));
                self.found.unread.push(Finding::unknown(Cause::Unreadable, location, "read", message));
                true
            }
        }
    }

    fn fail(&mut self, location: Location, updater: &'static str, message: String) {
        self.missing.push(Finding::fail(Some(location), format!("updater:{updater}"), message));
    }

    /// RAUC refuses bundles without a keyring, whose path is relative to its configuration.
    fn rauc(&mut self) {
        let Some(text) = rauc(self.context, &mut self.found) else { return };
        let keyring =
            unit_value(&text, "keyring", "path").or_else(|| unit_value(&text, "keyring", "directory"));
        let location = Location::file(text.path.clone());
        let Some((_, path)) = keyring else {
            return self.fail(location, "rauc", "RAUC is configured without a keyring".into());
        };
        let directory = String::from_utf8_lossy(&text.path).into_owned();
        let directory = directory.rsplit_once('/').map_or("", |(directory, _)| directory);
        let path = if path.starts_with('/') { path } else { format!("{directory}/{path}") };
        if !self.file("keyring of RAUC", &path) {
            let message = format!("RAUC's keyring {} is missing or empty", escape(path.as_bytes()));
            self.fail(location, "rauc", message);
        }
    }

    /// systemd-sysupdate shares its keyring with systemd's importer, so a keyring alone does not show an updater.
    fn sysupdate(&mut self) {
        let transfers = sysupdate(self.context, &mut self.found);
        let Some(first) = transfers.first() else { return };
        let off = |value: &str| matches!(value, "no" | "0" | "false" | "off");
        for transfer in &transfers {
            if let Some((line, value)) = unit_value(transfer, "Transfer", "Verify")
                && off(&value)
            {
                let message = "systemd-sysupdate installs this without looking at its signature: `Verify=no`";
                self.fail(transfer.line(line), "sysupdate", message.into());
            }
        }
        let keyrings: Vec<bool> =
            PUBRINGS.iter().map(|path| self.file("keyring of systemd-sysupdate", path)).collect();
        if !keyrings.contains(&true) {
            let message = "systemd-sysupdate is configured, but its keyring import-pubring is missing".into();
            self.fail(Location::file(first.path.clone()), "sysupdate", message);
        }
    }

    fn swupdate(&mut self) {
        let Some(text) = self.found.text(self.context, "/etc/swupdate.cfg") else { return };
        let key = text.statements(b"#").find_map(|(_, line)| {
            let line = String::from_utf8_lossy(line).into_owned();
            let (name, value) = line.split_once('=')?;
            let value = value.trim().trim_end_matches(';').trim().trim_matches('"').to_owned();
            matches!(name.trim(), "public-key-file" | "ca-path").then_some(value)
        });
        let location = Location::file(text.path.clone());
        match key {
            Some(path) if self.file("key of SWUpdate", &path) => {}
            Some(path) => {
                let message = format!("SWUpdate's key {} is missing or empty", escape(path.as_bytes()));
                self.fail(location, "swupdate", message);
            }
            None => {
                self.fail(location, "swupdate", "SWUpdate is configured without a `public-key-file`".into());
            }
        }
    }

    fn mender(&mut self) {
        let key = mender(self.context, &mut self.found, "ArtifactVerifyKey");
        let server = mender(self.context, &mut self.found, "ServerURL");
        match (key, server) {
            (Some((path, location)), _) => {
                if !self.file("key of Mender", &path) {
                    self.fail(location, "mender", format!("Mender's key {path} is missing or empty"));
                }
            }
            (None, Some((_, location))) => {
                let message =
                    "Mender is configured without `ArtifactVerifyKey`, so it installs unsigned images";
                self.fail(location, "mender", message.into());
            }
            (None, None) => {}
        }
    }
}

const UPDATE_ENGINE: &str = "/usr/share/update_engine/update-payload-key.pub.pem";
const PUBRINGS: [&str; 6] = [
    "/etc/systemd/import-pubring.pgp",
    "/etc/systemd/import-pubring.gpg",
    "/usr/local/lib/systemd/import-pubring.pgp",
    "/usr/lib/systemd/import-pubring.pgp",
    "/usr/lib/systemd/import-pubring.gpg",
    "/lib/systemd/import-pubring.gpg",
];
const NOTHING: &str = "there is no image updater whose keys could verify an update: neither updog, RAUC, systemd-sysupdate, \
                       SWUpdate, Mender nor update_engine is set up";

#[cfg(test)]
mod tests {
    use hardpan_image::MemoryTree;
    use hardpan_report::Outcome;

    use super::*;
    use crate::fixture::expect;

    fn file(path: &str, text: &str) -> MemoryTree {
        MemoryTree::new().file(path, 0o644, text)
    }

    #[test]
    fn each_updater_is_recognised_by_its_keys() {
        expect(&RULE, &file(ROOT_JSON, "{}"), Outcome::Pass);
        expect(&RULE, &file(UPDATE_ENGINE, "x"), Outcome::Pass);
        let rauc = || file("/etc/rauc/system.conf", "[keyring]\npath=ca.cert.pem\n");
        expect(&RULE, &rauc().file("/etc/rauc/ca.cert.pem", 0o644, "x"), Outcome::Pass);
        expect(&RULE, &rauc(), Outcome::Fail);
        let swupdate = || file("/etc/swupdate.cfg", "globals : {\n\tpublic-key-file = \"/etc/k.pem\";\n};\n");
        expect(&RULE, &swupdate().file("/etc/k.pem", 0o644, "x"), Outcome::Pass);
        expect(&RULE, &swupdate(), Outcome::Fail);
        expect(&RULE, &file("/etc/mender/mender.conf", "{\"ServerURL\": \"https://x\"}"), Outcome::Fail);
    }

    #[test]
    fn a_keyring_of_systemds_importer_is_no_updater() {
        let keyring = || file("/usr/lib/systemd/import-pubring.gpg", "x");
        expect(&RULE, &keyring(), Outcome::Fail);
        let transfer = |head: &str| format!("{head}[Target]\nType=partition\n");
        let with = |head: &str| keyring().file("/usr/lib/sysupdate.d/a.conf", 0o644, transfer(head));
        expect(&RULE, &with(""), Outcome::Pass);
        expect(&RULE, &with("[Transfer]\nVerify=no\n"), Outcome::Fail);
    }

    #[test]
    fn nothing_fails_and_what_is_unread_is_unknown() {
        expect(&RULE, &MemoryTree::new(), Outcome::Fail);
        expect(
            &RULE,
            &MemoryTree::new().directory("/usr/share", 0o755).unreadable("/usr/share"),
            Outcome::Unknown,
        );
        let rauc = file("/etc/rauc/system.conf", "").unreadable("/etc/rauc/system.conf");
        expect(&RULE, &rauc, Outcome::Unknown);
    }
}
