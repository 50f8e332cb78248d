//! The little Markdown that rule pages use: paragraphs, lists, code blocks, and in lines code, emphasis and links.
//!
//! A full parser would be a dependency for pages that we write ourselves; what this does not know stays as it is
//! written, which Markdown was made for.

use std::fmt::Write as _;

/// A block of a page.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Block<'a> {
    /// Lines to be joined.
    Paragraph(String),
    /// Items of a bulleted or a numbered list.
    List(Vec<String>),
    /// Lines to be kept as they are.
    Code(Vec<&'a str>),
}

/// The blocks of a text.
pub(super) fn blocks(text: &str) -> Vec<Block<'_>> {
    let mut blocks = Vec::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        let trimmed = line.trim();
        if trimmed.starts_with("```") {
            let code = lines.by_ref().take_while(|line| !line.trim_start().starts_with("```"));
            blocks.push(Block::Code(code.collect()));
        } else if trimmed.is_empty() {
            blocks.push(Block::Paragraph(String::new()));
        } else if let Some(item) = list_item(trimmed) {
            push_item(&mut blocks, item);
        } else {
            continue_block(&mut blocks, trimmed);
        }
    }
    blocks.retain(|block| !matches!(block, Block::Paragraph(text) if text.is_empty()));
    join_lists(blocks)
}

/// The first sentence-bearing block without its marks: a paragraph, or a list's first item; empty if there is none.
pub(super) fn first_paragraph(text: &str) -> String {
    let prose = |block| match block {
        Block::Paragraph(text) => Some(text),
        Block::List(items) => items.into_iter().next(),
        Block::Code(_) => None,
    };
    blocks(text).into_iter().find_map(prose).map(|text| plain(&text)).unwrap_or_default()
}

/// A line without its marks: code and emphasis lose theirs, links keep their words.
pub(super) fn plain(line: &str) -> String {
    let mut out = String::with_capacity(line.len());
    for piece in pieces(line) {
        out.push_str(match piece {
            Piece::Text(text) | Piece::Code(text) | Piece::Strong(text) | Piece::Link(text, _) => text,
        });
    }
    out
}

/// The text as HTML; everything in it is escaped, and links go to `https:` only.
pub(super) fn html(text: &str) -> String {
    let mut out = String::new();
    for block in blocks(text) {
        match block {
            Block::Paragraph(text) => {
                let _ = write!(out, "<p>{}</p>", html_line(&text));
            }
            Block::List(items) => {
                out.push_str("<ul>");
                for item in items {
                    let _ = write!(out, "<li>{}</li>", html_line(&item));
                }
                out.push_str("</ul>");
            }
            Block::Code(lines) => {
                let _ = write!(out, "<pre><code>{}</code></pre>", html_text(&lines.join("\n")));
            }
        }
    }
    out
}

/// Text with the characters escaped that HTML gives a meaning to.
pub(super) fn html_text(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            _ => out.push(character),
        }
    }
    out
}

/// A part of a line.
enum Piece<'a> {
    Text(&'a str),
    Code(&'a str),
    Strong(&'a str),
    Link(&'a str, &'a str),
}

fn pieces(line: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let mut start = 0;
    let mut at = 0;
    while at < line.len() {
        if let Some((piece, length)) = piece_at(&line[at..]) {
            pieces.extend([Piece::Text(&line[start..at]), piece]);
            at += length;
            start = at;
        } else {
            at += line[at..].chars().next().map_or(1, char::len_utf8);
        }
    }
    pieces.push(Piece::Text(&line[start..]));
    pieces
}

/// The marked piece that `rest` begins with, and its length with its marks.
fn piece_at(rest: &str) -> Option<(Piece<'_>, usize)> {
    if let Some(inner) = rest.strip_prefix('`') {
        let end = inner.find('`')?;
        return Some((Piece::Code(&inner[..end]), end + 2));
    }
    if let Some(inner) = rest.strip_prefix("**") {
        let end = inner.find("**")?;
        return Some((Piece::Strong(&inner[..end]), end + 4));
    }
    let inner = rest.strip_prefix('[')?;
    let (words, target) = inner.split_once("](")?;
    let end = target.find(')')?;
    let is_link = !words.contains(['[', ']']) && target[..end].starts_with("https://");
    is_link.then(|| (Piece::Link(words, &target[..end]), words.len() + end + 4))
}

fn html_line(line: &str) -> String {
    let mut out = String::with_capacity(line.len());
    for piece in pieces(line) {
        // Writing to a String cannot fail.
        let _ = match piece {
            Piece::Text(text) => write!(out, "{}", html_text(text)),
            Piece::Code(text) => write!(out, "<code>{}</code>", html_text(text)),
            Piece::Strong(text) => write!(out, "<strong>{}</strong>", html_text(text)),
            Piece::Link(text, target) => {
                write!(out, "<a href=\"{}\" rel=\"noreferrer\">{}</a>", html_text(target), html_text(text))
            }
        };
    }
    out
}

fn list_item(line: &str) -> Option<&str> {
    let numbered = || {
        let digits = line.bytes().take_while(u8::is_ascii_digit).count();
        line[digits..].strip_prefix(". ").filter(|_| digits > 0)
    };
    line.strip_prefix("- ").or_else(|| line.strip_prefix("* ")).or_else(numbered)
}

fn push_item(blocks: &mut Vec<Block<'_>>, item: &str) {
    if let Some(Block::List(items)) = blocks.last_mut() {
        items.push(item.to_owned());
    } else {
        blocks.push(Block::List(vec![item.to_owned()]));
    }
}

/// A line that begins no block of its own belongs to the one before.
fn continue_block(blocks: &mut Vec<Block<'_>>, line: &str) {
    let open = match blocks.last_mut() {
        Some(Block::Paragraph(text)) => Some(text),
        Some(Block::List(items)) => items.last_mut(),
        _ => None,
    };
    match open {
        Some(text) if text.is_empty() => text.push_str(line),
        Some(text) => text.extend([" ", line]),
        None => blocks.push(Block::Paragraph(line.to_owned())),
    }
}

/// Lists that only empty lines parted are one.
fn join_lists(blocks: Vec<Block<'_>>) -> Vec<Block<'_>> {
    let mut out: Vec<Block<'_>> = Vec::with_capacity(blocks.len());
    for block in blocks {
        match (out.last_mut(), block) {
            (Some(Block::List(items)), Block::List(more)) => items.extend(more),
            (_, block) => out.push(block),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_told_apart() {
        let text =
            "One\nline.\n\n- first\n  goes on\n- second\n\n- third\n\n```sh\n# x\n\nld -z now\n```\nLast.";
        let expected = [
            Block::Paragraph("One line.".into()),
            Block::List(vec!["first goes on".into(), "second".into(), "third".into()]),
            Block::Code(vec!["# x", "", "ld -z now"]),
            Block::Paragraph("Last.".into()),
        ];
        assert_eq!(blocks(text), expected);
    }

    #[test]
    fn lines_become_html_and_nothing_in_them_does() {
        let text = "Use `-z <now>` in **every** [link](https://example.org/?a=1&b=\"2\").";
        let expected = "<p>Use <code>-z &lt;now&gt;</code> in <strong>every</strong> \
            <a href=\"https://example.org/?a=1&amp;b=&quot;2&quot;\" rel=\"noreferrer\">link</a>.</p>";
        assert_eq!(html(text), expected);
        assert_eq!(html("[x](javascript:alert(1)) <b>"), "<p>[x](javascript:alert(1)) &lt;b&gt;</p>");
    }

    #[test]
    fn marks_left_open_stay_as_they_are() {
        assert_eq!(plain("a ` b ** c [d](e"), "a ` b ** c [d](e");
        assert_eq!(plain("größer `x`"), "größer x");
    }

    #[test]
    fn the_first_block_of_prose_is_plain() {
        assert_eq!(first_paragraph("```\nx\n```\nUse `x`\nnow.\n\nMore."), "Use x now.");
        assert_eq!(first_paragraph("- Use `x`.\n- Or not."), "Use x.");
        assert_eq!(first_paragraph(""), "");
    }
}
