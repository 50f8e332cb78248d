//! ETC-006.

use hardpan_image::{EntryId, FileKind, ResolveError};
use hardpan_report::{Cause, Evidence, Finding, Location, Pillar, RuleMeta, Severity, Verdict, escape};

use crate::accounts::{Account, Databases, Password};
use crate::{AuditRule, Context};

pub(crate) static RULE: AuditRule = AuditRule {
    meta: RuleMeta::new(
        "ETC-006",
        "no-stored-credentials",
        "No password and no access token is stored on the host",
        Pillar::StatelessEtc,
        Severity::High,
        include_str!("no_credentials.md"),
    ),
    check,
};

fn check(context: &Context<'_>) -> Verdict {
    let mut findings = Vec::new();
    let shadow = Databases::read(context, "shadow");
    findings.extend(shadow.accounts().filter_map(|account| password(&account)));
    findings.extend(shadow.troubles);
    for home in homes(context) {
        findings.extend(TOKEN_FILES.iter().filter_map(|(name, what)| token_file(context, home, name, what)));
    }
    let places = ["/root", "/home"];
    findings.extend(places.iter().filter_map(|place| context.blindness(place.as_bytes())));
    let evidence = vec![
        Evidence::new("well-known credential files looked for", TOKEN_FILES.len().to_string(), ""),
        context.absence_proof(),
    ];
    Verdict::of("/etc/shadow and the home directories searched for passwords and tokens", findings, evidence)
}

fn password(account: &Account<'_>) -> Option<Finding> {
    let name = escape(account.name);
    let (seen, message) = match Password::of(account.password) {
        Password::Empty => {
            ("empty", format!("account `{name}` has an empty password: anyone can log in as it"))
        }
        Password::Hash { .. } => ("a hash", format!("account `{name}` has a password")),
        Password::Locked | Password::InShadow => return None,
    };
    let location = account.location.clone();
    let evidence = Evidence::new("password field", seen, "locked: `!` or `*`").at(location.clone());
    Some(Finding::fail(Some(location), format!("account:{name}"), message).with(evidence))
}

/// `/root` and each directory in `/home`.
fn homes(context: &Context<'_>) -> Vec<EntryId> {
    let index = context.index;
    let users =
        index.resolve(b"/home").map(|home| index.children(home).map(|user| user.id).collect::<Vec<_>>());
    index.resolve(b"/root").into_iter().chain(users.unwrap_or_default()).collect()
}

fn token_file(context: &Context<'_>, home: EntryId, name: &str, what: &str) -> Option<Finding> {
    let id = match context.index.resolve_from(home, name.as_bytes()) {
        Ok(id) => id,
        Err(ResolveError::NotFound | ResolveError::NotADirectory) => return None,
        Err(error) => {
            let path = [&context.index.path(home)[..], b"/", name.as_bytes()].concat();
            let reason = format!("{} {error}", escape(&path));
            let location = Some(Location::file(path));
            return Some(Finding::unknown(Cause::Unreadable, location, "token-file", reason));
        }
    };
    let metadata = context.index.entry(id).metadata;
    if metadata.kind != FileKind::File || metadata.size == 0 {
        return None;
    }
    let location = Location::file(context.index.path(id));
    let evidence = Evidence::new("credential file", format!("{} bytes", metadata.size), "none");
    let message = format!("this file is where {what} are kept");
    Some(Finding::fail(Some(location.clone()), "token-file", message).with(evidence.at(location)))
}

/// Files that exist for nothing but credentials, below a home directory, and what they hold.
const TOKEN_FILES: [(&str, &str); 12] = [
    (".netrc", "passwords for FTP and HTTP"),
    (".pgpass", "passwords for PostgreSQL"),
    (".git-credentials", "passwords for Git"),
    (".aws/credentials", "access keys for AWS"),
    (".azure/accessTokens.json", "access tokens for Azure"),
    (".azure/msal_token_cache.json", "access tokens for Azure"),
    (".config/gcloud/credentials.db", "access tokens for Google Cloud"),
    (".config/gcloud/application_default_credentials.json", "access tokens for Google Cloud"),
    (".cargo/credentials.toml", "tokens for Rust package registries"),
    (".vault-token", "tokens for HashiCorp Vault"),
    (".pypirc", "tokens for Python package registries"),
    (".config/gh/hosts.yml", "tokens for GitHub"),
];

#[cfg(test)]
mod tests {
    use hardpan_image::MemoryTree;
    use hardpan_report::Outcome;

    use super::*;
    use crate::fixture::expect;

    fn shadow(text: &str) -> MemoryTree {
        MemoryTree::new().file("/etc/shadow", 0o640, text)
    }

    #[test]
    fn hashes_empty_passwords_and_token_files_are_found() {
        let tree =
            shadow("root:$y$j9T$x$y:1::\nold:abcdefghijklm:1::\nopen::1::\nsys:*:1::\nlocked:!$6$x:1::\n")
                .file("/root/.netrc", 0o600, "machine x")
                .file("/home/u/.aws/credentials", 0o600, "[default]");
        let verdict = expect(&RULE, &tree, Outcome::Fail);
        assert_eq!(verdict.findings.len(), 5);
        assert!(!format!("{verdict:?}").contains("j9T"), "a hash is not to be shown");
    }

    #[test]
    fn locked_accounts_and_empty_files_pass() {
        let tree =
            shadow("root:*:1::\nbin:!!:1::\nthirteen:!bcdefghijklm:1::\n").file("/root/.netrc", 0o600, "");
        expect(&RULE, &tree, Outcome::Pass);
        expect(&RULE, &MemoryTree::new(), Outcome::Pass);
    }

    #[test]
    fn a_token_behind_what_was_not_read_is_unknown() {
        let tree = MemoryTree::new()
            .directory("/mnt", 0o755)
            .unreadable("/mnt")
            .symlink("/root/.netrc", "/mnt/netrc");
        expect(&RULE, &tree, Outcome::Unknown);
    }

    #[test]
    fn what_cannot_be_read_is_unknown() {
        expect(&RULE, &shadow("").unreadable("/etc/shadow"), Outcome::Unknown);
        expect(&RULE, &MemoryTree::new().directory("/home", 0o755).unreadable("/home"), Outcome::Unknown);
    }
}
