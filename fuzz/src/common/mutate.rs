//! Changes of CIL that leave most of it CIL: bytes at random seldom get behind the parser.

use super::policy::Random;

/// Changes a text in place, and returns its new length; `None` if a change of bytes is as good this time.
pub(crate) fn mutate(
    data: &mut [u8],
    size: usize,
    max_size: usize,
    seed: u32,
    words: &[&[u8]],
) -> Option<usize> {
    let mut random = Random::new(seed.into());
    let text = data.get(..size)?;
    let lists = lists(text);
    let atoms = atoms(text);
    if lists.is_empty() || atoms.is_empty() || random.chance(20) {
        return None;
    }
    let list = random.pick(&lists);
    let (place, new) = match random.below(7) {
        0 => (list, Vec::new()),
        1 => (list, text[random_of(&mut random, &lists)].to_vec()),
        2 => (list.clone(), [&text[list], &text[random_of(&mut random, &lists)]].concat()),
        3 => {
            let around = random.pick(&[
                &b"(optional o "[..],
                b"(block b ",
                b"(not ",
                b"(in b ",
                b"(",
                b"(macro m () ",
            ]);
            (list.clone(), [around, &text[list], b")"].concat())
        }
        4 => (random.pick(&atoms), random.pick(words).to_vec()),
        5 => (random.pick(&atoms), text[list].to_vec()),
        _ => (random.pick(&atoms), text[random_of(&mut random, &atoms)].to_vec()),
    };
    let changed = [&text[..place.start], &new, &text[place.end..]].concat();
    let target = data.get_mut(..changed.len()).filter(|target| target.len() <= max_size)?;
    target.copy_from_slice(&changed);
    Some(changed.len())
}

type Stretch = std::ops::Range<usize>;

fn random_of(random: &mut Random, stretches: &[Stretch]) -> Stretch {
    random.pick(stretches)
}

/// All lists that are closed.
fn lists(text: &[u8]) -> Vec<Stretch> {
    let (mut open, mut lists) = (Vec::new(), Vec::new());
    for (place, byte) in text.iter().enumerate() {
        match byte {
            b'(' => open.push(place),
            b')' => lists.extend(open.pop().map(|start| start..place + 1)),
            _ => {}
        }
    }
    lists
}

/// All words; strings are several, which does no harm.
pub(crate) fn atoms(text: &[u8]) -> Vec<Stretch> {
    let is_inside = |byte: u8| !byte.is_ascii_whitespace() && !matches!(byte, b'(' | b')' | 1);
    let (mut atoms, mut start) = (Vec::new(), None);
    for (place, byte) in text.iter().copied().chain([b' ']).enumerate() {
        match start {
            None if is_inside(byte) => start = Some(place),
            Some(from) if !is_inside(byte) => {
                atoms.push(from..place);
                start = None;
            }
            _ => {}
        }
    }
    atoms
}
