//! The report as one page that needs nothing else: no network, no script, no fonts.

use std::io::Write;

use minijinja::value::Serde;
use minijinja::{AutoEscape, Environment, UndefinedBehavior};

use super::RenderError;
use super::words::{bytes, count};
use crate::Report;

mod view;

const TEMPLATE: &str = include_str!("report.html");
const STYLE: &str = include_str!("report.css");
const SCRIPT: &str = include_str!("report.js");

/// The only style and the only script that the page may use, by the Base64 of their SHA-256 (CSP Level 3, 2.3.1), so
/// that nothing which a file name could smuggle in runs even if escaping failed. A test keeps them up to date.
const STYLE_HASH: &str = "b4aDnp+nLjMdYC6ALRmgM184cvl9X8VCwGfA5/maD7E=";
const SCRIPT_HASH: &str = "6FfKUOvF9kU2sx7GH0mtVfz2pVgIcjP+jYNqX/VULns=";

/// Writes the report as a page of HTML. The same report gives the same bytes.
pub fn html(report: &Report, out: &mut dyn Write) -> Result<(), RenderError> {
    let mut environment = Environment::new();
    environment.set_auto_escape_callback(|_| AutoEscape::Html);
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.add_filter("count", count);
    environment.add_filter("bytes", bytes);
    environment.add_filter("percent", |share: f64| format!("{share:.1}"));
    environment.add_template("report.html", TEMPLATE)?;
    let page = view::page(report);
    let context = minijinja::context! {
        page => Serde(&page),
        report => Serde(&page.head),
        style => STYLE,
        script => SCRIPT,
        style_hash => STYLE_HASH,
        script_hash => SCRIPT_HASH,
    };
    let text = environment.get_template("report.html")?.render(context)?;
    out.write_all(text.as_bytes())?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use sha2::{Digest as _, Sha256};

    use super::*;

    #[test]
    fn the_policy_names_the_style_and_the_script_as_they_are() {
        assert_eq!(base64(&Sha256::digest(STYLE)), STYLE_HASH, "report.css has changed");
        assert_eq!(base64(&Sha256::digest(SCRIPT)), SCRIPT_HASH, "report.js has changed");
    }

    #[test]
    fn style_and_script_cannot_end_their_elements() {
        assert!(!STYLE.contains("</") && !SCRIPT.contains("</"));
        assert!(!STYLE.contains("url(") && !STYLE.contains("@import"));
    }

    fn base64(bytes: &[u8]) -> String {
        const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        let mut out = String::new();
        for chunk in bytes.chunks(3) {
            let group =
                chunk.iter().fold(0, |sum, byte| sum << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
            for at in 0..4 {
                let digit = DIGITS[(group >> (18 - 6 * at) & 63) as usize];
                out.push(if at > chunk.len() { '=' } else { char::from(digit) });
            }
        }
        out
    }
}
