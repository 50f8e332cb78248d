//! From a signer's certificate to an authority that is trusted.

use std::collections::VecDeque;
use std::time::SystemTime;

use super::certificate::Certificate;
use super::error::PathError;

/// Finds the shortest path from `signer` to one of `authorities` through certificates of the message, all of which may issue
/// certificates at that time. Returns what comes after the signer, the authority last; nothing if the signer is itself one.
///
/// Breadth first, each certificate once: certificates that name each other in circles, or many of the same name, cost no
/// more than others. The signature of an authority itself is not checked: that it is trusted is the caller's word.
pub(super) fn find<'a>(
    signer: &'a Certificate,
    between: &'a [Certificate],
    authorities: &'a [Certificate],
    at: SystemTime,
) -> Result<Vec<&'a Certificate>, PathError> {
    if authorities.contains(signer) {
        return Ok(Vec::new());
    }
    let mut search = Search { at, fault: None };
    let mut seen = vec![false; between.len()];
    let mut paths = VecDeque::from([Vec::new()]);
    while let Some(path) = paths.pop_front() {
        let last: &Certificate = path.last().copied().unwrap_or(signer);
        if let Some(authority) = authorities.iter().find(|&issuer| search.issued(last, issuer, path.len())) {
            return Ok([path, vec![authority]].concat());
        }
        for (issuer, seen) in between.iter().zip(&mut seen) {
            if !*seen && issuer != signer && search.issued(last, issuer, path.len()) {
                *seen = true;
                paths.push_back([path.clone(), vec![issuer]].concat());
            }
        }
    }
    Err(search.fault.unwrap_or_else(|| PathError::NoIssuer { issuer: signer.issuer() }))
}

struct Search {
    at: SystemTime,
    /// Why the first certificate that could have been the issuer was not: better to know than that there was none.
    fault: Option<PathError>,
}

impl Search {
    /// Whether `issuer` issued `certificate` and was allowed to, with `below` authorities between it and the signer.
    fn issued(&mut self, certificate: &Certificate, issuer: &Certificate, below: usize) -> bool {
        if !certificate.is_issued_by_name_of(issuer) {
            return false;
        }
        let subject = || issuer.subject();
        let fault = match certificate.is_signed_by(issuer) {
            Err(name) => PathError::Unsupported { subject: certificate.subject(), name },
            Ok(false) => PathError::Signature { subject: certificate.subject(), issuer: subject() },
            Ok(true) => match issuer.check_authority(self.at, below) {
                Ok(()) => return true,
                Err(error) => PathError::Authority { subject: subject(), error: Box::new(error) },
            },
        };
        self.fault.get_or_insert(fault);
        false
    }
}
