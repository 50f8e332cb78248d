//! The order in which things that are defined by each other can be evaluated.

use crate::ir::OriginId;

/// What something needs: each with the statement that says so.
pub(crate) type Needs = Vec<(usize, OriginId)>;

/// Numbers below `count` for which `is_wanted`, and those that they need, each after those that it needs itself. `needs`
/// tells what.
///
/// The error is a circle: each with the statement because of which it needs the next; the last needs the first.
///
/// It keeps its own stack, since sources may chain as many definitions as they like.
pub(crate) fn evaluation_order(
    count: usize,
    is_wanted: impl Fn(usize) -> bool,
    needs: impl Fn(usize) -> Needs,
) -> Result<Vec<usize>, Vec<(usize, OriginId)>> {
    let mut walk = Walk { needs, open: Vec::new(), state: vec![State::New; count], order: Vec::new() };
    for start in (0..count).filter(|start| is_wanted(*start)) {
        walk.from(start)?;
    }
    Ok(walk.order)
}

struct Walk<F> {
    needs: F,
    open: Vec<Open>,
    state: Vec<State>,
    order: Vec<usize>,
}

/// One whose needs are being looked at.
struct Open {
    number: usize,
    /// The statement because of which the one before needs it; `None` if the walk began here.
    entered: Option<OriginId>,
    /// What it needs and that is still to be looked at.
    needs: std::vec::IntoIter<(usize, OriginId)>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    New,
    Open,
    Done,
}

impl<F: Fn(usize) -> Needs> Walk<F> {
    fn from(&mut self, start: usize) -> Result<(), Vec<(usize, OriginId)>> {
        if self.state[start] == State::New {
            self.enter(start, None);
        }
        while let Some(top) = self.open.last_mut() {
            let Some((next, origin)) = top.needs.next() else {
                self.state[top.number] = State::Done;
                self.order.push(top.number);
                self.open.pop();
                continue;
            };
            match self.state[next] {
                State::New => self.enter(next, Some(origin)),
                State::Open => return Err(self.circle(next, origin)),
                State::Done => {}
            }
        }
        Ok(())
    }

    fn enter(&mut self, number: usize, entered: Option<OriginId>) {
        self.state[number] = State::Open;
        let needs = (self.needs)(number).into_iter();
        self.open.push(Open { number, entered, needs });
    }

    /// From one that is open back to itself, by the statement that closes the circle.
    fn circle(&self, first: usize, closed: OriginId) -> Vec<(usize, OriginId)> {
        let begin = self.open.iter().position(|open| open.number == first).unwrap_or(0);
        let numbers = self.open[begin..].iter().map(|open| open.number);
        let entered = self.open[begin + 1..].iter().filter_map(|open| open.entered);
        numbers.zip(entered.chain(std::iter::once(closed))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(needs: &[&[usize]]) -> Result<Vec<usize>, Vec<(usize, OriginId)>> {
        let of = |number: usize| {
            let origin = OriginId(u32::try_from(number).unwrap() * 10);
            needs[number].iter().map(|need| (*need, origin)).collect()
        };
        evaluation_order(needs.len(), |_| true, of)
    }

    #[test]
    fn what_is_needed_comes_first_and_once() {
        assert_eq!(order(&[&[1, 2], &[2], &[], &[0]]).unwrap(), [2, 1, 0, 3]);
    }

    #[test]
    fn circles_leave_out_what_only_leads_to_them() {
        let circle = vec![(1, OriginId(10)), (2, OriginId(20)), (3, OriginId(30))];
        assert_eq!(order(&[&[1], &[2], &[3], &[1]]).unwrap_err(), circle);
        assert_eq!(order(&[&[], &[1]]).unwrap_err(), [(1, OriginId(10))]);
    }
}
