//! Label embeddings: rows of a table, weighted by a label.

use super::{Kernel, Operands, State};
use shared::op::Embedding;

impl Kernel for Embedding<'_> {
    /// Accumulators wrap, and in a checked image none comes near to wrapping.
    fn run(&self, operands: &Operands<'_>, output: &mut [i8], _: &mut State) {
        let (_, input) = operands.first();
        let weights = &self.weights;
        // A region has at most 16 MiB.
        let row_len = (weights.layout.row_len(output.len() as u32) as usize).max(1);
        // A one-hot label has a single element, one between two labels a few.
        let first = input.iter().position(|&x| x != 0).unwrap_or(0);
        let last = input.iter().rposition(|&x| x != 0);
        let label = last.and_then(|last| input.get(first..=last));
        let label = label.unwrap_or_default();
        let table = weights
            .values
            .get(first.saturating_mul(row_len)..)
            .unwrap_or_default();
        let channels = output.iter_mut().zip(weights.biases().zip(weights.shifts));
        for (column, (y, (bias, &shift))) in channels.enumerate() {
            let mut sum = bias;
            for (row, &x) in table.chunks_exact(row_len).zip(label) {
                if x != 0 {
                    let weight = weights.layout.weight(row, column);
                    sum = sum.wrapping_add(i32::from(weight) * i32::from(x));
                }
            }
            *y = weights.activation.requantize(sum, shift);
        }
    }
}

#[cfg(any(test, feature = "oracle"))]
impl super::oracle::Oracle for Embedding<'_> {
    fn oracle(
        &self,
        problem: &super::oracle::Problem<'_>,
        _: &mut State,
    ) -> super::oracle::Vec<i8> {
        use super::oracle::{biases, outputs, unpacked};
        let mut sums = biases(&self.weights);
        let w = unpacked(&self.weights, sums.len());
        for (row, x) in w.chunks(sums.len()).zip(problem.numbers(0)) {
            for (sum, w) in sums.iter_mut().zip(row) {
                *sum += w * x;
            }
        }
        outputs(&self.weights, &sums)
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::super::testing::*;
    use super::*;
    use proptest::prelude::*;
    use shared::op::{WeightShape, Weights};
    use std::vec;

    /// Tables of 1 to 4 classes and up to 9 columns, with every label that is one-hot or between
    /// two classes, and none.
    #[test]
    fn every_small_embedding() {
        let mut pool = Pool::new(3);
        let mut count = 0;
        for (classes, length) in (1..=4u16).flat_map(|c| (1..=9u16).map(move |l| (c, l))) {
            let (from, to) = (tensor([1, 1, classes]), tensor([1, 1, length]));
            let pairs = (0..classes).flat_map(|a| (0..classes).map(move |b| (a, b)));
            for ((a, b), (p, q)) in pairs.flat_map(|pair| {
                let weights = [(127, 127), (-128, 0), (0, 0), (1, 126), (64, -63)];
                weights.map(move |weights| (pair, weights))
            }) {
                let mut x = vec![0i8; usize::from(classes)];
                x[usize::from(a)] = p;
                x[usize::from(b)] = q;
                for (layout, activation) in LAYOUTS
                    .into_iter()
                    .flat_map(|layout| ACTIVATIONS.map(|activation| (layout, activation)))
                {
                    let data = pool.weights(layout, WeightShape::embedding(&from, &to));
                    let weights = data.weights(activation);
                    check_one(Embedding { weights }, &from, &to, &x);
                    count += 1;
                }
            }
        }
        assert_eq!(count, (1 + 4 + 9 + 16) * 9 * 5 * 2 * 9);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(400))]

        #[test]
        fn random_tables_equal_the_oracle(
            inputs in 1u16..=200, outputs in 1u16..=40, arithmetic in arithmetic(), seed: u64,
        ) {
            let (from, to) = (tensor([1, 1, inputs]), tensor([1, 1, outputs]));
            let shape = WeightShape::embedding(&from, &to);
            with_weights(|weights| Embedding { weights }.into(), (from, to), shape, arithmetic, seed);
        }

        #[test]
        fn nothing_panics(
            lens in [0usize..60, 0usize..20, 0usize..9], (layout, activation) in arithmetic(),
            x in 0usize..50, y in 0usize..50,
        ) {
            let [values, bias, shifts] = lens.map(|len| vec![0x9C; len]);
            let weights = Weights { layout, activation, values: &values, bias: &bias, shifts: &shifts };
            let one = tensor([1, 1, 1]);
            must_not_panic(&Embedding { weights }.into(), &[one], &one, &[&vec![-128; x]], y);
        }
    }
}
