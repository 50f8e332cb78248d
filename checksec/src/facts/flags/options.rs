//! What the options of one compilation ask for.

/// `-fstack-protector…`, from the weakest to the strongest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Protector {
    /// `-fno-stack-protector`.
    Off,
    /// `-fstack-protector-explicit`: functions that ask for it.
    Explicit,
    /// `-fstack-protector`: functions with buffers of characters of 8 bytes and more.
    Basic,
    /// `-fstack-protector-strong`: functions with any array, or a local whose address is taken.
    Strong,
    /// `-fstack-protector-all`.
    All,
}

impl Protector {
    /// For a table cell.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Explicit => "explicit",
            Self::Basic => "basic",
            Self::Strong => "strong",
            Self::All => "all",
        }
    }

    /// The option.
    pub fn option(self) -> &'static str {
        match self {
            Self::Off => "-fno-stack-protector",
            Self::Explicit => "-fstack-protector-explicit",
            Self::Basic => "-fstack-protector",
            Self::Strong => "-fstack-protector-strong",
            Self::All => "-fstack-protector-all",
        }
    }
}

/// `-fcf-protection=…`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ControlFlow {
    /// `none`.
    Off,
    /// `branch`: IBT.
    Branch,
    /// `return`: the shadow stack.
    Return,
    /// `full`: both.
    Full,
}

impl ControlFlow {
    /// The option.
    pub fn option(self) -> &'static str {
        match self {
            Self::Off => "-fcf-protection=none",
            Self::Branch => "-fcf-protection=branch",
            Self::Return => "-fcf-protection=return",
            Self::Full => "-fcf-protection=full",
        }
    }
}

/// `-O…`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Optimisation {
    /// `-O0`, or no such option.
    None,
    /// Any other.
    Some,
}

impl Optimisation {
    /// The option.
    pub fn option(self) -> &'static str {
        match self {
            Self::None => "-O0",
            Self::Some => "-O1 or more",
        }
    }
}

/// What the code's place in memory may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Position {
    /// `-fno-pie`, `-fno-pic`.
    Fixed,
    /// `-fPIC`: for a shared object.
    Shared,
    /// `-fPIE`: for a program.
    Program,
}

impl Position {
    /// The option.
    pub fn option(self) -> &'static str {
        match self {
            Self::Fixed => "-fno-pie",
            Self::Shared => "-fPIC",
            Self::Program => "-fPIE",
        }
    }
}

/// What is asked of the linker, where the recorded command also linked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Linking {
    /// `-z now`, or `-z lazy`.
    pub now: Option<bool>,
    /// `-z relro`, or `-z norelro`.
    pub relro: Option<bool>,
    /// `-z noexecstack`, or `-z execstack`.
    pub no_exec_stack: Option<bool>,
    /// `-pie` or `-static-pie`, or `-no-pie`.
    pub pie: Option<bool>,
}

/// The options of one compilation. `None` is what no option says, so that the compiler's default decides.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// The stack protector.
    pub protector: Option<Protector>,
    /// The level of `_FORTIFY_SOURCE`; 0 where it is undefined.
    pub fortify: Option<u8>,
    /// `-fstack-clash-protection`.
    pub clash: Option<bool>,
    /// `-fcf-protection`.
    pub control_flow: Option<ControlFlow>,
    /// `-O`.
    pub optimisation: Option<Optimisation>,
    /// `-fPIE` and its like.
    pub position: Option<Position>,
    /// `-fsanitize=address`.
    pub address_sanitizer: Option<bool>,
    /// Of the linker.
    pub linking: Linking,
    /// Whether any option is recorded at all.
    pub is_recorded: bool,
}

impl Options {
    /// Reads the options of a whole command line, or of a producer's name with options after it. Of several options for
    /// one thing the last wins, as in the compilers.
    pub fn parse(line: &[u8]) -> Self {
        let words = words(line);
        let mut options = Self::default();
        let is_only_compiled = words.iter().any(|word| matches!(&**word, b"-c" | b"-S" | b"-E"));
        let mut words = words.iter().map(Vec::as_slice);
        let mut is_hardened = false;
        while let Some(word) = words.next() {
            if SEPARATE.contains(&word) {
                words.next();
                continue;
            }
            options.is_recorded |= word.len() > 1 && word[0] == b'-';
            is_hardened |= word == b"-fhardened";
            match word {
                b"-D" => options.define(words.next().unwrap_or_default()),
                b"-U" => options.undefine(words.next().unwrap_or_default()),
                b"-Xlinker" => options.linker(words.next().unwrap_or_default(), None),
                b"-z" => options.keyword(words.next().unwrap_or_default()),
                word => options.take(word),
            }
        }
        if is_hardened {
            options.harden();
        }
        if is_only_compiled {
            options.linking = Linking::default();
        }
        if options.is_recorded {
            // Compilers record -O if it was given, and do without where it was not.
            options.optimisation = options.optimisation.or(Some(Optimisation::None));
        }
        options
    }

    /// Reads one option by itself.
    pub fn single(word: &[u8]) -> Self {
        let mut options = Self { is_recorded: true, ..Self::default() };
        options.take(word);
        options.linking = Linking::default();
        options
    }

    fn take(&mut self, word: &[u8]) {
        match word {
            b"-fstack-protector" => self.protector = Some(Protector::Basic),
            b"-fstack-protector-strong" => self.protector = Some(Protector::Strong),
            b"-fstack-protector-all" => self.protector = Some(Protector::All),
            b"-fstack-protector-explicit" => self.protector = Some(Protector::Explicit),
            b"-fstack-clash-protection" => self.clash = Some(true),
            b"-fno-stack-clash-protection" => self.clash = Some(false),
            b"-fPIE" | b"-fpie" => self.position = Some(Position::Program),
            b"-fPIC" | b"-fpic" => self.position = Some(Position::Shared),
            b"-fno-pie" | b"-fno-PIE" | b"-fno-pic" | b"-fno-PIC" => self.position = Some(Position::Fixed),
            b"-pie" | b"-static-pie" => self.linking.pie = Some(true),
            b"-no-pie" | b"-nopie" | b"-shared" | b"-static" | b"-r" => self.linking.pie = Some(false),
            word => self.take_valued(word),
        }
    }

    fn take_valued(&mut self, word: &[u8]) {
        if word.starts_with(b"-fno-stack-protector") {
            self.protector = Some(Protector::Off);
        } else if let Some(rest) = word.strip_prefix(b"-fcf-protection") {
            self.control_flow = control_flow(rest).or(self.control_flow);
        } else if word == b"-fno-cf-protection" {
            self.control_flow = Some(ControlFlow::Off);
        } else if let Some(level) = word.strip_prefix(b"-O") {
            let is_none = level.first() == Some(&b'0');
            self.optimisation = Some(if is_none { Optimisation::None } else { Optimisation::Some });
        } else if let Some(name) = word.strip_prefix(b"-D") {
            self.define(name);
        } else if let Some(name) = word.strip_prefix(b"-U") {
            self.undefine(name);
        } else if let Some(list) = word.strip_prefix(b"-fsanitize=") {
            if list.split(|byte| *byte == b',').any(|name| name == b"address") {
                self.address_sanitizer = Some(true);
            }
        } else if let Some(list) = word.strip_prefix(b"-fno-sanitize=") {
            if list.split(|byte| *byte == b',').any(|name| name == b"address" || name == b"all") {
                self.address_sanitizer = Some(false);
            }
        } else if let Some(list) = word.strip_prefix(b"-Wp,") {
            list.split(|byte| *byte == b',').for_each(|word| self.preprocessor(word));
        } else if let Some(list) = word.strip_prefix(b"-Wl,") {
            let mut words = list.split(|byte| *byte == b',').peekable();
            while let Some(word) = words.next() {
                let next = words.peek().copied();
                self.linker(word, next);
            }
        }
    }

    fn preprocessor(&mut self, word: &[u8]) {
        if let Some(name) = word.strip_prefix(b"-D") {
            self.define(name);
        } else if let Some(name) = word.strip_prefix(b"-U") {
            self.undefine(name);
        }
    }

    fn define(&mut self, definition: &[u8]) {
        let Some(rest) = definition.strip_prefix(FORTIFY) else { return };
        match rest {
            [] => self.fortify = Some(1),
            // What is not a digit is a macro, or a number that nobody uses.
            [b'=', digit @ b'0'..=b'9'] => self.fortify = Some(digit - b'0'),
            _ => {}
        }
    }

    fn undefine(&mut self, name: &[u8]) {
        if name == FORTIFY {
            self.fortify = Some(0);
        }
    }

    /// An argument of the linker. `-z` has its keyword in the next one, which by itself is a keyword like no file's name.
    fn linker(&mut self, word: &[u8], next: Option<&[u8]>) {
        match word {
            b"-z" => self.keyword(next.unwrap_or_default()),
            b"-pie" | b"--pie" | b"-pic-executable" => self.linking.pie = Some(true),
            // After -Xlinker -z comes -Xlinker and the keyword.
            _ if next.is_none() => self.keyword(word.strip_prefix(b"-z").unwrap_or(word)),
            word => self.keyword(word.strip_prefix(b"-z").unwrap_or_default()),
        }
    }

    fn keyword(&mut self, word: &[u8]) {
        match word {
            b"now" => self.linking.now = Some(true),
            b"lazy" => self.linking.now = Some(false),
            b"relro" => self.linking.relro = Some(true),
            b"norelro" => self.linking.relro = Some(false),
            b"noexecstack" => self.linking.no_exec_stack = Some(true),
            b"execstack" => self.linking.no_exec_stack = Some(false),
            _ => {}
        }
    }

    /// `-fhardened` of GCC 14 turns these on where no option says otherwise. The level of `_FORTIFY_SOURCE` that it
    /// defines depends on the C library, so it is left open.
    fn harden(&mut self) {
        self.protector = self.protector.or(Some(Protector::Strong));
        self.clash = self.clash.or(Some(true));
        self.control_flow = self.control_flow.or(Some(ControlFlow::Full));
    }
}

fn control_flow(value: &[u8]) -> Option<ControlFlow> {
    match value {
        b"" | b"=full" => Some(ControlFlow::Full),
        b"=branch" => Some(ControlFlow::Branch),
        b"=return" => Some(ControlFlow::Return),
        b"=none" => Some(ControlFlow::Off),
        // =check only refuses machines without it.
        _ => None,
    }
}

/// Words between spaces. clang writes a backslash before spaces and backslashes inside of one; GCC writes words as they
/// are, so that one with a space in it becomes two.
fn words(line: &[u8]) -> Vec<Vec<u8>> {
    let mut words = Vec::new();
    let mut word = Vec::new();
    let mut bytes = line.iter().copied();
    while let Some(byte) = bytes.next() {
        match byte {
            b' ' => words.push(std::mem::take(&mut word)),
            b'\\' => word.extend(bytes.next()),
            byte => word.push(byte),
        }
    }
    words.push(word);
    words.retain(|word| !word.is_empty());
    words
}

const FORTIFY: &[u8] = b"_FORTIFY_SOURCE";

/// Options of GCC and clang whose argument is the next word and says nothing here, though it may look like an option.
const SEPARATE: [&[u8]; 31] = [
    b"--param",
    b"-B",
    b"-I",
    b"-L",
    b"-MF",
    b"-MQ",
    b"-MT",
    b"-T",
    b"-Xassembler",
    b"-Xclang",
    b"-Xpreprocessor",
    b"-arch",
    b"-aux-info",
    b"-dumpbase",
    b"-dumpbase-ext",
    b"-dumpdir",
    b"-e",
    b"-idirafter",
    b"-imacros",
    b"-imultiarch",
    b"-include",
    b"-iprefix",
    b"-iquote",
    b"-isysroot",
    b"-isystem",
    b"-l",
    b"-mllvm",
    b"-o",
    b"-target",
    b"-u",
    b"-x",
];

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Options {
        Options::parse(line.as_bytes())
    }

    #[test]
    fn the_last_option_wins() {
        let options = parse(
            "GNU C17 12.2.0 -O0 -O2 -fno-stack-protector -fstack-protector-all -fcf-protection -fcf-protection=branch",
        );
        assert_eq!(options.optimisation, Some(Optimisation::Some));
        assert_eq!(options.protector, Some(Protector::All));
        assert_eq!(options.control_flow, Some(ControlFlow::Branch));
        let options = parse(
            "cc -fstack-clash-protection -fno-stack-clash-protection -fPIE -fno-pie -D_FORTIFY_SOURCE=2 -U_FORTIFY_SOURCE",
        );
        assert_eq!(
            (options.clash, options.position, options.fortify),
            (Some(false), Some(Position::Fixed), Some(0))
        );
        assert_eq!(options.optimisation, Some(Optimisation::None));
        let options = parse("cc -fsanitize=undefined,address -fno-sanitize=undefined");
        assert_eq!(options.address_sanitizer, Some(true));
        assert_eq!(parse("cc -fsanitize=address -fno-sanitize=all").address_sanitizer, Some(false));
    }

    #[test]
    fn a_name_without_options_says_nothing() {
        for line in ["GNU C17 12.2.0", "Debian clang version 14.0.6", "", "-"] {
            assert_eq!(parse(line), Options::default(), "{line}");
        }
        let said = parse("GNU C17 12.2.0 -mtune=generic");
        assert_eq!(
            (said.protector, said.optimisation, said.is_recorded),
            (None, Some(Optimisation::None), true)
        );
    }

    #[test]
    fn the_level_of_fortify_in_all_its_spellings() {
        for (line, level) in [
            ("cc -D_FORTIFY_SOURCE", Some(1)),
            ("cc -D _FORTIFY_SOURCE=3", Some(3)),
            ("cc -Wp,-U_FORTIFY_SOURCE,-D_FORTIFY_SOURCE=2", Some(2)),
            ("cc -D _FORTIFY_SOURCE=2 -U _FORTIFY_SOURCE", Some(0)),
            ("cc -D_FORTIFY_SOURCE_X=2", None),
            ("cc -D_FORTIFY_SOURCE=LEVEL", None),
            ("cc -I -D_FORTIFY_SOURCE=2", None),
            ("cc -DX=a\\ -D_FORTIFY_SOURCE=2", None),
        ] {
            assert_eq!(parse(line).fortify, level, "{line}");
        }
    }

    #[test]
    fn what_the_linker_is_asked_for() {
        let all = Linking { now: Some(true), relro: Some(true), no_exec_stack: Some(true), pie: Some(true) };
        for line in [
            "cc -pie -Wl,-z,relro,-z,now -z noexecstack",
            "cc -Wl,-zrelro,-znow,-znoexecstack,-pie",
            "cc -pie -Xlinker -z -Xlinker now -Xlinker -z -Xlinker relro -Wl,-z -Wl,noexecstack",
        ] {
            assert_eq!(parse(line).linking, all, "{line}");
        }
        assert_eq!(parse("cc -c -pie -Wl,-z,now").linking, Linking::default());
        assert_eq!(
            parse("cc -Wl,-z,now -Wl,-z,lazy -pie -no-pie").linking,
            Linking { now: Some(false), pie: Some(false), ..Linking::default() }
        );
    }

    #[test]
    fn one_option_for_many() {
        let options = parse("GNU C17 14.1.0 -fhardened -fno-stack-clash-protection -O2");
        assert_eq!((options.protector, options.clash), (Some(Protector::Strong), Some(false)));
        assert_eq!((options.control_flow, options.fortify), (Some(ControlFlow::Full), None));
    }
}
