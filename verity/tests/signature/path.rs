//! Trust in authorities, and certificates that are not good for it.

use std::time::{Duration, SystemTime};

use hardpan_verity::signature::{
    Certificate, CertificateError, CheckError, PathError, Remark, Signed, SignerError, Usage, check,
};

use crate::openssl::{Dir, ROOT, in_days, needs_openssl, trust};

/// Extensions of a certificate that may sign.
const LEAF: &str =
    "keyUsage=critical,digitalSignature\nextendedKeyUsage=codeSigning\nbasicConstraints=CA:FALSE";

/// Extensions of a certificate that may issue others.
const CA: &str = "keyUsage=critical,keyCertSign,cRLSign\nbasicConstraints=critical,CA:TRUE";

/// `root` issued `between`, which issued `leaf`, for thirty days.
pub(crate) struct Authority {
    pub(crate) dir: Dir,
}

impl Authority {
    pub(crate) fn new() -> Self {
        Self::with(CA, CA, LEAF)
    }

    /// With these extensions, one a line.
    fn with(root: &str, between: &str, leaf: &str) -> Self {
        let authority = Self { dir: Dir::new() };
        authority.issue("root", None, root);
        authority.issue("between", Some("root"), between);
        authority.issue("leaf", Some("between"), leaf);
        authority
    }

    fn issue(&self, name: &str, issuer: Option<&str>, extensions: &str) {
        if !self.dir.path(&format!("{name}.key")).exists() {
            self.dir.bare_key(name, "P-256");
        }
        self.dir.write("extensions", extensions.as_bytes());
        self.dir.openssl(&format!("req -new -key {name}.key -subj /CN={name} -out request"));
        let by = match issuer {
            Some(issuer) => format!("-CA {issuer}.pem -CAkey {issuer}.key"),
            None => format!("-signkey {name}.key"),
        };
        self.dir.openssl(&format!("x509 -req -in request {by} -days 30 -extfile extensions -out {name}.pem"));
    }

    /// Signed by `leaf`, with its certificate and that of `between`.
    pub(crate) fn message(&self) -> Vec<u8> {
        self.dir.smime("leaf", "-noattr -certfile between.pem")
    }

    fn check_at(&self, at: SystemTime) -> Result<Signed, CheckError> {
        let trusted = trust(&[], &[&self.dir.certificate("root")]);
        check(ROOT.as_bytes(), &self.message(), &trusted, at)
    }

    fn fault(&self) -> SignerError {
        fault(self.check_at(SystemTime::now()))
    }
}

fn fault(result: Result<Signed, CheckError>) -> SignerError {
    match result.unwrap_err() {
        CheckError::Signer { error, .. } => *error,
        other => panic!("{other}"),
    }
}

fn authority_fault(error: SignerError, who: &str) -> CertificateError {
    match error {
        SignerError::Path(PathError::Authority { subject, error }) if subject == format!("CN={who}") => {
            *error
        }
        other => panic!("{other}"),
    }
}

#[test]
fn a_path_leads_through_the_message() {
    needs_openssl!("a_path_leads_through_the_message");
    let authority = Authority::new();
    let [root, between, leaf] = ["root", "between", "leaf"].map(|name| authority.dir.certificate(name));
    let signed = authority.check_at(SystemTime::now()).unwrap();
    assert_eq!(signed.certificate(), &leaf);
    assert_eq!(signed.path(), [between.clone(), root.clone()]);
    assert_eq!(signed.remarks(), []);

    let message = authority.message();
    let check = |signers: &[&Certificate], authorities: &[&Certificate]| {
        check(ROOT.as_bytes(), &message, &trust(signers, authorities), SystemTime::now())
    };
    // Nearer authorities are as good; the nearest counts.
    assert_eq!(check(&[], &[&root, &between]).unwrap().path(), std::slice::from_ref(&between));
    assert_eq!(check(&[], &[&between]).unwrap().path(), std::slice::from_ref(&between));
    // Trusted itself, the signer needs nobody.
    assert_eq!(check(&[], &[&leaf]).unwrap().path(), []);
    let direct = check(&[&leaf], &[]).unwrap();
    assert_eq!(direct.remarks(), [Remark::UnusedCertificates { count: 1 }]);
    // With both, both.
    assert_eq!(check(&[&leaf], &[&root]).unwrap().path().len(), 2);
    assert_eq!(fault(check(&[&between], &[&root])), SignerError::NoCertificate { trusted: true });
}

#[test]
fn nobody_is_trusted_by_default() {
    needs_openssl!("nobody_is_trusted_by_default");
    let message = Authority::new().message();
    let error = fault(check(ROOT.as_bytes(), &message, &trust(&[], &[]), SystemTime::now()));
    assert_eq!(error, SignerError::Untrusted);
}

#[test]
fn a_path_with_a_gap_is_refused() {
    needs_openssl!("a_path_with_a_gap_is_refused");
    let authority = Authority::new();
    let trusted = trust(&[], &[&authority.dir.certificate("root")]);
    let alone = authority.dir.smime("leaf", "-noattr");
    let error = fault(check(ROOT.as_bytes(), &alone, &trusted, SystemTime::now()));
    assert_eq!(error, SignerError::Path(PathError::NoIssuer { issuer: "CN=between".to_owned() }));
    let without = authority.dir.smime("leaf", "-noattr -nocerts");
    let error = fault(check(ROOT.as_bytes(), &without, &trusted, SystemTime::now()));
    assert_eq!(error, SignerError::NoCertificate { trusted: false });
    // With the certificate from elsewhere, and its issuer trusted, the message needs to bring nothing.
    let trusted = trust(&[&authority.dir.certificate("leaf")], &[&authority.dir.certificate("between")]);
    assert_eq!(check(ROOT.as_bytes(), &without, &trusted, SystemTime::now()).unwrap().path().len(), 1);
}

#[test]
fn an_authority_of_the_same_name_is_another() {
    needs_openssl!("an_authority_of_the_same_name_is_another");
    let (authority, other) = (Authority::new(), Authority::new());
    let trusted = trust(&[], &[&other.dir.certificate("root")]);
    let error = fault(check(ROOT.as_bytes(), &authority.message(), &trusted, SystemTime::now()));
    let (subject, issuer) = ("CN=between".to_owned(), "CN=root".to_owned());
    assert_eq!(error, SignerError::Path(PathError::Signature { subject, issuer }));
}

#[test]
fn certificates_are_valid_at_the_given_time() {
    needs_openssl!("certificates_are_valid_at_the_given_time");
    let authority = Authority::new();
    assert!(authority.check_at(in_days(29)).is_ok());
    for (at, expired) in [(in_days(31), true), (SystemTime::now() - Duration::from_hours(24), false)] {
        match fault(authority.check_at(at)) {
            SignerError::Certificate(CertificateError::Expired { .. }) => assert!(expired),
            SignerError::Certificate(CertificateError::NotYetValid { .. }) => assert!(!expired),
            other => panic!("{other}"),
        }
    }
    let leaf = authority.dir.certificate("leaf");
    assert!(leaf.check_signer(leaf.not_after()).is_ok());
    assert!(leaf.check_signer(leaf.not_after() + Duration::from_secs(1)).is_err());
    assert!(leaf.check_signer(leaf.not_before()).is_ok());
    assert!(leaf.check_signer(leaf.not_before() - Duration::from_secs(1)).is_err());
}

#[test]
fn an_expired_authority_is_refused() {
    needs_openssl!("an_expired_authority_is_refused");
    let authority = Authority::new();
    // The leaf outlives its issuer.
    authority.dir.openssl("req -new -key leaf.key -subj /CN=leaf -out request");
    authority.dir.openssl("x509 -req -in request -CA between.pem -CAkey between.key -days 90 -out leaf.pem");
    let error = authority_fault(fault(authority.check_at(in_days(60))), "between");
    assert!(matches!(error, CertificateError::Expired { .. }), "{error}");
}

#[test]
fn signers_must_be_allowed_to_sign() {
    needs_openssl!("signers_must_be_allowed_to_sign");
    for good in [
        "basicConstraints=CA:FALSE",
        "keyUsage=nonRepudiation",
        "extendedKeyUsage=emailProtection",
        "extendedKeyUsage=serverAuth,anyExtendedKeyUsage",
        "subjectAltName=critical,DNS:example.org",
    ] {
        assert!(Authority::with(CA, CA, good).check_at(SystemTime::now()).is_ok(), "{good}");
    }
    for (bad, usage) in [
        ("keyUsage=keyEncipherment", Usage::DigitalSignature),
        ("keyUsage=keyCertSign", Usage::DigitalSignature),
        ("extendedKeyUsage=serverAuth,clientAuth", Usage::Purpose),
    ] {
        let error = Authority::with(CA, CA, bad).fault();
        assert_eq!(error, SignerError::Certificate(CertificateError::Usage(usage)), "{bad}");
    }
    for critical in ["1.2.3.4=critical,DER:0500", "certificatePolicies=critical,1.2.3.4"] {
        let authority = Authority::with(CA, CA, critical);
        let error = authority.check_at(SystemTime::now()).unwrap_err();
        assert!(error.is_unsupported(), "{error}");
        let error = authority.fault();
        assert!(matches!(error, SignerError::Certificate(CertificateError::Critical { .. })), "{error}");
    }
    assert!(Authority::with(CA, CA, "1.2.3.4=DER:0500").check_at(SystemTime::now()).is_ok());
}

#[test]
fn authorities_must_be_allowed_to_issue() {
    needs_openssl!("authorities_must_be_allowed_to_issue");
    for not in ["basicConstraints=CA:FALSE", "keyUsage=keyCertSign"] {
        let error = authority_fault(Authority::with(CA, not, LEAF).fault(), "between");
        assert_eq!(error, CertificateError::NotAuthority, "{not}");
        let error = authority_fault(Authority::with(not, CA, LEAF).fault(), "root");
        assert_eq!(error, CertificateError::NotAuthority, "{not}");
    }
    let signs_data = "basicConstraints=critical,CA:TRUE\nkeyUsage=digitalSignature";
    let error = authority_fault(Authority::with(CA, signs_data, LEAF).fault(), "between");
    assert_eq!(error, CertificateError::Usage(Usage::CertificateSign));
    let limited = |most: u8| format!("basicConstraints=critical,CA:TRUE,pathlen:{most}");
    let error = authority_fault(Authority::with(&limited(0), CA, LEAF).fault(), "root");
    assert_eq!(error, CertificateError::PathLength { below: 1 });
    assert!(Authority::with(&limited(1), &limited(0), LEAF).check_at(SystemTime::now()).is_ok());
    let names = format!("{CA}\nnameConstraints=permitted;DNS:example.org");
    let error = authority_fault(Authority::with(CA, &names, LEAF).fault(), "between");
    assert!(matches!(error, CertificateError::Critical { .. }), "{error}");
}

#[test]
fn two_certificates_of_one_number_are_refused() {
    needs_openssl!("two_certificates_of_one_number_are_refused");
    let authority = Authority::new();
    let dir = &authority.dir;
    for name in ["one", "two"] {
        dir.bare_key(name, "P-256");
        dir.openssl(&format!("req -new -key {name}.key -subj /CN={name} -out request"));
        dir.openssl(&format!(
            "x509 -req -in request -CA root.pem -CAkey root.key -set_serial 7 -out {name}.pem"
        ));
    }
    let [one, two] = ["one", "two"].map(|name| dir.certificate(name));
    let check = |message: &[u8], signers: &[&Certificate]| {
        check(ROOT.as_bytes(), message, &trust(signers, &[]), SystemTime::now())
    };
    let message = dir.smime("one", "-noattr");
    assert!(check(&message, &[&one]).is_ok());
    assert!(check(&message, &[&one, &one]).is_ok());
    assert_eq!(fault(check(&message, &[&two])), SignerError::CertificateDiffers);
    assert_eq!(fault(check(&message, &[&one, &two])), SignerError::Ambiguous);
    let without = dir.smime("one", "-noattr -nocerts");
    assert_eq!(fault(check(&without, &[&two])), SignerError::Signature);
    let both = dir.smime("one", "-noattr -certfile two.pem");
    assert_eq!(fault(check(&both, &[&one])), SignerError::CertificateDiffers);
}

#[test]
fn authorities_that_name_each_other_end_the_search() {
    needs_openssl!("authorities_that_name_each_other_end_the_search");
    let authority = Authority::new();
    authority.issue("circle", Some("between"), CA);
    authority.issue("between", Some("circle"), CA);
    authority
        .dir
        .write("more", &[authority.dir.read("between.pem"), authority.dir.read("circle.pem")].concat());
    let message = authority.dir.smime("leaf", "-noattr -certfile more");
    let trusted = trust(&[], &[&authority.dir.certificate("root")]);
    let error = fault(check(ROOT.as_bytes(), &message, &trusted, SystemTime::now()));
    assert_eq!(error, SignerError::Path(PathError::NoIssuer { issuer: "CN=between".to_owned() }));
}
