//! Whole images by the operators' slow oracles, for tests on the host and on emulated cores.
//! [`model`] makes random images whose golden vectors come from here.

extern crate std;

pub mod model;

use crate::kernels::State;
use crate::kernels::oracle::{Oracle, Problem};
use shared::image::{Image, Turn};
use shared::latent::Latent;
use shared::op::Region;
use std::{vec, vec::Vec};

/// The input of an image, and the output of every turn of its program, in order.
pub fn run<'a>(image: &Image<'a>, latent: &Latent) -> (Vec<i8>, Vec<(Turn<'a>, Vec<i8>)>) {
    let mut arena = vec![0i8; image.arena_len()];
    let bytes = |region: &Region| region.offset as usize..region.end() as usize;
    let mut input = vec![0; image.input().len() as usize];
    let stream = latent.fill(image.prior(), image.latent_len(), &mut input);
    arena[bytes(&image.input())].copy_from_slice(&input);
    let mut state = State { stream, step: 0 };
    let outputs = image
        .schedule()
        .map(|turn| {
            state.step = turn.step.map_or(0, |step| step.number);
            let (from, to) = (image.inputs_of(&turn.op), image.region(turn.op.output));
            let inputs: Vec<&[i8]> = from.iter().map(|from| &arena[bytes(from)]).collect();
            let problem = Problem {
                from: &from,
                to: &to,
                inputs: &inputs,
                before: &arena[bytes(&to)],
            };
            let y = turn.op.kind.oracle(&problem, &mut state);
            arena[bytes(&to)].copy_from_slice(&y);
            (turn, y)
        })
        .collect();
    (input, outputs)
}
