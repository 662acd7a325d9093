//! Copying elements along strides: what all operators have in common that move whole tensors.

/// One loop of a copy: how often, and how far the input goes on each time; modulo the word.
#[derive(Debug, Clone, Copy)]
pub(super) struct Loop {
    pub count: usize,
    pub step: usize,
}

/// Loops of a copy, the outermost first.
pub(super) const LOOPS: usize = 5;

impl Loop {
    /// Once.
    pub const ONCE: Self = Self { count: 1, step: 0 };

    pub fn new(count: impl Into<usize>, step: usize) -> Self {
        Self {
            count: count.into(),
            step,
        }
    }
}

/// Writes the elements that nested loops meet, one after the other, from element `start` of the
/// input on. Elements that lie beyond the input are left as they are.
pub(super) fn copy(loops: &[Loop; LOOPS], start: usize, input: &[i8], output: &mut [i8]) {
    let [a, b, c, d, inner] = *loops;
    let mut targets = output.chunks_exact_mut(inner.count.max(1));
    let mut at_a = start;
    for _ in 0..a.count {
        let mut at_b = at_a;
        for _ in 0..b.count {
            let mut at_c = at_b;
            for _ in 0..c.count {
                let mut at_d = at_c;
                for _ in 0..d.count {
                    let Some(target) = targets.next() else { return };
                    let source = input.get(at_d..).unwrap_or_default();
                    for (y, &x) in target
                        .iter_mut()
                        .zip(source.iter().step_by(inner.step.max(1)))
                    {
                        *y = x;
                    }
                    at_d = at_d.wrapping_add(d.step);
                }
                at_c = at_c.wrapping_add(c.step);
            }
            at_b = at_b.wrapping_add(b.step);
        }
        at_a = at_a.wrapping_add(a.step);
    }
}
