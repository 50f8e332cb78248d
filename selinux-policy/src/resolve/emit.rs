//! The walk over everything that counts: declarations first, then orders, then each statement into its list.

use super::Resolver;
use super::classes::Permissions;
use super::lookup::{At, Stop};
use super::scope::{DeclarationId, NONE, ROOT_SCOPE, ScopeId, Table};
use super::tree::Step;
use crate::ir;
use crate::names::Symbol;
use crate::syntax::Word;

/// Whether a statement decides what names mean, so that it comes before all others.
pub(super) fn is_preparing(word: Word) -> bool {
    matches!(
        word,
        Word::Classcommon | Word::Typealiasactual | Word::Sensitivityaliasactual | Word::Categoryaliasactual
    )
}

/// Declarations whose places follow from order statements, in the order in which they stand.
#[derive(Debug, Default)]
pub(super) struct Ordered {
    pub(super) classes: Vec<DeclarationId>,
    pub(super) sids: Vec<DeclarationId>,
    pub(super) sensitivities: Vec<DeclarationId>,
    pub(super) categories: Vec<DeclarationId>,
    /// The order statements.
    pub(super) orders: Vec<At>,
}

/// How many bytes all names may have with the blocks that they are in. Real policies have one or two millions. A name is
/// as long as its blocks' names together, so that it is the product of numbers that hostile sources choose.
const MAX_NAMES: usize = 64 << 20;

impl Resolver<'_> {
    /// All statements that count, outside of conditionals.
    fn live(&self) -> Vec<Step> {
        let mut steps = Vec::new();
        self.each_live(|step| steps.push(step));
        steps
    }

    /// Settles what decides the meaning of names: arguments, aliases, commons. Returns whether nothing was missing.
    pub(super) fn prepare(&mut self) -> bool {
        self.needs_restart = false;
        let before = self.gone.len();
        self.resolve_arguments();
        let preparing = self.preparing_statements();
        for at in preparing {
            match self.resolve_statement(at) {
                Err(Stop::Missing(missing)) => self.miss(missing),
                Ok(()) | Err(Stop::Told) => {}
            }
        }
        self.remove_broken();
        self.needs_restart = false;
        if self.gone.len() == before {
            self.settle_aliases();
            return true;
        }
        false
    }

    /// The statements that decide what names mean. On the way classes get their permissions.
    fn preparing_statements(&mut self) -> Vec<At> {
        let mut found = Vec::new();
        for step in self.live() {
            let Step::Run(instance, start, end) = step else { continue };
            for statement in start..end {
                let word = self.statements[statement as usize].word;
                if is_preparing(word) {
                    found.push(self.at(instance, statement));
                } else if matches!(word, Word::Class | Word::Common | Word::Classmap) {
                    self.add_permissions(instance, statement);
                } else if matches!(word, Word::Typealias | Word::Sensitivityalias | Word::Categoryalias)
                    && let Some(declared) = self.declared(instance, statement)
                {
                    self.declarations[declared as usize].target = NONE;
                }
            }
        }
        found
    }

    fn add_permissions(&mut self, instance: u32, statement: u32) {
        let Some(declared) = self.declared(instance, statement) else { return };
        let found = self.statements[statement as usize];
        let tree = &self.trees[found.file as usize];
        let [_, _, list] = tree.parts(found.node);
        let own = tree.children(list).filter_map(|permission| tree.symbol(permission)).collect();
        let declaration = &mut self.declarations[declared as usize];
        if declaration.target == NONE {
            declaration.target = u32::try_from(self.permissions.len()).unwrap_or(NONE);
            self.permissions.push(Permissions { own, common: None });
        } else {
            self.permissions[declaration.target as usize].common = None;
        }
    }

    /// What a statement in a container declares; `None` if another statement declares the same.
    pub(super) fn declared(&self, instance: u32, statement: u32) -> Option<DeclarationId> {
        let table = Table::of(self.statements[statement as usize].word)?;
        let scope = self.instances[instance as usize].scope;
        self.scopes.get(scope, table, self.declared_name(statement)?)
    }

    /// Adds everything to the policy.
    pub(super) fn emit(&mut self) {
        let live = self.live();
        let mut ordered = Ordered::default();
        for step in &live {
            let Step::Run(instance, start, end) = *step else { continue };
            for statement in start..end {
                self.emit_declaration(self.at(instance, statement), &mut ordered);
            }
        }
        self.emit_orders(&ordered);
        if self.faults.has_errors() {
            // What is in no order has no place in the lists that the statements would look it up in.
            return;
        }
        for step in &live {
            match *step {
                Step::Inner(instance) => {
                    let resolved = self.conditional(instance);
                    self.tell(&resolved);
                }
                Step::Run(instance, start, end) => {
                    for statement in start..end {
                        let resolved = self.resolve_statement(self.at(instance, statement));
                        self.tell(&resolved);
                    }
                }
            }
        }
        self.emit_disabled();
    }

    /// Tells of what is missing where no optional excuses it. What was judged to be whole before stays whole.
    pub(super) fn tell(&mut self, resolved: &Result<(), Stop>) {
        if let Err(Stop::Missing(missing)) = resolved {
            self.tell_missing(missing);
        }
    }

    /// Gives a declaration its place in the policy.
    fn emit_declaration(&mut self, at: At, ordered: &mut Ordered) {
        let word = self.statements[at.statement as usize].word;
        if matches!(word, Word::Classorder | Word::Sidorder | Word::Categoryorder | Word::Sensitivityorder) {
            ordered.orders.push(at);
            return;
        }
        let Some(declared) = self.declared(at.instance, at.statement) else { return };
        if self.declarations[declared as usize].id != NONE {
            // Declared several times, which was allowed; or a capability, of which each statement is listed.
            if word == Word::Policycap {
                self.emit_capability(at, declared);
            }
            return;
        }
        match word {
            Word::Class => ordered.classes.push(declared),
            Word::Sid => ordered.sids.push(declared),
            Word::Sensitivity => ordered.sensitivities.push(declared),
            Word::Category => ordered.categories.push(declared),
            Word::Policycap => {
                self.declarations[declared as usize].id = 0;
                self.emit_capability(at, declared);
            }
            _ => self.emit_named(at, word, declared),
        }
    }

    fn emit_capability(&mut self, at: At, declared: DeclarationId) {
        let origin = self.origin(at);
        // Capabilities are known to the kernel by their names, so that the block does not count.
        let name = self.declarations[declared as usize].name.unwrap_or(Symbol::from_index(0));
        self.ir.policycaps.push((name, origin));
    }

    fn emit_named(&mut self, at: At, word: Word, declared: DeclarationId) {
        let origin = self.origin(at);
        let name = self.qualified(declared);
        let tree = &self.trees[at.file as usize];
        let ir = &mut self.ir;
        let place = match word {
            Word::Type | Word::Typeattribute => {
                ir.types.push(ir::TypeDecl { name, is_attribute: word == Word::Typeattribute, origin });
                ir.types.len()
            }
            Word::Role | Word::Roleattribute => {
                ir.roles.push(ir::RoleDecl { name, is_attribute: word == Word::Roleattribute, origin });
                ir.roles.len()
            }
            Word::User | Word::Userattribute => {
                let is_attribute = word == Word::Userattribute;
                ir.users.push(ir::UserDecl { name, is_attribute, level: None, range: None, origin });
                ir.users.len()
            }
            Word::Boolean => {
                let [_, _, value] = tree.parts(at.node);
                let value = tree.symbol(value).is_some_and(|value| Word::True.is(value));
                ir.bools.push(ir::BoolDecl { name, value, origin });
                ir.bools.len()
            }
            Word::Common => {
                let permissions =
                    self.permissions[self.declarations[declared as usize].target as usize].own.clone();
                ir.commons.push(ir::Common { name, permissions, origin });
                ir.commons.len()
            }
            Word::Classmap => {
                let permissions = &self.permissions[self.declarations[declared as usize].target as usize].own;
                let permissions = permissions.iter().map(|permission| (*permission, Vec::new())).collect();
                ir.class_maps.push(ir::ClassMap { name, permissions, origin });
                ir.class_maps.len()
            }
            Word::Classpermission => {
                ir.class_permissions.push(ir::ClassPermission { name: Some(name), sets: Vec::new(), origin });
                ir.class_permissions.len()
            }
            Word::Categoryset => {
                ir.category_sets.push(ir::CategorySet { name: Some(name), set: Vec::new(), origin });
                ir.category_sets.len()
            }
            Word::Level => {
                // The rest is put in when its statement is resolved; nothing can name the level before all are here.
                let sensitivity = ir::SensitivityId(0);
                ir.levels.push(ir::Level { name: Some(name), sensitivity, categories: Vec::new(), origin });
                ir.levels.len()
            }
            Word::Levelrange => {
                let (low, high) = (ir::LevelId(0), ir::LevelId(0));
                ir.ranges.push(ir::LevelRange { name: Some(name), low, high, origin });
                ir.ranges.len()
            }
            Word::Context => {
                let (user, role, type_, range) =
                    (ir::UserId(0), ir::RoleId(0), ir::TypeId(0), ir::RangeId(0));
                ir.contexts.push(ir::Context { name: Some(name), user, role, type_, range, origin });
                ir.contexts.len()
            }
            Word::Permissionx => {
                let class = ir::ClassRef::Class(ir::ClassId(0));
                let kind = ir::XKind::Ioctl;
                ir.permissionx.push(ir::PermissionX {
                    name: Some(name),
                    kind,
                    class,
                    numbers: Vec::new(),
                    origin,
                });
                ir.permissionx.len()
            }
            // Aliases, addresses and tunables are known by what they stand for only.
            _ => 1,
        };
        self.declarations[declared as usize].id = u32::try_from(place - 1).unwrap_or(NONE);
    }

    /// Resolves one statement; adds it to the policy unless statements are only judged.
    pub(super) fn resolve_statement(&mut self, at: At) -> Result<(), Stop> {
        let word = self.statements[at.statement as usize].word;
        match word {
            Word::Allow | Word::Auditallow | Word::Dontaudit | Word::Neverallow => {
                let rule = self.av_rule(at, word)?;
                self.push_av(rule);
                Ok(())
            }
            Word::Allowx | Word::Auditallowx | Word::Dontauditx | Word::Neverallowx => {
                let rule = self.avx_rule(at, word)?;
                self.push_avx(rule);
                Ok(())
            }
            Word::Deny => self.deny_rule(at),
            Word::Typetransition | Word::Typechange | Word::Typemember => self.type_statement(at, word),
            Word::Typeattributeset | Word::Roleattributeset | Word::Userattributeset => {
                self.attribute_set(at, word)
            }
            Word::Roletype | Word::Roleallow | Word::Userrole | Word::Userprefix => {
                self.role_or_user(at, word)
            }
            Word::Rangetransition => self.range_transition(at),
            Word::Roletransition => self.role_transition(at),
            Word::Typepermissive | Word::Typeneveraudit => self.type_flag(at, word),
            Word::Typebounds | Word::Rolebounds | Word::Userbounds => self.bounds(at, word),
            Word::Expandtypeattribute => self.expand_attribute(at),
            Word::Typealiasactual | Word::Sensitivityaliasactual | Word::Categoryaliasactual => {
                self.alias(at, word)
            }
            Word::Classcommon => self.class_common(at),
            Word::Classmapping => self.class_mapping(at),
            Word::Classpermissionset => self.class_permission_set(at),
            Word::Permissionx => self.named_permission_x(at),
            Word::Constrain | Word::Mlsconstrain => self.constrain(at, word),
            Word::Validatetrans | Word::Mlsvalidatetrans => self.validate_transition(at, word),
            Word::Defaultuser | Word::Defaultrole | Word::Defaulttype => self.default(at, word),
            Word::Defaultrange => self.default_range(at),
            Word::Categoryset => self.category_set(at),
            Word::Sensitivitycategory => self.sensitivity_category(at),
            Word::Level => self.named_level(at),
            Word::Levelrange => self.named_range(at),
            Word::Userlevel | Word::Userrange => self.user_level_or_range(at, word),
            Word::Selinuxuser | Word::Selinuxuserdefault => self.selinux_user(at, word),
            Word::Context => self.named_context(at),
            Word::Sidcontext => self.sid_context(at),
            Word::Mls | Word::Handleunknown => self.setting(at, word),
            Word::Classorder | Word::Sidorder | Word::Categoryorder | Word::Sensitivityorder if self.dry => {
                self.order_items(at).map(|_| ())
            }
            _ => self.labelling(at, word),
        }
    }

    fn setting(&mut self, at: At, word: Word) -> Result<(), Stop> {
        if self.dry {
            return Ok(());
        }
        let is_set = if word == Word::Mls { self.ir.mls.is_some() } else { self.ir.handle_unknown.is_some() };
        if is_set {
            return Err(self.refuse("duplicate", format!("a policy has one `{}`", word.text()), at, at.node));
        }
        let tree = &self.trees[at.file as usize];
        let [_, value] = tree.parts(at.node);
        let value = tree.symbol(value).and_then(Word::of);
        if word == Word::Mls {
            self.ir.mls = Some(value == Some(Word::True));
        } else {
            self.ir.handle_unknown = match value {
                Some(Word::Allow) => Some(ir::HandleUnknown::Allow),
                Some(Word::Reject) => Some(ir::HandleUnknown::Reject),
                _ => Some(ir::HandleUnknown::Deny),
            };
        }
        Ok(())
    }

    /// `typealiasactual` and the like: while judging, what the alias names; then an entry in the policy.
    fn alias(&mut self, at: At, word: Word) -> Result<(), Stop> {
        let [_, alias, actual] = self.trees[at.file as usize].parts(at.node);
        let (table, alias_word) = match word {
            Word::Typealiasactual => (Table::Types, Word::Typealias),
            Word::Sensitivityaliasactual => (Table::Sensitivities, Word::Sensitivityalias),
            _ => (Table::Categories, Word::Categoryalias),
        };
        if !self.is_preparing {
            return if self.dry { Ok(()) } else { self.emit_alias(at, word, table, alias) };
        }
        let named = self.find_alias(at, table, alias)?;
        if self.declarations[named as usize].word != alias_word {
            return Err(self.refuse("kind", "this is no alias", at, alias));
        }
        let found = self.find_alias(at, table, actual)?;
        let is_fit = matches!(
            (word, self.declarations[found as usize].word),
            (Word::Typealiasactual, Word::Type | Word::Typealias)
                | (Word::Sensitivityaliasactual, Word::Sensitivity | Word::Sensitivityalias)
                | (Word::Categoryaliasactual, Word::Category | Word::Categoryalias)
        );
        if !is_fit {
            return Err(self.refuse("kind", "an alias cannot name this", at, actual));
        }
        if self.declarations[named as usize].target != NONE {
            return Err(self.refuse("duplicate", "this alias names something already", at, alias));
        }
        self.declarations[named as usize].target = found;
        Ok(())
    }

    fn emit_alias(&mut self, at: At, word: Word, table: Table, alias: u32) -> Result<(), Stop> {
        let named = self.find_alias(at, table, alias)?;
        let actual = self.declarations[self.declarations[named as usize].target as usize].id;
        let (name, origin) = (self.qualified(named), self.origin(at));
        match word {
            Word::Typealiasactual => {
                self.ir.type_aliases.push(ir::Alias { name, actual: ir::TypeId(actual), origin });
            }
            Word::Sensitivityaliasactual => {
                self.ir.sensitivity_aliases.push(ir::Alias {
                    name,
                    actual: ir::SensitivityId(actual),
                    origin,
                });
            }
            _ => self.ir.category_aliases.push(ir::Alias { name, actual: ir::CategoryId(actual), origin }),
        }
        Ok(())
    }

    /// Lets each alias name what its chain of aliases ends with, and refuses those that end nowhere.
    fn settle_aliases(&mut self) {
        for step in self.live() {
            let Step::Run(instance, start, end) = step else { continue };
            for statement in start..end {
                let word = self.statements[statement as usize].word;
                if matches!(word, Word::Typealias | Word::Sensitivityalias | Word::Categoryalias) {
                    self.settle_alias(self.at(instance, statement), word);
                }
            }
        }
    }

    fn settle_alias(&mut self, at: At, word: Word) {
        let Some(alias) = self.declared(at.instance, at.statement) else { return };
        let mut actual = alias;
        let mut steps = 0;
        while self.declarations[actual as usize].word == word {
            actual = self.declarations[actual as usize].target;
            steps += 1;
            if actual == NONE || steps > self.declarations.len() {
                let message = if actual == NONE {
                    "nothing says what this alias names"
                } else {
                    "this alias names itself"
                };
                self.refuse("alias", message, at, at.node);
                return;
            }
            if actual == alias {
                self.refuse("alias", "this alias names itself", at, at.node);
                return;
            }
        }
        self.declarations[alias as usize].target = actual;
    }

    /// The name of a declaration with the blocks that it is in.
    pub(super) fn qualified(&mut self, declaration: DeclarationId) -> Symbol {
        let declaration = self.declarations[declaration as usize];
        let name = declaration.name.unwrap_or(Symbol::from_index(0));
        if declaration.scope == ROOT_SCOPE || declaration.scope == NONE {
            return name;
        }
        let mut parts = vec![name];
        let mut scope: ScopeId = declaration.scope;
        while scope != ROOT_SCOPE {
            let Some(owner) = self.declarations.get(self.scopes.owner(scope) as usize) else { break };
            parts.extend(owner.name);
            scope = owner.scope;
        }
        parts.reverse();
        let parts: Vec<_> = parts.into_iter().map(|part| self.ir.names.get(part)).collect();
        let length = parts.iter().map(|part| part.len() + 1).sum::<usize>();
        if self.ir.names.size() + length > MAX_NAMES {
            let message =
                format!("the names of this policy, with those of their blocks, have over {MAX_NAMES} bytes");
            let fault = self.diagnostic("too-large", message, declaration.instance, declaration.statement);
            self.faults.push(fault);
            return name;
        }
        let full = parts.join(&b'.');
        self.ir.names.intern(&full)
    }
}
