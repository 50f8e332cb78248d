//! How the kernel reads what our parsers read, byte by byte, as its functions are documented: written a second time so
//! that both can be held against each other. A string ends at the first zero byte.

/// `isspace` of lib/ctype.c, whose table is that of Latin-1: the no-break space is one.
pub(crate) fn is_space(byte: u8) -> bool {
    matches!(byte, 9..=13 | b' ' | 0xa0)
}

/// `dm_split_args` of dm-table.c: words at white space; a backslash, unless it is the last byte, takes the byte after it.
pub(crate) fn words(text: &[u8]) -> Vec<Vec<u8>> {
    let mut words = Vec::new();
    let mut rest = string(text);
    loop {
        rest = trim_start(rest);
        if rest.is_empty() {
            return words;
        }
        let mut word = Vec::new();
        loop {
            match *rest {
                [b'\\', byte, ref after @ ..] => {
                    word.push(byte);
                    rest = after;
                }
                [byte, ref after @ ..] if !is_space(byte) => {
                    word.push(byte);
                    rest = after;
                }
                _ => break,
            }
        }
        words.push(word);
    }
}

/// `next_arg` of lib/cmdline.c, over a whole command line up to `--`: names and values.
pub(crate) fn parameters(cmdline: &[u8]) -> Vec<(Vec<u8>, Option<Vec<u8>>)> {
    let mut found = Vec::new();
    let mut rest = trim_start(string(cmdline));
    while !rest.is_empty() {
        let quoted = rest[0] == b'"';
        let args = &rest[usize::from(quoted)..];
        let mut within = quoted;
        let ends = |byte: &u8| {
            within ^= *byte == b'"';
            is_space(*byte) && !within
        };
        let len = args.iter().position(ends).unwrap_or(args.len());
        let (word, after) = args.split_at(len);
        let parameter = parameter(word, quoted);
        if parameter == (b"--".to_vec(), None) {
            break;
        }
        found.push(parameter);
        rest = trim_start(after);
    }
    found
}

fn parameter(word: &[u8], quoted: bool) -> (Vec<u8>, Option<Vec<u8>>) {
    // A sign of equality that comes first is none.
    let equals = word.iter().skip(1).position(|byte| *byte == b'=').map(|at| at + 1);
    let mut end = word.len();
    let mut start = equals.map(|at| at + 1);
    if let Some(at) = start.filter(|at| word.get(*at) == Some(&b'"')) {
        start = Some(at + 1);
        if word.last() == Some(&b'"') {
            end -= 1;
        }
    }
    if quoted && end == word.len() && word.last() == Some(&b'"') {
        end -= 1;
    }
    let name = word[..equals.unwrap_or(end)].to_vec();
    (name, start.map(|start| word.get(start..end).unwrap_or_default().to_vec()))
}

/// The name, length and UUID of every device in a value of `dm-mod.create`, as dm-init.c cuts it: `;` between devices, `,`
/// between fields, white space around them is none of theirs.
pub(crate) fn devices(value: &[u8]) -> Vec<[Vec<u8>; 2]> {
    let devices = string(value).split(|byte| *byte == b';');
    let device = |entry: &[u8]| {
        let mut fields = trim(entry).splitn(5, |byte| *byte == b',').map(|field| trim(field).to_vec());
        [fields.next().unwrap_or_default(), fields.next().unwrap_or_default()]
    };
    devices.map(device).collect()
}

fn string(bytes: &[u8]) -> &[u8] {
    bytes.split(|byte| *byte == 0).next().unwrap_or_default()
}

fn trim_start(bytes: &[u8]) -> &[u8] {
    let start = bytes.iter().position(|byte| !is_space(*byte)).unwrap_or(bytes.len());
    &bytes[start..]
}

fn trim(bytes: &[u8]) -> &[u8] {
    let bytes = trim_start(bytes);
    let end = bytes.iter().rposition(|byte| !is_space(*byte)).map_or(0, |at| at + 1);
    &bytes[..end]
}
