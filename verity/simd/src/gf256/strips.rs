//! The loops of the kernels over vectors, written once for all instruction sets.
//!
//! A macro and not a trait: what is generic over a trait's methods cannot be compiled for the instructions of one of its
//! implementations, so that each of them would be a call.

/// Defines `advance` and `mul_add` for `$features`. In scope must be the type `Vector` of `SIZE` bytes, of which the
/// processor has `REGISTERS`, and the functions `load(&[u8; SIZE])`, `store(Vector, &mut [u8; SIZE])`, `zero()`,
/// `xor(a, b)` and `times(Vector, &Multiplier)`.
macro_rules! define_kernel {
    ($features:literal) => {
        define_kernel!($features, 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24);
    };
    ($features:literal, $($roots:literal)*) => {
        /// Takes the rows into the parity rows.
        #[target_feature(enable = $features)]
        pub(in crate::gf256) fn advance(generator: &[Multiplier], rows: &[&[u8]], parity: &mut [u8]) {
            let done = match generator.len() {
                $($roots => {
                    let wide = columns::<$roots, { strips_at_once($roots, REGISTERS) }>(generator, rows, parity, 0);
                    columns::<$roots, 1>(generator, rows, parity, wide)
                })*
                _ => 0,
            };
            portable::advance(generator, rows, parity, done);
        }

        /// Takes columns of `V` vectors, as many as there are from byte `from` on, and returns where they end.
        #[target_feature(enable = $features)]
        fn columns<const R: usize, const V: usize>(
            generator: &[Multiplier],
            rows: &[&[u8]],
            parity: &mut [u8],
            from: usize,
        ) -> usize {
            let Ok(generator) = <&[Multiplier; R]>::try_from(generator) else { return from };
            let width = parity.len() / R;
            let mut at = from;
            while width - at >= V * SIZE {
                column::<R, V>(generator, rows, parity, at);
                at += V * SIZE;
            }
            at
        }

        /// One column through all rows. The parity of a column fits into the registers.
        #[inline]
        #[target_feature(enable = $features)]
        fn column<const R: usize, const V: usize>(
            generator: &[Multiplier; R],
            rows: &[&[u8]],
            parity: &mut [u8],
            at: usize,
        ) {
            let width = parity.len() / R;
            let mut state = [[zero(); V]; R];
            for (row, state) in state.iter_mut().enumerate() {
                let bytes = &parity[row * width + at..][..V * SIZE];
                for (vector, bytes) in state.iter_mut().zip(bytes.as_chunks().0) {
                    *vector = load(bytes);
                }
            }
            for row in rows {
                let mut feedback = state[0];
                for (feedback, bytes) in feedback.iter_mut().zip(row[at..at + V * SIZE].as_chunks().0) {
                    *feedback = xor(*feedback, load(bytes));
                }
                for j in 0..R {
                    for v in 0..V {
                        let product = times(feedback[v], &generator[j]);
                        // Nothing is moved along the register: the sum goes into the place before.
                        state[j][v] = if j + 1 < R { xor(state[j + 1][v], product) } else { product };
                    }
                }
            }
            for (row, state) in state.iter().enumerate() {
                let bytes = &mut parity[row * width + at..][..V * SIZE];
                for (vector, bytes) in state.iter().zip(bytes.as_chunks_mut().0) {
                    store(*vector, bytes);
                }
            }
        }

        /// Adds the multiple of `src` to `dst`.
        #[target_feature(enable = $features)]
        pub(in crate::gf256) fn mul_add(multiplier: &Multiplier, src: &[u8], dst: &mut [u8]) {
            let (vectors, rest) = src.as_chunks::<SIZE>();
            let (sums, rest_sums) = dst.as_chunks_mut::<SIZE>();
            for (sum, vector) in sums.iter_mut().zip(vectors) {
                store(xor(load(sum), times(load(vector), multiplier)), sum);
            }
            portable::mul_add(multiplier, rest, rest_sums);
        }
    };
}

/// How many vectors wide a column is: with few roots, several side by side hide the latency of the multiplication. A
/// quarter of the registers is left for feedback and coefficients.
pub(super) const fn strips_at_once(roots: usize, registers: usize) -> usize {
    match registers * 3 / 4 / roots {
        0 | 1 => 1,
        2 | 3 => 2,
        _ => 4,
    }
}
