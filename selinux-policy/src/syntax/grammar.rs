//! Which statements there are, and the form of each.

use super::expressions;
use super::nesting::{Nesting, forbidden};
use super::{Tree, Word};
use crate::diagnostic::{Diagnostic, Source};
use crate::names::{Names, Symbol};

/// A statement of a file.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Statement {
    /// Its file.
    pub(crate) file: u32,
    /// Its list.
    pub(crate) node: u32,
    /// What it is.
    pub(crate) word: Word,
    /// The place behind it and the statements in it, in the list of statements.
    pub(crate) end: u32,
}

/// One element of a statement's form; several bits mean any of them.
mod form {
    /// An atom.
    pub(super) const S: u8 = 1;
    /// A list that is not empty.
    pub(super) const L: u8 = 2;
    /// `()`.
    pub(super) const E: u8 = 4;
    /// The statement may end here.
    pub(super) const END: u8 = 8;
    /// Lists that are not empty, up to the end; at least one.
    pub(super) const MANY: u8 = 16;
    /// An atom or a list.
    pub(super) const X: u8 = S | L;
    /// Statements, or none.
    pub(super) const BODY: u8 = MANY | END;
}

/// The form of what is behind a statement's word, and how it is written.
fn form(word: Word) -> Option<(&'static [u8], &'static str)> {
    use form::{BODY, E, END, L, MANY, S, X};
    Some(match word {
        Word::Allow | Word::Auditallow | Word::Dontaudit | Word::Neverallow | Word::Deny => {
            (&[S, S, X], "SOURCE TARGET CLASSPERMISSION")
        }
        Word::Allowx | Word::Auditallowx | Word::Dontauditx | Word::Neverallowx => {
            (&[S, S, X], "SOURCE TARGET PERMISSIONX")
        }
        Word::Block | Word::Optional => (&[S, BODY], "NAME STATEMENT..."),
        Word::Blockabstract | Word::Blockinherit => (&[S], "BLOCK"),
        Word::Boolean | Word::Tunable => (&[S, S], "NAME true|false"),
        Word::Booleanif | Word::Tunableif => {
            (&[X, L, L | END], "CONDITION (true STATEMENT...) (false STATEMENT...)")
        }
        Word::True | Word::False => (&[MANY], "STATEMENT..."),
        Word::Call => (&[S, L | E | END], "MACRO (ARGUMENT...)"),
        Word::Macro => (&[S, L | E, BODY], "NAME ((KIND PARAMETER)...) STATEMENT..."),
        Word::In => (&[S, S | MANY, BODY], "[before|after] CONTAINER STATEMENT..."),
        Word::Category
        | Word::Categoryalias
        | Word::Sensitivity
        | Word::Sensitivityalias
        | Word::Type
        | Word::Typealias
        | Word::Typeattribute
        | Word::Role
        | Word::Roleattribute
        | Word::User
        | Word::Userattribute
        | Word::Sid
        | Word::Policycap
        | Word::Classpermission => (&[S], "NAME"),
        Word::Categoryaliasactual | Word::Sensitivityaliasactual | Word::Typealiasactual => {
            (&[S, S], "ALIAS ACTUAL")
        }
        Word::Categoryorder | Word::Sensitivityorder | Word::Sidorder | Word::Classorder => {
            (&[L], "(NAME...)")
        }
        Word::Categoryset => (&[S, L], "NAME (CATEGORY...)"),
        Word::Class => (&[S, L | E], "NAME (PERMISSION...)"),
        Word::Common | Word::Classmap => (&[S, L], "NAME (PERMISSION...)"),
        Word::Classcommon => (&[S, S], "CLASS COMMON"),
        Word::Classmapping => (&[S, S, X], "CLASSMAP PERMISSION CLASSPERMISSION"),
        Word::Classpermissionset => (&[S, X], "NAME CLASSPERMISSION"),
        Word::Permissionx => (&[S, L], "NAME (KIND CLASS (NUMBER...))"),
        Word::Constrain | Word::Mlsconstrain => (&[X, L], "CLASSPERMISSION (EXPRESSION)"),
        Word::Validatetrans | Word::Mlsvalidatetrans => (&[S, L], "CLASS (EXPRESSION)"),
        Word::Context => (&[S, L], "NAME (USER ROLE TYPE LEVELRANGE)"),
        Word::Defaultuser | Word::Defaultrole | Word::Defaulttype => (&[X, S], "CLASS source|target"),
        Word::Defaultrange => (&[X, S, S | END], "CLASS source|target|glblub [low|high|low-high]"),
        Word::Devicetreecon => (&[S, X], "PATH CONTEXT"),
        Word::Expandtypeattribute => (&[X, S], "ATTRIBUTE true|false"),
        Word::Filecon => (&[S, S, X | E], "PATH KIND CONTEXT"),
        Word::Fsuse => (&[S, S, X], "xattr|task|trans FILESYSTEM CONTEXT"),
        Word::Genfscon => (&[S, S, X, X | END], "FILESYSTEM PATH [KIND] CONTEXT"),
        Word::Handleunknown => (&[S], "allow|deny|reject"),
        Word::Mls => (&[S], "true|false"),
        Word::Ibendportcon => (&[S, S, X], "DEVICE PORT CONTEXT"),
        Word::Ibpkeycon => (&[S, X, X], "SUBNET KEY|(LOW HIGH) CONTEXT"),
        Word::Iomemcon | Word::Ioportcon => (&[X, X], "NUMBER|(LOW HIGH) CONTEXT"),
        Word::Ipaddr => (&[S, S], "NAME ADDRESS"),
        Word::Level => (&[S, L], "NAME (SENSITIVITY [CATEGORIES])"),
        Word::Levelrange => (&[S, L], "NAME (LOW HIGH)"),
        Word::Netifcon => (&[S, X, X], "INTERFACE CONTEXT PACKETCONTEXT"),
        Word::Nodecon => (&[X, X, X], "ADDRESS MASK CONTEXT"),
        Word::Pcidevicecon | Word::Pirqcon => (&[S, X], "NUMBER CONTEXT"),
        Word::Portcon => (&[S, X, X], "PROTOCOL PORT|(LOW HIGH) CONTEXT"),
        Word::Rangetransition => (&[S, S, S, X], "SOURCE TARGET CLASS LEVELRANGE"),
        Word::Roleallow => (&[S, S], "FROM TO"),
        Word::Typeattributeset | Word::Roleattributeset | Word::Userattributeset => {
            (&[S, X], "ATTRIBUTE (NAME...)")
        }
        Word::Typebounds | Word::Rolebounds | Word::Userbounds => (&[S, S], "PARENT CHILD"),
        Word::Roletransition => (&[S, S, S, S], "ROLE TYPE CLASS RESULT"),
        Word::Roletype => (&[S, S], "ROLE TYPE"),
        Word::Selinuxuser => (&[S, S, X], "LOGIN USER LEVELRANGE"),
        Word::Sensitivitycategory => (&[S, X], "SENSITIVITY (CATEGORY...)"),
        Word::Sidcontext => (&[S, X], "SID CONTEXT"),
        Word::Typechange | Word::Typemember => (&[S, S, S, S], "SOURCE TARGET CLASS RESULT"),
        Word::Typetransition => (&[S, S, S, S, S | END], "SOURCE TARGET CLASS [OBJECTNAME] RESULT"),
        Word::Typepermissive | Word::Typeneveraudit => (&[S], "TYPE"),
        Word::Userlevel => (&[S, X], "USER LEVEL"),
        Word::Userprefix => (&[S, S], "USER PREFIX"),
        Word::Userrange | Word::Selinuxuserdefault => (&[S, X], "USER LEVELRANGE"),
        Word::Userrole => (&[S, S], "USER ROLE"),
        Word::Marked => (&[BODY], ""),
        _ => return None,
    })
}

/// Options of the language.
#[derive(Clone, Copy, Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "they are independent options of a command line")]
pub(crate) struct Dialect {
    /// Tunables are booleans.
    pub(crate) preserve_tunables: bool,
    /// Names may have dots, and there are no blocks.
    pub(crate) qualified_names: bool,
    /// Conditionals may have rules over extended permissions.
    pub(crate) conditional_xperms: bool,
    /// There is what releases from 3.6 on know: deny, typeneveraudit, and `notself` and `other` as targets of rules.
    pub(crate) modern: bool,
}

impl Dialect {
    /// Whether a word that has a meaning of its own in some place has it in this dialect.
    pub(super) fn knows(self, word: Word) -> bool {
        self.modern || !matches!(word, Word::Deny | Word::Typeneveraudit | Word::Notself | Word::Other)
    }
}

/// The statements of a file in their order, each followed by those in it; all that is wrong with them is told.
pub(crate) fn statements(
    tree: &Tree,
    file: u32,
    source: &Source,
    names: &Names,
    dialect: Dialect,
) -> (Vec<Statement>, Vec<Diagnostic>) {
    let mut walk = Walk { tree, file, source, names, dialect, found: Vec::new(), faults: Vec::new() };
    walk.run();
    (walk.found, walk.faults)
}

/// What is wrong with a list that is an argument of some kind, if anything is.
pub(super) fn check_part(
    tree: &Tree,
    file: u32,
    source: &Source,
    names: &Names,
    check: impl FnOnce(&mut Walk<'_>),
) -> Option<Diagnostic> {
    let dialect = Dialect::default();
    let mut walk = Walk { tree, file, source, names, dialect, found: Vec::new(), faults: Vec::new() };
    check(&mut walk);
    walk.faults.into_iter().next()
}

/// One file's checks.
pub(super) struct Walk<'a> {
    pub(super) tree: &'a Tree,
    pub(super) file: u32,
    pub(super) source: &'a Source,
    pub(super) names: &'a Names,
    pub(super) dialect: Dialect,
    found: Vec<Statement>,
    faults: Vec<Diagnostic>,
}

/// A container whose statements are being walked.
struct Open {
    statement: usize,
    next: u32,
    end: u32,
    nesting: Nesting,
}

impl Walk<'_> {
    fn run(&mut self) {
        let end = self.tree.behind(Tree::ROOT);
        let mut open = vec![Open { statement: usize::MAX, next: 1, end, nesting: Nesting::default() }];
        while let Some(inner) = open.last_mut() {
            if inner.next >= inner.end {
                self.close(inner.statement);
                open.pop();
                continue;
            }
            let node = inner.next;
            inner.next = self.tree.behind(node);
            let (nesting, inside) =
                (inner.nesting, self.found.get(inner.statement).map(|statement| statement.word));
            if let Some((word, body)) = self.statement(node, nesting, inside) {
                let statement = self.found.len();
                self.found.push(Statement { file: self.file, node, word, end: 0 });
                match body {
                    Some(next) => {
                        let (end, nesting) =
                            (self.tree.behind(node), nesting.inside(word, self.is_after(node, word)));
                        open.push(Open { statement, next, end, nesting });
                    }
                    None => self.close(statement),
                }
            }
        }
    }

    fn close(&mut self, statement: usize) {
        let end = u32::try_from(self.found.len()).unwrap_or(u32::MAX);
        if let Some(statement) = self.found.get_mut(statement) {
            statement.end = end;
        }
    }

    /// The word of a statement, and where the statements in it start if it is a container; `None` if it has no use.
    fn statement(
        &mut self,
        node: u32,
        nesting: Nesting,
        inside: Option<Word>,
    ) -> Option<(Word, Option<u32>)> {
        let Some(first) = self.tree.children(node).next() else {
            self.fault(node, "form", "a statement belongs into these parentheses");
            return None;
        };
        let Some(symbol) = self.tree.symbol(first) else {
            self.fault(first, "form", "a statement begins with a word");
            return None;
        };
        let word = Word::of(symbol).and_then(|word| Some((word, form(word)?)));
        let Some((word, (form, usage))) = word else {
            self.unknown(first, symbol);
            return None;
        };
        if !self.dialect.knows(word) {
            let message = format!("releases before 3.6 do not know {}", word.text());
            self.fault(first, "unknown-statement", &message);
            return None;
        }
        if let Some(container) = forbidden(word, nesting, self.dialect.conditional_xperms) {
            self.forbidden(first, word, nesting, container);
            return None;
        }
        if let Some((place, message)) = self.misfit(node, word, form) {
            let fault = self.diagnostic(place, "form", &message);
            self.push(fault.help(format!("({} {usage})", word.text())));
            return None;
        }
        self.is_sound(node, word, inside).then(|| (self.word(word), self.body(node, word)))
    }

    /// The word by which a statement is treated: tunables may be booleans.
    fn word(&self, word: Word) -> Word {
        match word {
            Word::Tunable if self.dialect.preserve_tunables => Word::Boolean,
            Word::Tunableif if self.dialect.preserve_tunables => Word::Booleanif,
            word => word,
        }
    }

    fn body(&self, node: u32, word: Word) -> Option<u32> {
        let skipped = match word {
            Word::True | Word::False | Word::Marked => 1,
            Word::Macro => 3,
            Word::In if self.is_timed(node) => 3,
            Word::In | Word::Block | Word::Optional | Word::Booleanif | Word::Tunableif => 2,
            _ => return None,
        };
        let end = self.tree.behind(node);
        Some(self.tree.children(node).nth(skipped).unwrap_or(end))
    }

    /// Whether an `in` says when it applies: its second and third parts are words.
    fn is_timed(&self, node: u32) -> bool {
        self.tree.children(node).nth(2).is_some_and(|third| !self.tree.is_list(third))
    }

    fn is_after(&self, node: u32, word: Word) -> bool {
        let [_, second] = self.tree.parts(node);
        word == Word::In
            && self.is_timed(node)
            && self.tree.symbol(second).is_some_and(|second| Word::After.is(second))
    }

    /// The first part of a statement that does not fit its form, or the statement if it ends too early, and what is wrong.
    fn misfit(&self, node: u32, word: Word, form: &[u8]) -> Option<(u32, String)> {
        let mut place = 0;
        let mut is_many = false;
        for child in self.tree.children(node).skip(1) {
            let kind = if !self.tree.is_list(child) {
                form::S
            } else if self.tree.is_empty(child) {
                form::E
            } else {
                form::L
            };
            let Some(wanted) = form.get(place) else {
                return Some((child, format!("`{}` ends before this", word.text())));
            };
            if !is_many && wanted & kind != 0 {
                place += 1;
            } else if wanted & form::MANY != 0 && kind == form::L {
                is_many = true;
            } else {
                return Some((child, misplaced(word, kind)));
            }
        }
        let place = place + usize::from(is_many);
        let is_whole = form.get(place).is_none_or(|wanted| wanted & form::END != 0);
        (!is_whole).then(|| (node, format!("`{}` does not end here: something is missing", word.text())))
    }

    fn forbidden(&mut self, node: u32, word: Word, nesting: Nesting, container: &str) {
        let message = format!("`{}` may not stand in {container}", word.text());
        let mut fault = self.diagnostic(node, "nesting", &message);
        if forbidden(word, nesting, true).is_none() {
            fault = fault.help("it may from policy version 34 on, and with releases from 3.6 on");
        }
        self.push(fault);
    }

    /// Checks what is inside of a statement that has its form.
    fn is_sound(&mut self, node: u32, word: Word, inside: Option<Word>) -> bool {
        let before = self.faults.len();
        if matches!(word, Word::True | Word::False)
            && !matches!(inside, Some(Word::Booleanif | Word::Tunableif))
        {
            self.fault(node, "nesting", "this may stand directly in booleanif and tunableif only");
        }
        let is_of_blocks = matches!(word, Word::Block | Word::Blockabstract | Word::Blockinherit | Word::In);
        if is_of_blocks && self.dialect.qualified_names {
            let message = format!("there is no `{}` where names are qualified", word.text());
            self.fault(node, "nesting", &message);
        }
        expressions::check(self, node, word);
        self.faults.len() == before
    }

    fn unknown(&mut self, node: u32, symbol: Symbol) {
        let name = self.names.text(symbol);
        let mut fault =
            self.diagnostic(node, "unknown-statement", &format!("there is no statement `{name}`"));
        let known = super::all_words().filter(|word| form(*word).is_some() && *word != Word::Marked);
        let known = known.map(|word| word.text().as_bytes());
        if let Some(near) = crate::diagnostic::suggestion(self.names.get(symbol), known) {
            fault = fault.help(format!("`{}` is near", String::from_utf8_lossy(near)));
        }
        self.push(fault);
    }

    /// Tells of a fault of a node.
    pub(super) fn fault(&mut self, node: u32, code: &'static str, message: &str) {
        let fault = self.diagnostic(node, code, message);
        self.push(fault);
    }

    fn push(&mut self, fault: Diagnostic) {
        if self.faults.len() < super::MAX_FAULTS {
            self.faults.push(fault);
        }
    }

    fn diagnostic(&self, node: u32, code: &'static str, message: &str) -> Diagnostic {
        Diagnostic::error(code, message).at(self.tree.span(node, self.file, self.source, self.names))
    }
}

/// What is said of a part that is of the wrong kind.
fn misplaced(word: Word, kind: u8) -> String {
    let (this, wanted) = match kind {
        form::S => ("a word", "a list"),
        form::E => ("an empty list", "something"),
        _ => ("a list", "a word"),
    };
    format!("{wanted} belongs here in `{}`, not {this}", word.text())
}

/// Whether a declaration may have a name: a letter, then letters, digits, `_` and `-`, and dots if names are qualified.
pub(crate) fn is_valid_name(name: &[u8], is_qualified: bool) -> bool {
    let is_inner = |byte: &u8| {
        byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-') || (is_qualified && *byte == b'.')
    };
    name.len() < MAX_NAME && name.first().is_some_and(u8::is_ascii_alphabetic) && name.iter().all(is_inner)
}

/// The length from which the reference compiler refuses names.
const MAX_NAME: usize = 2048;

#[cfg(test)]
mod tests {
    use super::super::{all_words, parse};
    use super::*;

    fn faults(text: &str) -> Vec<String> {
        let source = Source { name: String::new(), text: text.as_bytes().to_vec() };
        let (trees, names) = parse(std::slice::from_ref(&source)).expect("well-formed");
        let (_, faults) = statements(&trees[0], 0, &source, &names, Dialect::default());
        faults.iter().map(|fault| format!("{} {}", fault.code, fault.at.expect("placed").start)).collect()
    }

    #[test]
    fn statements_are_listed_with_their_ends() {
        let source = Source {
            name: String::new(),
            text: b"(block a (type b) (optional c (type d))) (type e)".to_vec(),
        };
        let (trees, names) = parse(std::slice::from_ref(&source)).expect("well-formed");
        let (found, faults) = statements(&trees[0], 0, &source, &names, Dialect::default());
        assert!(faults.is_empty(), "{faults:?}");
        let ends: Vec<_> = found.iter().map(|statement| (statement.word, statement.end)).collect();
        let expected =
            [(Word::Block, 4), (Word::Type, 2), (Word::Optional, 4), (Word::Type, 4), (Word::Type, 5)];
        assert_eq!(ends, expected);
    }

    #[test]
    fn forms_are_held() {
        let none: [&str; 0] = [];
        assert_eq!(
            faults("(type a)(in b (type c))(in after b (type c))(call m)(call m ())(call m (a))"),
            none
        );
        let wrong = [
            "(type)",
            "(type a b)",
            "(type (a))",
            "(in b)",
            "(call m () ())",
            "(alow a b c)",
            "((a))",
            "()",
            "(true (type a))",
            "(booleanif a (true (allow a b c)) (true (allow a b c)))",
            "(class c (p ()))",
            "(block 1b)",
            "(and a b)",
            "(filecon \"a\" nothing ())",
            "(macro m ((type a) (type a)))",
            "(macro m ((types a)))",
            "(boolean b maybe)",
        ];
        for text in wrong {
            assert_eq!(faults(text).len(), 1, "{text}: {:?}", faults(text));
        }
    }

    /// The part that does not fit is shown, not the statement.
    #[test]
    fn misfits_are_told_with_their_place() {
        let cases = [
            ("(typealias a b)", "b", "`typealias` ends before this"),
            ("(typealias)", "(typealias)", "`typealias` does not end here: something is missing"),
            ("(allow (a) b c)", "(a)", "a word belongs here in `allow`, not a list"),
            ("(common c d)", "d", "a list belongs here in `common`, not a word"),
            ("(common c ())", "()", "something belongs here in `common`, not an empty list"),
        ];
        for (text, part, message) in cases {
            let source = Source { name: String::new(), text: text.as_bytes().to_vec() };
            let (trees, names) = parse(std::slice::from_ref(&source)).expect("well-formed");
            let (_, faults) = statements(&trees[0], 0, &source, &names, Dialect::default());
            let [fault] = &faults[..] else { panic!("{text}: {faults:?}") };
            let at = fault.at.expect("placed");
            assert_eq!(fault.message, message);
            assert!(text[at.start as usize..].starts_with(part), "{text}: {at:?}");
        }
    }

    #[test]
    fn every_statement_of_the_language_has_a_form() {
        let known = all_words().filter(|word| form(*word).is_some()).count();
        assert_eq!(known, Word::Marked as usize + 1, "statements come first among the words");
    }
}
