//! What attributes of types, roles and users hold.

use std::marker::PhantomData;

use super::Bitset;
use super::order::{Needs, evaluation_order};
use crate::ir::{AttributeSet, Ir, Op, OriginId, RoleId, TypeId, UserId};

/// Types and what type attributes hold.
pub type TypeSets = AttributeSets<TypeId>;
/// Roles and what role attributes hold.
pub type RoleSets = AttributeSets<RoleId>;
/// Users and what user attributes hold.
pub type UserSets = AttributeSets<UserId>;

/// All sets of one kind together have at most this many bytes. Binary policies give values of 16 bits to types, so that
/// the sets of the largest one that a kernel takes, half of it attributes, need half of this.
pub const MAX_SET_BYTES: usize = 256 << 20;

/// What the attributes of one kind hold: bits are the places of what is no attribute in [`Ir::types`] (roles, users).
#[derive(Clone, Debug)]
pub struct AttributeSets<T> {
    /// What is no attribute.
    all: Bitset,
    /// By id; `None` for what is no attribute and stands for itself.
    members: Vec<Option<Bitset>>,
    kind: PhantomData<T>,
}

/// What a type or attribute (role, user) stands for.
#[derive(Clone, Copy, Debug)]
pub enum Members<'a> {
    /// Itself.
    One(usize),
    /// What the attribute holds.
    Set(&'a Bitset),
}

/// Sets that cannot be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SetError<T: std::fmt::Debug> {
    /// An attribute is defined by itself.
    #[error("an attribute holds itself")]
    Cycle {
        /// The attributes, each with a statement that has the next one; the last has the first.
        path: Vec<(T, OriginId)>,
    },
    /// An expression that is none: operands are missing or left over.
    #[error("an expression without meaning")]
    Malformed(OriginId),
    /// More than [`MAX_SET_BYTES`].
    #[error("the attributes' sets would have {bytes} bytes, over the limit of {MAX_SET_BYTES}")]
    TooLarge {
        /// How many.
        bytes: usize,
    },
}

impl TypeSets {
    /// Evaluates all `typeattributeset`.
    pub fn of_types(ir: &Ir) -> Result<Self, SetError<TypeId>> {
        let is_attribute: Vec<bool> = ir.types.iter().map(|declared| declared.is_attribute).collect();
        Self::evaluate(&is_attribute, &ir.type_attribute_sets)
    }
}

impl RoleSets {
    /// Evaluates all `roleattributeset`.
    pub fn of_roles(ir: &Ir) -> Result<Self, SetError<RoleId>> {
        let is_attribute: Vec<bool> = ir.roles.iter().map(|declared| declared.is_attribute).collect();
        Self::evaluate(&is_attribute, &ir.role_attribute_sets)
    }
}

impl UserSets {
    /// Evaluates all `userattributeset`.
    pub fn of_users(ir: &Ir) -> Result<Self, SetError<UserId>> {
        let is_attribute: Vec<bool> = ir.users.iter().map(|declared| declared.is_attribute).collect();
        Self::evaluate(&is_attribute, &ir.user_attribute_sets)
    }
}

#[expect(private_bounds, reason = "there are three kinds of ids with attributes and no more")]
impl<T: Id> AttributeSets<T> {
    /// Evaluates statements over a list that tells of each id whether it is an attribute.
    fn evaluate(is_attribute: &[bool], statements: &[AttributeSet<T>]) -> Result<Self, SetError<T>> {
        let mut sets = Self::without_statements(is_attribute)?;
        let by_attribute = ByAttribute::new(is_attribute.len(), statements);
        let needs = |attribute| by_attribute.needs(attribute, is_attribute);
        let order = evaluation_order(is_attribute.len(), |index| is_attribute[index], needs)
            .map_err(|circle| SetError::Cycle { path: circle.into_iter().map(T::with_origin).collect() })?;
        for attribute in order {
            let mut members = Bitset::new(is_attribute.len());
            for statement in by_attribute.of(attribute) {
                sets.add(&mut members, statement)?;
            }
            sets.members[attribute] = Some(members);
        }
        Ok(sets)
    }

    /// What a type or attribute (role, user) stands for.
    pub fn members(&self, id: T) -> Members<'_> {
        self.members[id.index()].as_ref().map_or(Members::One(id.index()), Members::Set)
    }

    /// Everything that is no attribute.
    pub fn all(&self) -> &Bitset {
        &self.all
    }

    /// The bound of the sets: the number of types and attributes (roles, users) together.
    pub fn bound(&self) -> usize {
        self.members.len()
    }

    fn without_statements(is_attribute: &[bool]) -> Result<Self, SetError<T>> {
        let attributes = is_attribute.iter().filter(|is_attribute| **is_attribute).count();
        let bytes = attributes.saturating_mul(Bitset::size(is_attribute.len()));
        if bytes > MAX_SET_BYTES {
            return Err(SetError::TooLarge { bytes });
        }
        let mut all = Bitset::new(is_attribute.len());
        for (index, is_attribute) in is_attribute.iter().enumerate() {
            if !is_attribute {
                all.insert(index);
            }
        }
        Ok(Self { all, members: vec![None; is_attribute.len()], kind: PhantomData })
    }

    fn add(&self, members: &mut Bitset, statement: &AttributeSet<T>) -> Result<(), SetError<T>> {
        // Nearly all statements of real policies just name what they add; no sets in between are needed for that.
        if statement.set.iter().all(|step| matches!(step, Op::Operand(_) | Op::Or)) {
            for step in &statement.set {
                if let Op::Operand(id) = step {
                    self.members(*id).add_to(members);
                }
            }
            return Ok(());
        }
        let value = self.value(&statement.set).ok_or(SetError::Malformed(statement.origin))?;
        members.or_with(&value);
        Ok(())
    }

    /// The value of an expression; `None` if it has none.
    pub fn value(&self, expression: &[Op<T>]) -> Option<Bitset> {
        let mut stack: Vec<Bitset> = Vec::new();
        for step in expression {
            match step {
                Op::Operand(id) => stack.push(self.members(*id).to_set(self.bound())),
                Op::All => stack.push(self.all.clone()),
                Op::Not => stack.last_mut()?.complement_in(&self.all),
                Op::And => binary(&mut stack, Bitset::and_with)?,
                Op::Or => binary(&mut stack, Bitset::or_with)?,
                Op::Xor => binary(&mut stack, Bitset::xor_with)?,
                Op::Range(..) => return None,
            }
        }
        let value = stack.pop();
        stack.is_empty().then(|| value.unwrap_or_else(|| Bitset::new(self.bound())))
    }
}

impl Members<'_> {
    /// Whether a type (role, user) is meant.
    pub fn contains(self, index: usize) -> bool {
        match self {
            Self::One(one) => one == index,
            Self::Set(set) => set.contains(index),
        }
    }

    /// Whether nothing is meant, which is so of attributes that hold nothing.
    pub fn is_empty(self) -> bool {
        match self {
            Self::One(_) => false,
            Self::Set(set) => set.is_empty(),
        }
    }

    /// How many are meant.
    pub fn count(self) -> usize {
        match self {
            Self::One(_) => 1,
            Self::Set(set) => set.count(),
        }
    }

    /// Adds all that are meant to a set.
    pub fn add_to(self, set: &mut Bitset) {
        match self {
            Self::One(one) => {
                set.insert(one);
            }
            Self::Set(members) => set.or_with(members),
        }
    }

    /// Takes away from a set what is not meant.
    pub fn keep_in(self, set: &mut Bitset) {
        match self {
            Self::One(one) => {
                let is_held = set.contains(one);
                *set = Bitset::new(set.bound());
                if is_held {
                    set.insert(one);
                }
            }
            Self::Set(members) => set.and_with(members),
        }
    }

    /// All that are meant, as a set of numbers below `bound`.
    pub fn to_set(self, bound: usize) -> Bitset {
        match self {
            Self::One(one) => {
                let mut set = Bitset::new(bound);
                set.insert(one);
                set
            }
            Self::Set(set) => set.clone(),
        }
    }

    /// Calls with each that is meant, ascending.
    pub fn for_each(self, mut call: impl FnMut(usize)) {
        match self {
            Self::One(one) => call(one),
            Self::Set(set) => set.iter().for_each(call),
        }
    }
}

/// An id of something that attributes can hold.
trait Id: Copy + std::fmt::Debug {
    fn index(self) -> usize;
    fn from_index(index: u32) -> Self;

    fn with_origin((index, origin): (usize, OriginId)) -> (Self, OriginId) {
        // Indexes come from ids, which are u32.
        (Self::from_index(u32::try_from(index).unwrap_or(u32::MAX)), origin)
    }
}

macro_rules! has_attributes {
    ($($id:ident)*) => {$(
        impl Id for $id {
            fn index(self) -> usize {
                self.index()
            }

            fn from_index(index: u32) -> Self {
                Self(index)
            }
        }
    )*};
}

has_attributes! { TypeId RoleId UserId }

/// Statements in the order of the attributes that they are of.
struct ByAttribute<'a, T> {
    statements: &'a [AttributeSet<T>],
    /// Places in `statements`.
    order: Vec<u32>,
    /// Where each attribute's begin in `order`, and the end.
    starts: Vec<u32>,
}

impl<'a, T: Id> ByAttribute<'a, T> {
    fn new(bound: usize, statements: &'a [AttributeSet<T>]) -> Self {
        let mut starts = vec![0_u32; bound + 1];
        for statement in statements {
            starts[statement.attribute.index() + 1] += 1;
        }
        for index in 0..bound {
            starts[index + 1] += starts[index];
        }
        let (mut free, mut order) = (starts.clone(), vec![0_u32; statements.len()]);
        for (place, statement) in (0_u32..).zip(statements) {
            let slot = &mut free[statement.attribute.index()];
            order[*slot as usize] = place;
            *slot += 1;
        }
        Self { statements, order, starts }
    }

    fn of(&self, attribute: usize) -> impl Iterator<Item = &'a AttributeSet<T>> + '_ {
        let range = self.starts[attribute] as usize..self.starts[attribute + 1] as usize;
        self.order[range].iter().map(|place| &self.statements[*place as usize])
    }

    /// The attributes that the statements of one name.
    fn needs(&self, attribute: usize, is_attribute: &[bool]) -> Needs {
        let mut needs = Needs::new();
        for statement in self.of(attribute) {
            for step in &statement.set {
                if let Op::Operand(id) = step
                    && is_attribute[id.index()]
                {
                    needs.push((id.index(), statement.origin));
                }
            }
        }
        needs
    }
}

fn binary(stack: &mut Vec<Bitset>, operation: fn(&mut Bitset, &Bitset)) -> Option<()> {
    let right = stack.pop()?;
    operation(stack.last_mut()?, &right);
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ir::TypeDecl;

    const NOWHERE: OriginId = OriginId(0);

    /// Three types and as many attributes as there are statements' attributes: types are 0, 1, 2.
    fn policy(attributes: u32, sets: &[(u32, &[Op<TypeId>])]) -> Ir {
        let mut ir = Ir::default();
        for index in 0..3 + attributes {
            let name = ir.names.intern(format!("t{index}").as_bytes());
            ir.types.push(TypeDecl { name, is_attribute: index >= 3, origin: NOWHERE });
        }
        for (place, (attribute, set)) in (0..).zip(sets) {
            let (attribute, set) = (TypeId(*attribute), set.to_vec());
            ir.type_attribute_sets.push(AttributeSet { attribute, set, origin: OriginId(place) });
        }
        ir
    }

    fn id(index: u32) -> Op<TypeId> {
        Op::Operand(TypeId(index))
    }

    fn members(sets: &TypeSets, index: u32) -> Vec<usize> {
        let mut members = Vec::new();
        sets.members(TypeId(index)).for_each(|member| members.push(member));
        members
    }

    #[test]
    fn statements_of_an_attribute_add_up_whatever_their_order() {
        let ir = policy(3, &[(3, &[id(4), id(0), Op::Or]), (4, &[id(5)]), (5, &[id(2)]), (4, &[id(1)])]);
        let sets = TypeSets::of_types(&ir).unwrap();
        assert_eq!([3, 4, 5].map(|index| members(&sets, index)), [vec![0, 1, 2], vec![1, 2], vec![2]]);
        assert_eq!(members(&sets, 1), [1]);
        assert_eq!(sets.all().iter().collect::<Vec<_>>(), [0, 1, 2]);
    }

    #[test]
    fn operators_know_types_only_not_attributes() {
        let not_one = [id(1), Op::Not];
        let xor = [id(3), Op::All, Op::Xor];
        let and = [id(3), id(0), Op::Not, Op::And];
        let ir = policy(5, &[(3, &not_one), (4, &xor), (5, &and), (6, &[Op::All])]);
        let sets = TypeSets::of_types(&ir).unwrap();
        let all = [3, 4, 5, 6, 7].map(|index| members(&sets, index));
        assert_eq!(all, [vec![0, 2], vec![1], vec![2], vec![0, 1, 2], vec![]]);
        assert!(sets.members(TypeId(7)).is_empty() && !sets.members(TypeId(0)).is_empty());
    }

    #[test]
    fn cycles_come_with_the_statements_that_make_them() {
        let ir =
            policy(4, &[(6, &[id(3)]), (3, &[id(0), id(4), Op::Or]), (4, &[id(5), Op::Not]), (5, &[id(3)])]);
        let path = vec![(TypeId(3), OriginId(1)), (TypeId(4), OriginId(2)), (TypeId(5), OriginId(3))];
        assert_eq!(TypeSets::of_types(&ir).unwrap_err(), SetError::Cycle { path });
        let own = policy(1, &[(3, &[id(3)])]);
        let path = vec![(TypeId(3), OriginId(0))];
        assert_eq!(TypeSets::of_types(&own).unwrap_err(), SetError::Cycle { path });
    }

    #[test]
    fn an_attribute_may_be_reached_twice() {
        let ir = policy(3, &[(3, &[id(4), id(5), Op::And]), (4, &[id(5)]), (5, &[id(1)])]);
        assert_eq!(members(&TypeSets::of_types(&ir).unwrap(), 3), [1]);
    }

    #[test]
    fn a_long_chain_needs_no_stack() {
        let count = 20_000;
        let chain: Vec<[Op<TypeId>; 1]> = (3..3 + count).map(|index| [id(index + 1)]).collect();
        let mut sets: Vec<(u32, &[Op<TypeId>])> = (3..).zip(chain.iter().map(<[_; 1]>::as_slice)).collect();
        sets.push((3 + count, &[Op::Operand(TypeId(2))]));
        let ir = policy(count + 1, &sets);
        assert_eq!(members(&TypeSets::of_types(&ir).unwrap(), 3), [2]);
    }

    #[test]
    fn expressions_without_meaning_and_sets_without_bounds_are_refused() {
        for set in [&[Op::And][..], &[id(0), Op::And], &[Op::All, id(1)], &[Op::Range(TypeId(0), TypeId(1))]]
        {
            let ir = policy(1, &[(3, set)]);
            assert_eq!(TypeSets::of_types(&ir).unwrap_err(), SetError::Malformed(NOWHERE));
        }
        let ir = policy(50_000, &[]);
        assert!(matches!(TypeSets::of_types(&ir), Err(SetError::TooLarge { .. })));
    }
}
