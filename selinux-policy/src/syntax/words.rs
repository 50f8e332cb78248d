//! The words of the language. All names begin with them, so that a symbol tells which word it is.

use crate::names::{Names, Symbol};

macro_rules! words {
    ($($word:ident $text:literal)*) => {
        /// A word that means something in some place of the language; elsewhere it is a name like any other.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub(crate) enum Word {
            $($word,)*
        }

        const WORDS: &[(Word, &str)] = &[$((Word::$word, $text),)*];
    };
}

words! {
    // Statements.
    Allow "allow" Allowx "allowx" Auditallow "auditallow" Auditallowx "auditallowx"
    Block "block" Blockabstract "blockabstract" Blockinherit "blockinherit"
    Boolean "boolean" Booleanif "booleanif" Call "call"
    Category "category" Categoryalias "categoryalias" Categoryaliasactual "categoryaliasactual"
    Categoryorder "categoryorder" Categoryset "categoryset"
    Class "class" Classcommon "classcommon" Classmap "classmap" Classmapping "classmapping" Classorder "classorder"
    Classpermission "classpermission" Classpermissionset "classpermissionset" Common "common"
    Constrain "constrain" Context "context"
    Defaultrange "defaultrange" Defaultrole "defaultrole" Defaulttype "defaulttype" Defaultuser "defaultuser"
    Deny "deny" Devicetreecon "devicetreecon" Dontaudit "dontaudit" Dontauditx "dontauditx"
    Expandtypeattribute "expandtypeattribute" False "false" Filecon "filecon" Fsuse "fsuse" Genfscon "genfscon"
    Handleunknown "handleunknown" Ibendportcon "ibendportcon" Ibpkeycon "ibpkeycon" In "in"
    Iomemcon "iomemcon" Ioportcon "ioportcon" Ipaddr "ipaddr" Level "level" Levelrange "levelrange"
    Macro "macro" Mls "mls" Mlsconstrain "mlsconstrain" Mlsvalidatetrans "mlsvalidatetrans"
    Netifcon "netifcon" Neverallow "neverallow" Neverallowx "neverallowx" Nodecon "nodecon"
    Optional "optional" Pcidevicecon "pcidevicecon" Permissionx "permissionx" Pirqcon "pirqcon"
    Policycap "policycap" Portcon "portcon" Rangetransition "rangetransition"
    Role "role" Roleallow "roleallow" Roleattribute "roleattribute" Roleattributeset "roleattributeset"
    Rolebounds "rolebounds" Roletransition "roletransition" Roletype "roletype"
    Selinuxuser "selinuxuser" Selinuxuserdefault "selinuxuserdefault"
    Sensitivity "sensitivity" Sensitivityalias "sensitivityalias" Sensitivityaliasactual "sensitivityaliasactual"
    Sensitivitycategory "sensitivitycategory" Sensitivityorder "sensitivityorder"
    Sid "sid" Sidcontext "sidcontext" Sidorder "sidorder" True "true" Tunable "tunable" Tunableif "tunableif"
    Type "type" Typealias "typealias" Typealiasactual "typealiasactual" Typeattribute "typeattribute"
    Typeattributeset "typeattributeset" Typebounds "typebounds" Typechange "typechange" Typemember "typemember"
    Typeneveraudit "typeneveraudit" Typepermissive "typepermissive" Typetransition "typetransition"
    User "user" Userattribute "userattribute" Userattributeset "userattributeset" Userbounds "userbounds"
    Userlevel "userlevel" Userprefix "userprefix" Userrange "userrange" Userrole "userrole"
    Validatetrans "validatetrans"
    // A stretch between the marks that compilers of other languages leave. No source can spell it.
    Marked "\0marked"
    // Operators and other words inside of statements.
    After "after" All "all" And "and" Any "any" Before "before" Bool "bool" Char "char"
    Dccp "dccp" Dir "dir" Dom "dom" Domby "domby" Eq "eq" File "file" Glblub "glblub"
    H1 "h1" H2 "h2" High "high" Incomp "incomp" Ioctl "ioctl" L1 "l1" L2 "l2"
    Lme "lme" Lms "lms" Lmx "lmx" Low "low" LowHigh "low-high" Name "name" Neq "neq" Nlmsg "nlmsg" Not "not"
    Notself "notself" Or "or" Other "other" Pipe "pipe" R1 "r1" R2 "r2" R3 "r3" Range "range" Reject "reject"
    Sctp "sctp" Self_ "self" Socket "socket" Source "source" Star "*" String_ "string" Symlink "symlink"
    T1 "t1" T2 "t2" T3 "t3" Target "target" Task "task" Tcp "tcp" Trans "trans"
    U1 "u1" U2 "u2" U3 "u3" Udp "udp" Unordered "unordered" Xattr "xattr" Xor "xor"
}

impl Word {
    /// The word that a symbol spells. The names must come from [`names`].
    pub(crate) fn of(symbol: Symbol) -> Option<Self> {
        WORDS.get(symbol.index()).map(|(word, _)| *word)
    }

    /// Whether a symbol spells it.
    pub(crate) fn is(self, symbol: Symbol) -> bool {
        symbol.index() == self as usize
    }

    /// How it is spelled.
    pub(crate) fn text(self) -> &'static str {
        WORDS[self as usize].1
    }
}

/// All words.
pub(crate) fn all() -> impl Iterator<Item = Word> {
    WORDS.iter().map(|(word, _)| *word)
}

/// Names that begin with all words in their order.
pub(crate) fn names() -> Names {
    let mut names = Names::default();
    for (_, text) in WORDS {
        names.intern(text.as_bytes());
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn symbols_tell_words() {
        let names = names();
        assert_eq!(names.len(), WORDS.len(), "no word is there twice");
        for word in all() {
            let symbol = names.find(word.text().as_bytes()).expect("seeded");
            assert_eq!((Word::of(symbol), word.is(symbol)), (Some(word), true));
        }
    }
}
