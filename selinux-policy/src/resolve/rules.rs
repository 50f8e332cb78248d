//! Rules over types, roles and users.

use super::Resolver;
use super::lookup::{At, Stop};
use super::scope::Table;
use super::tree::{InstanceId, Piece, Step, Walk};
use crate::ir::{
    self, AvKind, AvRule, AvxRule, BoolOp, Compared, CondRule, ConstraintNames, ConstraintOp,
    ConstraintOperator, Op, RoleId, Target, TypeId, UserId,
};
use crate::syntax::Word;

/// A rule of `typetransition`, `typechange` or `typemember`.
enum TypeStatement {
    Type(ir::TypeRule),
    Name(ir::NameTransition),
}

impl Resolver<'_> {
    /// A type or type attribute.
    fn type_or_attribute(&mut self, at: At, node: u32) -> Result<TypeId, Stop> {
        let found = self.find(at, Table::Types, node)?;
        Ok(TypeId(self.declarations[found as usize].id))
    }

    /// A type, no attribute.
    pub(super) fn type_only(&mut self, at: At, node: u32) -> Result<TypeId, Stop> {
        let found = self.find(at, Table::Types, node)?;
        if self.declarations[found as usize].word == Word::Typeattribute {
            return Err(self.refuse("kind", "a type belongs here, this is an attribute", at, node));
        }
        Ok(TypeId(self.declarations[found as usize].id))
    }

    fn attribute_only(&mut self, at: At, node: u32) -> Result<TypeId, Stop> {
        let found = self.find(at, Table::Types, node)?;
        if self.declarations[found as usize].word != Word::Typeattribute {
            return Err(self.refuse("kind", "an attribute belongs here, this is a type", at, node));
        }
        Ok(TypeId(self.declarations[found as usize].id))
    }

    fn role_or_attribute(&mut self, at: At, node: u32) -> Result<RoleId, Stop> {
        let found = self.find(at, Table::Roles, node)?;
        Ok(RoleId(self.declarations[found as usize].id))
    }

    /// A role, no attribute.
    pub(super) fn role_only(&mut self, at: At, node: u32) -> Result<RoleId, Stop> {
        let found = self.find(at, Table::Roles, node)?;
        if self.declarations[found as usize].word != Word::Role {
            return Err(self.refuse("kind", "a role belongs here, this is an attribute", at, node));
        }
        Ok(RoleId(self.declarations[found as usize].id))
    }

    fn user_or_attribute(&mut self, at: At, node: u32) -> Result<UserId, Stop> {
        let found = self.find(at, Table::Users, node)?;
        Ok(UserId(self.declarations[found as usize].id))
    }

    /// A user, no attribute.
    pub(super) fn user_only(&mut self, at: At, node: u32) -> Result<UserId, Stop> {
        let found = self.find(at, Table::Users, node)?;
        if self.declarations[found as usize].word != Word::User {
            return Err(self.refuse("kind", "a user belongs here, this is an attribute", at, node));
        }
        Ok(UserId(self.declarations[found as usize].id))
    }

    fn target(&mut self, at: At, node: u32) -> Result<Target, Stop> {
        match Word::of(self.atom(at.file, node)) {
            Some(Word::Self_) => Ok(Target::SelfType),
            Some(Word::Notself) if self.options.modern => Ok(Target::NotSelf),
            Some(Word::Other) if self.options.modern => Ok(Target::Other),
            _ => self.type_or_attribute(at, node).map(Target::Type),
        }
    }

    /// The target of a type rule, where only `self` has a meaning of its own.
    fn type_target(&mut self, at: At, node: u32) -> Result<Target, Stop> {
        if Word::Self_.is(self.atom(at.file, node)) {
            return Ok(Target::SelfType);
        }
        self.type_or_attribute(at, node).map(Target::Type)
    }

    pub(super) fn av_rule(&mut self, at: At, word: Word) -> Result<AvRule, Stop> {
        let [_, source, target, access] = self.trees[at.file as usize].parts(at.node);
        let source = self.type_or_attribute(at, source)?;
        let target = self.target(at, target)?;
        let access = self.class_permissions(at, access)?;
        let origin = self.origin(at);
        Ok(AvRule { kind: av_kind(word), source, target, access, origin })
    }

    pub(super) fn push_av(&mut self, rule: AvRule) {
        if !self.dry {
            self.ir.av_rules.push(rule);
        }
    }

    pub(super) fn avx_rule(&mut self, at: At, word: Word) -> Result<AvxRule, Stop> {
        let [_, source, target, access] = self.trees[at.file as usize].parts(at.node);
        let source = self.type_or_attribute(at, source)?;
        let target = self.target(at, target)?;
        let access = self.permission_x(at, access)?;
        let origin = self.origin(at);
        Ok(AvxRule { kind: av_kind(word), source, target, access, origin })
    }

    pub(super) fn push_avx(&mut self, rule: AvxRule) {
        if !self.dry {
            self.ir.avx_rules.push(rule);
        }
    }

    pub(super) fn deny_rule(&mut self, at: At) -> Result<(), Stop> {
        let AvRule { source, target, access, origin, .. } = self.av_rule(at, Word::Deny)?;
        if !self.dry {
            self.ir.deny_rules.push(ir::DenyRule { source, target, access, origin });
        }
        Ok(())
    }

    fn type_rule(&mut self, at: At, word: Word) -> Result<TypeStatement, Stop> {
        let tree = &self.trees[at.file as usize];
        let [_, source, target, class, fourth, fifth] = tree.parts(at.node);
        let has_five = tree.children(at.node).nth(5).is_some();
        let result = if has_five { fifth } else { fourth };
        let source = self.type_or_attribute(at, source)?;
        let target = self.type_target(at, target)?;
        let class = self.class(at, class)?;
        let result = self.type_only(at, result)?;
        let origin = self.origin(at);
        // `*` where a name may be means any name, be it written there or an argument.
        let name = has_five.then(|| self.string(at, fourth)).filter(|name| !Word::Star.is(*name));
        if let Some(name) = name {
            return Ok(TypeStatement::Name(ir::NameTransition {
                source,
                target,
                class,
                name,
                result,
                origin,
            }));
        }
        let kind = match word {
            Word::Typechange => ir::TypeRuleKind::Change,
            Word::Typemember => ir::TypeRuleKind::Member,
            _ => ir::TypeRuleKind::Transition,
        };
        Ok(TypeStatement::Type(ir::TypeRule { kind, source, target, class, result, origin }))
    }

    pub(super) fn type_statement(&mut self, at: At, word: Word) -> Result<(), Stop> {
        let rule = self.type_rule(at, word)?;
        if !self.dry {
            match rule {
                TypeStatement::Type(rule) => self.ir.type_rules.push(rule),
                TypeStatement::Name(rule) => self.ir.name_transitions.push(rule),
            }
        }
        Ok(())
    }

    /// `booleanif` with both of its branches, into which calls were expanded.
    pub(super) fn conditional(&mut self, instance: InstanceId) -> Result<(), Stop> {
        let at = self.at_instance(instance);
        let [_, node] = self.trees[at.file as usize].parts(at.node);
        let mut condition: Vec<BoolOp> = Vec::new();
        self.expression(at, node, &mut condition, Self::bool_operand, Self::no_range)?;
        let origin = self.origin(at);
        let mut branches = [Vec::new(), Vec::new()];
        for piece in self.instances[instance as usize].pieces.clone() {
            let Piece::Inner(branch) = piece else { continue };
            let place = usize::from(self.instances[branch as usize].word == Word::False);
            self.branch(branch, &mut branches[place])?;
        }
        if !self.dry {
            let [then, otherwise] = branches;
            self.ir.conditionals.push(ir::Conditional { condition, then, otherwise, origin });
        }
        Ok(())
    }

    fn bool_operand(&mut self, at: At, node: u32, out: &mut Vec<BoolOp>) -> Result<(), Stop> {
        let found = self.find(at, Table::Bools, node)?;
        out.push(BoolOp::Bool(ir::BoolId(self.declarations[found as usize].id)));
        Ok(())
    }

    fn branch(&mut self, branch: InstanceId, rules: &mut Vec<CondRule>) -> Result<(), Stop> {
        let mut walk = Walk::new(branch);
        while let Some(step) = walk.step(&self.instances) {
            let Step::Run(instance, start, end) = step else { continue };
            for statement in start..end {
                let at = self.at(instance, statement);
                let rule = self.cond_rule(at)?;
                if !self.dry {
                    rules.extend(rule);
                }
            }
        }
        Ok(())
    }

    fn cond_rule(&mut self, at: At) -> Result<Option<CondRule>, Stop> {
        let word = self.statements[at.statement as usize].word;
        Ok(Some(match word {
            Word::Allow | Word::Auditallow | Word::Dontaudit => CondRule::Av(self.av_rule(at, word)?),
            Word::Allowx | Word::Auditallowx | Word::Dontauditx => CondRule::Avx(self.avx_rule(at, word)?),
            Word::Typetransition | Word::Typechange | Word::Typemember => match self.type_rule(at, word)? {
                TypeStatement::Type(rule) => CondRule::Type(rule),
                TypeStatement::Name(rule) => CondRule::Name(rule),
            },
            // All else was refused by where it stands.
            _ => return Ok(None),
        }))
    }

    pub(super) fn attribute_set(&mut self, at: At, word: Word) -> Result<(), Stop> {
        let [_, attribute, set] = self.trees[at.file as usize].parts(at.node);
        match word {
            Word::Typeattributeset => {
                let attribute = self.attribute_only(at, attribute)?;
                let mut steps = Vec::new();
                self.expression(at, set, &mut steps, Self::type_operand, Self::no_range)?;
                if !self.dry {
                    let origin = self.origin(at);
                    self.ir.type_attribute_sets.push(ir::AttributeSet { attribute, set: steps, origin });
                }
            }
            Word::Roleattributeset => {
                let found = self.find(at, Table::Roles, attribute)?;
                if self.declarations[found as usize].word != Word::Roleattribute {
                    return Err(self.refuse(
                        "kind",
                        "an attribute belongs here, this is a role",
                        at,
                        attribute,
                    ));
                }
                let attribute = RoleId(self.declarations[found as usize].id);
                let mut steps = Vec::new();
                self.expression(at, set, &mut steps, Self::role_operand, Self::no_range)?;
                if !self.dry {
                    let origin = self.origin(at);
                    self.ir.role_attribute_sets.push(ir::AttributeSet { attribute, set: steps, origin });
                }
            }
            _ => {
                let found = self.find(at, Table::Users, attribute)?;
                if self.declarations[found as usize].word != Word::Userattribute {
                    return Err(self.refuse(
                        "kind",
                        "an attribute belongs here, this is a user",
                        at,
                        attribute,
                    ));
                }
                let attribute = UserId(self.declarations[found as usize].id);
                let mut steps = Vec::new();
                self.expression(at, set, &mut steps, Self::user_operand, Self::no_range)?;
                if !self.dry {
                    let origin = self.origin(at);
                    self.ir.user_attribute_sets.push(ir::AttributeSet { attribute, set: steps, origin });
                }
            }
        }
        Ok(())
    }

    fn type_operand(&mut self, at: At, node: u32, out: &mut Vec<Op<TypeId>>) -> Result<(), Stop> {
        out.push(Op::Operand(self.type_or_attribute(at, node)?));
        Ok(())
    }

    fn role_operand(&mut self, at: At, node: u32, out: &mut Vec<Op<RoleId>>) -> Result<(), Stop> {
        out.push(Op::Operand(self.role_or_attribute(at, node)?));
        Ok(())
    }

    fn user_operand(&mut self, at: At, node: u32, out: &mut Vec<Op<UserId>>) -> Result<(), Stop> {
        out.push(Op::Operand(self.user_or_attribute(at, node)?));
        Ok(())
    }

    pub(super) fn role_or_user(&mut self, at: At, word: Word) -> Result<(), Stop> {
        let [_, first, second] = self.trees[at.file as usize].parts(at.node);
        match word {
            Word::Roletype => {
                let (role, type_) = (self.role_or_attribute(at, first)?, self.type_or_attribute(at, second)?);
                if !self.dry {
                    let origin = self.origin(at);
                    self.ir.role_types.push((role, type_, origin));
                }
            }
            Word::Roleallow => {
                let (from, to) = (self.role_or_attribute(at, first)?, self.role_or_attribute(at, second)?);
                if !self.dry {
                    let origin = self.origin(at);
                    self.ir.role_allows.push((from, to, origin));
                }
            }
            Word::Userrole => {
                let (user, role) = (self.user_or_attribute(at, first)?, self.role_or_attribute(at, second)?);
                if !self.dry {
                    let origin = self.origin(at);
                    self.ir.user_roles.push((user, role, origin));
                }
            }
            _ => {
                let user = self.user_only(at, first)?;
                if !self.dry {
                    let (prefix, origin) = (self.atom(at.file, second), self.origin(at));
                    self.ir.user_prefixes.push((user, prefix, origin));
                }
            }
        }
        Ok(())
    }

    pub(super) fn range_transition(&mut self, at: At) -> Result<(), Stop> {
        let [_, source, target, class, range] = self.trees[at.file as usize].parts(at.node);
        let source = self.type_or_attribute(at, source)?;
        let target = self.type_or_attribute(at, target)?;
        let class = self.class(at, class)?;
        let range = self.range(at, range)?;
        if !self.dry {
            let origin = self.origin(at);
            self.ir.range_transitions.push(ir::RangeTransition { source, target, class, range, origin });
        }
        Ok(())
    }

    pub(super) fn role_transition(&mut self, at: At) -> Result<(), Stop> {
        let [_, source, target, class, result] = self.trees[at.file as usize].parts(at.node);
        let source = self.role_or_attribute(at, source)?;
        let target = self.type_or_attribute(at, target)?;
        let class = self.class(at, class)?;
        let result = self.role_only(at, result)?;
        if !self.dry {
            let origin = self.origin(at);
            self.ir.role_transitions.push(ir::RoleTransition { source, target, class, result, origin });
        }
        Ok(())
    }

    pub(super) fn type_flag(&mut self, at: At, word: Word) -> Result<(), Stop> {
        let [_, type_] = self.trees[at.file as usize].parts(at.node);
        let type_ = self.type_only(at, type_)?;
        if !self.dry {
            let origin = self.origin(at);
            let list = if word == Word::Typepermissive {
                &mut self.ir.type_permissive
            } else {
                &mut self.ir.type_neveraudit
            };
            list.push((type_, origin));
        }
        Ok(())
    }

    pub(super) fn bounds(&mut self, at: At, word: Word) -> Result<(), Stop> {
        let [_, parent, child] = self.trees[at.file as usize].parts(at.node);
        let twice = match word {
            Word::Typebounds => {
                let (parent, child) = (self.type_only(at, parent)?, self.type_only(at, child)?);
                let bounds = self.new_bounds(at, parent, child);
                add_bounds(&mut self.ir.type_bounds, bounds, &mut self.bounded[0])
            }
            Word::Rolebounds => {
                let (parent, child) = (self.role_only(at, parent)?, self.role_only(at, child)?);
                let bounds = self.new_bounds(at, parent, child);
                add_bounds(&mut self.ir.role_bounds, bounds, &mut self.bounded[1])
            }
            _ => {
                let (parent, child) = (self.user_only(at, parent)?, self.user_only(at, child)?);
                let bounds = self.new_bounds(at, parent, child);
                add_bounds(&mut self.ir.user_bounds, bounds, &mut self.bounded[2])
            }
        };
        match twice {
            None => Ok(()),
            Some(first) => {
                let fault = self.fault("duplicate", "this has a parent already", at, child);
                let fault = fault.note_origin(&self.ir.origins, first, "by this statement");
                self.faults.push(fault);
                Err(Stop::Told)
            }
        }
    }

    /// Bounds to be added, unless statements are only judged.
    fn new_bounds<T>(&mut self, at: At, parent: T, child: T) -> Option<ir::Bounds<T>> {
        if self.dry {
            return None;
        }
        let origin = self.origin(at);
        Some(ir::Bounds { parent, child, origin })
    }

    pub(super) fn expand_attribute(&mut self, at: At) -> Result<(), Stop> {
        let tree = &self.trees[at.file as usize];
        let [_, list, value] = tree.parts(at.node);
        let nodes: Vec<_> = if tree.is_list(list) { tree.children(list).collect() } else { vec![list] };
        let expand = tree.symbol(value).is_some_and(|value| Word::True.is(value));
        for node in nodes {
            let attribute = self.attribute_only(at, node)?;
            if !self.dry {
                let origin = self.origin(at);
                self.ir.expand_type_attributes.push(ir::ExpandAttribute { attribute, expand, origin });
            }
        }
        Ok(())
    }

    pub(super) fn constrain(&mut self, at: At, word: Word) -> Result<(), Stop> {
        let [_, access, expression] = self.trees[at.file as usize].parts(at.node);
        let access = self.class_permissions(at, access)?;
        let expression = self.constraint_expression(at, expression)?;
        if !self.dry {
            let origin = self.origin(at);
            let is_mls = word == Word::Mlsconstrain;
            self.ir.constraints.push(ir::Constraint { is_mls, access, expression, origin });
        }
        Ok(())
    }

    pub(super) fn validate_transition(&mut self, at: At, word: Word) -> Result<(), Stop> {
        let [_, class, expression] = self.trees[at.file as usize].parts(at.node);
        let class = self.class(at, class)?;
        let expression = self.constraint_expression(at, expression)?;
        if !self.dry {
            let origin = self.origin(at);
            let is_mls = word == Word::Mlsvalidatetrans;
            self.ir.validate_transitions.push(ir::ValidateTransition { is_mls, class, expression, origin });
        }
        Ok(())
    }

    /// An expression of a constraint in postfix order; its form was checked.
    fn constraint_expression(&mut self, at: At, node: u32) -> Result<Vec<ConstraintOp>, Stop> {
        let mut out = Vec::new();
        let mut tasks = vec![Ok(node)];
        while let Some(task) = tasks.pop() {
            let node = match task {
                Err(operator) => {
                    out.push(operator);
                    continue;
                }
                Ok(node) => node,
            };
            let tree = &self.trees[at.file as usize];
            let [first, left, right] = tree.parts(node);
            match tree.symbol(first).and_then(Word::of) {
                Some(Word::Not) => tasks.extend([Err(ConstraintOp::Not), Ok(left)]),
                Some(Word::And) => tasks.extend([Err(ConstraintOp::And), Ok(right), Ok(left)]),
                Some(Word::Or) => tasks.extend([Err(ConstraintOp::Or), Ok(right), Ok(left)]),
                operator => {
                    let operator = operator.and_then(constraint_operator).unwrap_or(ConstraintOperator::Eq);
                    out.push(self.comparison(at, operator, left, right)?);
                }
            }
        }
        Ok(out)
    }

    fn comparison(
        &mut self,
        at: At,
        operator: ConstraintOperator,
        left: u32,
        right: u32,
    ) -> Result<ConstraintOp, Stop> {
        let tree = &self.trees[at.file as usize];
        let component = |node| tree.symbol(node).and_then(Word::of).and_then(compared);
        let compared = component(left).unwrap_or(Compared::U1);
        if let Some(other) = component(right) {
            return Ok(ConstraintOp::Compare(compared, operator, other));
        }
        let nodes: Vec<_> = if tree.is_list(right) { tree.children(right).collect() } else { vec![right] };
        let mut nodes = nodes.into_iter();
        let names = match compared {
            Compared::U1 | Compared::U2 | Compared::U3 => ConstraintNames::Users(
                nodes.map(|node| self.user_or_attribute(at, node)).collect::<Result<_, _>>()?,
            ),
            Compared::R1 | Compared::R2 | Compared::R3 => ConstraintNames::Roles(
                nodes.map(|node| self.role_or_attribute(at, node)).collect::<Result<_, _>>()?,
            ),
            _ => ConstraintNames::Types(
                nodes.by_ref().map(|node| self.type_or_attribute(at, node)).collect::<Result<_, _>>()?,
            ),
        };
        Ok(ConstraintOp::Names(compared, operator, names))
    }
}

/// Adds bounds; where the child has a parent already, returns where that was said.
fn add_bounds<T: Copy + Into<u32>>(
    list: &mut Vec<ir::Bounds<T>>,
    bounds: Option<ir::Bounds<T>>,
    bounded: &mut rustc_hash::FxHashMap<u32, ir::OriginId>,
) -> Option<ir::OriginId> {
    let bounds = bounds?;
    if let Some(first) = bounded.insert(bounds.child.into(), bounds.origin) {
        return Some(first);
    }
    list.push(bounds);
    None
}

fn av_kind(word: Word) -> AvKind {
    match word {
        Word::Auditallow | Word::Auditallowx => AvKind::AuditAllow,
        Word::Dontaudit | Word::Dontauditx => AvKind::DontAudit,
        Word::Neverallow | Word::Neverallowx => AvKind::NeverAllow,
        _ => AvKind::Allow,
    }
}

fn constraint_operator(word: Word) -> Option<ConstraintOperator> {
    Some(match word {
        Word::Eq => ConstraintOperator::Eq,
        Word::Neq => ConstraintOperator::Neq,
        Word::Dom => ConstraintOperator::Dom,
        Word::Domby => ConstraintOperator::DomBy,
        Word::Incomp => ConstraintOperator::Incomp,
        _ => return None,
    })
}

fn compared(word: Word) -> Option<Compared> {
    Some(match word {
        Word::U1 => Compared::U1,
        Word::U2 => Compared::U2,
        Word::U3 => Compared::U3,
        Word::R1 => Compared::R1,
        Word::R2 => Compared::R2,
        Word::R3 => Compared::R3,
        Word::T1 => Compared::T1,
        Word::T2 => Compared::T2,
        Word::T3 => Compared::T3,
        Word::L1 => Compared::L1,
        Word::L2 => Compared::L2,
        Word::H1 => Compared::H1,
        Word::H2 => Compared::H2,
        _ => return None,
    })
}
