//! The step counter of a block; the engine goes round.

use super::{Kernel, Operands, State};
use shared::op::Repeat;

impl Kernel for Repeat {
    fn run(&self, _: &Operands<'_>, output: &mut [i8], state: &mut State) {
        // At most 255, a byte without a sign.
        output.fill(state.step as u8 as i8);
    }
}

#[cfg(any(test, feature = "oracle"))]
impl super::oracle::Oracle for Repeat {
    fn oracle(
        &self,
        problem: &super::oracle::Problem<'_>,
        state: &mut State,
    ) -> super::oracle::Vec<i8> {
        super::oracle::vec![state.step as u8 as i8; problem.to.len() as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{state, tensor};
    use super::*;
    use shared::op::Block;

    #[test]
    fn every_step_is_counted() {
        let repeat = Repeat {
            block: Block {
                count: 256,
                body: 1,
            },
        };
        let to = tensor([1, 1, 1]);
        let operands = Operands {
            from: &[],
            to: &to,
            inputs: &[],
        };
        for step in 0..256u16 {
            let mut counter = [99];
            let mut state = state();
            state.step = step;
            repeat.run(&operands, &mut counter, &mut state);
            assert_eq!(counter[0] as u8, step as u8);
        }
    }
}
