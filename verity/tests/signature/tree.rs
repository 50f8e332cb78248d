//! Every element of a message changed in every way that leaves the rest of it whole.

use crate::openssl::{check_by, needs_openssl, with_key};

/// An element of DER.
#[derive(Clone, PartialEq)]
struct Node {
    tag: u8,
    content: Content,
    /// Whether to write the length in more bytes than it needs.
    long: bool,
}

#[derive(Clone, PartialEq)]
enum Content {
    Nodes(Vec<Node>),
    Bytes(Vec<u8>),
}

impl Node {
    /// The first element, and what is behind it.
    fn read(bytes: &[u8]) -> (Self, &[u8]) {
        let (header, len) = match bytes[1] {
            0x81 => (3, usize::from(bytes[2])),
            0x82 => (4, usize::from(bytes[2]) << 8 | usize::from(bytes[3])),
            len => (2, usize::from(len)),
        };
        let (inner, rest) = bytes[header..].split_at(len);
        let constructed = bytes[0] & 0x20 != 0;
        let content =
            if constructed { Content::Nodes(Self::list(inner)) } else { Content::Bytes(inner.to_vec()) };
        (Self { tag: bytes[0], content, long: false }, rest)
    }

    fn list(mut bytes: &[u8]) -> Vec<Self> {
        let mut nodes = Vec::new();
        while !bytes.is_empty() {
            let (node, rest) = Self::read(bytes);
            nodes.push(node);
            bytes = rest;
        }
        nodes
    }

    fn write(&self) -> Vec<u8> {
        let content = match &self.content {
            Content::Nodes(nodes) => nodes.iter().flat_map(Self::write).collect(),
            Content::Bytes(bytes) => bytes.clone(),
        };
        let [.., high, low] = content.len().to_be_bytes();
        let mut header = match content.len() {
            0..128 => vec![low],
            128..256 => vec![0x81, low],
            _ => vec![0x82, high, low],
        };
        if self.long {
            header = vec![0x83, 0, high, low];
        }
        [vec![self.tag], header, content].concat()
    }

    /// This element changed in every way, and with every element within changed in every way.
    fn variants(&self) -> Vec<Self> {
        let mut variants = vec![Self { long: true, ..self.clone() }];
        let with = |content| Self { content, ..self.clone() };
        match &self.content {
            Content::Bytes(bytes) => {
                variants.push(with(Content::Bytes([&[0], &bytes[..]].concat())));
                variants.push(with(Content::Bytes([&bytes[..], &[0]].concat())));
                variants.push(with(Content::Bytes(bytes.get(1..).unwrap_or_default().to_vec())));
            }
            Content::Nodes(nodes) => {
                let null = Self { tag: 5, content: Content::Bytes(Vec::new()), long: false };
                for place in 0..=nodes.len() {
                    let with_null = [&nodes[..place], std::slice::from_ref(&null), &nodes[place..]].concat();
                    variants.push(with(Content::Nodes(with_null)));
                }
                for (place, node) in nodes.iter().enumerate() {
                    let (before, after) = (&nodes[..place], &nodes[place + 1..]);
                    variants.push(with(Content::Nodes([before, after].concat())));
                    variants
                        .push(with(Content::Nodes([before, &[node.clone(), node.clone()], after].concat())));
                    if let Some((next, after)) = after.split_first() {
                        let swapped = [before, &[next.clone(), node.clone()], after].concat();
                        variants.push(with(Content::Nodes(swapped)));
                    }
                    for variant in node.variants() {
                        variants.push(with(Content::Nodes([before, &[variant], after].concat())));
                    }
                }
            }
        }
        variants.retain(|variant| variant != self);
        variants
    }
}

/// But for certificates that the signer's trust does not need: without them it is the message of somebody who signed
/// with `-nocerts`.
#[test]
fn no_element_can_be_changed_moved_left_out_or_added() {
    needs_openssl!("no_element_can_be_changed_moved_left_out_or_added");
    let dir = with_key("p256");
    let certificate = dir.certificate("p256");
    for (tool, options) in [
        ("smime", "-noattr -nocerts"),
        ("smime", "-nosmimecap"),
        ("cms", "-noattr"),
        ("cms", "-keyid -nocerts"),
    ] {
        let message = dir.message(tool, "p256", &format!("-md sha256 {options}"));
        let (tree, rest) = Node::read(&message);
        assert!(rest.is_empty() && tree.write() == message && check_by(&certificate, &message).is_ok());
        let taken = |variant: &Node| check_by(&certificate, &variant.write()).is_ok();
        let taken: Vec<Node> = tree.variants().into_iter().filter(taken).collect();
        match without_certificates(&tree) {
            Some(without) => assert!(taken == [without], "{tool} {options}: {}", taken.len()),
            None => assert!(taken.is_empty(), "{tool} {options}: {:02x?}", taken[0].write()),
        }
    }
}

/// The message without its certificates, if it has any.
fn without_certificates(tree: &Node) -> Option<Node> {
    let mut changed = tree.clone();
    let Content::Nodes(info) = &mut changed.content else { return None };
    let Content::Nodes(explicit) = &mut info[1].content else { return None };
    let Content::Nodes(data) = &mut explicit[0].content else { return None };
    data.retain(|part| part.tag != 0xa0);
    (changed != *tree).then_some(changed)
}
