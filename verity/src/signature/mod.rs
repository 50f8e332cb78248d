//! Detached PKCS#7 signatures of root hashes and fs-verity digests: made and checked offline.
//!
//! The kernel checks such signatures for dm-verity (the `root_hash_sig_key_desc` option of the table) and for fs-verity
//! (built-in signatures); systemd reads them as `.roothash.p7s` and from signature partitions. All of them want the same:
//! CMS `SignedData` (RFC 5652) in DER without its content, version 1, one signer named by issuer and serial number. What
//! is signed is [`root_hash_content`] or [`FileDigest::formatted`](crate::fsverity::FileDigest::formatted).
//!
//! [`sign`] makes exactly that, without signed attributes, and byte for byte what
//! `openssl smime -sign -nocerts -noattr -binary -outform der` makes where the signature itself is deterministic (RSA).
//! [`check()`] is stricter than the kernel, which reads BER, and than OpenSSL, which ignores what it does not need: a
//! message has one reading, every byte of it is accounted for, and nothing in it can be changed without notice, but for
//! certificates: those that are not needed may be left out, and those that play no part, which the result counts, may be
//! others.
//!
//! # What is checked, and what is not
//!
//! - The signature, over the content or over signed attributes that hold the content's digest.
//! - That the signer's certificate is one that the caller trusts, or leads to a certificate authority that the caller
//!   trusts, through certificates in the message only ([`Trust`]).
//! - Of every certificate on that path: the period of validity, critical extensions, key usage, extended key usage of the
//!   signer, basic constraints and path lengths of authorities, and the signature by the next.
//! - Not revocation: there is no network at the time and place where root hashes are checked, and no list to look at.
//! - Not name constraints and policies: an authority that has the former is refused.
//!
//! The kernel looks at no period of validity, unless the attributes hold a signing time and the message the certificate, and
//! at no use of keys; on the other hand, a signature that passes here is refused there when neither the certificate nor its
//! issuer's is in the keyring. Of attributes it refuses S/MIME capabilities in what is not for Authenticode; [`Remark`] tells.
//! As signature algorithm it takes `rsaEncryption`, and `ecdsa-with-SHA…` in kernels from 2021 on.
//!
//! # Dependencies
//!
//! The primitives are ring's. PEM, DER, X.509 and key files are read by the formats crates of RustCrypto. Their crate for
//! CMS is not used: its release belongs to an older family of these crates, of which everything would be there twice;
//! its successor is a release candidate; and both sort and re-encode sets as they read them, so that a message that is
//! not DER could not be told from one that is. The five structures that are needed of it are in `message`.

mod algorithm;
mod certificate;
mod check;
mod content;
mod error;
mod key;
mod message;
mod path;
mod pem;
mod sign;

pub use algorithm::{Digest, KeyKind};
pub use certificate::{Certificate, Fingerprint};
pub use check::{Remark, Signed, Trust, check};
pub use content::root_hash_content;
pub use error::{
    AttributeError, CertificateError, CheckError, KeyError, MessageError, PathError, PemError,
    PublicKeyError, SignError, SignerError, SignerId, Usage,
};
pub use key::SigningKey;
pub use message::{MAX_CERTIFICATES, MAX_FSVERITY_MESSAGE, MAX_MESSAGE};
pub use sign::{Options, sign};
