//! A search by any measure of quality, made for expensive ones: few candidates are measured.

use super::{Candidate, Choice, Start, quantize};
use crate::graph::Bits;
use crate::graph::QuantizedNetwork;
use crate::quantize::{Prepared, QuantizeError};

/// How many layers are tried each time that one more must go to 4 bits.
const TRIED: usize = 2;

/// As [`super::choose`], but candidates are compared by `quality`, smaller is better: a Frechet
/// distance, say.
///
/// Layer after layer goes to 4 bits until the image fits: each time the two that cost the least
/// SQNR per byte are measured, and the one with the smaller loss of quality per byte saved is
/// taken. Then single layers go back to 8 bits where that fits and measures better. At most three
/// candidates a layer are measured, and int8 everywhere; none twice.
///
/// # Errors
/// As [`super::choose`].
pub fn choose_by(
    prepared: &Prepared<'_>,
    fixed: &[Option<Bits>],
    budget: usize,
    size: impl Fn(&QuantizedNetwork) -> usize,
    quality: impl FnMut(&QuantizedNetwork) -> f64,
) -> Result<(Choice, QuantizedNetwork), QuantizeError> {
    let mut start = Start::new(prepared, fixed, budget, size)?;
    let mut measure = Measure {
        prepared,
        quality,
        known: Vec::new(),
    };
    let wide = start.choice.bits.clone();
    let mut now = measure.candidate(&wide, start.choice.bytes)?;
    if start.fits() {
        start.choice.candidates = measure.known;
        return Ok((start.choice, start.all_int8));
    }
    let damages = start.measure_layers()?;
    let price = |layer: usize| {
        let saves = start
            .choice
            .costs
            .get(layer)
            .map_or(1, |cost| cost.saves.max(1));
        damages
            .get(layer)
            .map_or(0.0, |damage| damage / saves as f64)
    };
    while now.bytes > budget {
        let is_open = |layer: &usize| start.is_free(*layer) && now.bits[*layer] == Bits::Eight;
        let mut open: Vec<usize> = (0..now.bits.len()).filter(is_open).collect();
        open.sort_by(|&a, &b| price(a).total_cmp(&price(b)));
        let mut best: Option<(f64, Candidate)> = None;
        for &layer in open.iter().take(TRIED) {
            let mut bits = now.bits.clone();
            bits[layer] = Bits::Four;
            let bytes = start.sizes(&bits);
            let tried = measure.candidate(&bits, bytes)?;
            let saved = now.bytes.saturating_sub(bytes).max(1);
            let loss = (tried.quality - now.quality) / saved as f64;
            if best.as_ref().is_none_or(|(least, _)| loss < *least) {
                best = Some((loss, tried));
            }
        }
        match best {
            Some((_, tried)) => now = tried,
            // All free layers have 4 bits, and that fits: the start has made sure.
            None => break,
        }
    }
    for layer in 0..now.bits.len() {
        if !start.is_free(layer) || now.bits[layer] == Bits::Eight {
            continue;
        }
        let mut bits = now.bits.clone();
        bits[layer] = Bits::Eight;
        let bytes = start.sizes(&bits);
        if bytes <= budget {
            let tried = measure.candidate(&bits, bytes)?;
            if tried.quality < now.quality {
                now = tried;
            }
        }
    }
    start.choice.candidates = measure.known;
    let chosen = quantize(prepared, now.bits.clone())?;
    Ok(start.finish(now.bits, chosen))
}

/// Measures candidates, none twice.
struct Measure<'a, 'n, Q> {
    prepared: &'a Prepared<'n>,
    quality: Q,
    known: Vec<Candidate>,
}

impl<Q: FnMut(&QuantizedNetwork) -> f64> Measure<'_, '_, Q> {
    fn candidate(&mut self, bits: &[Bits], bytes: usize) -> Result<Candidate, QuantizeError> {
        if let Some(known) = self.known.iter().find(|known| known.bits == bits) {
            return Ok(known.clone());
        }
        let network = quantize(self.prepared, bits.to_vec())?;
        let candidate = Candidate {
            bits: bits.to_vec(),
            bytes,
            quality: (self.quality)(&network),
        };
        self.known.push(candidate.clone());
        Ok(candidate)
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{prepared_generator, weights_alone};
    use super::*;
    use crate::graph::Shape;
    use crate::synthetic;

    #[test]
    fn the_measure_decides() {
        let shape = Shape {
            channels: 1,
            height: 8,
            width: 8,
        };
        let network = synthetic::generator(3, 16, 0, &[32, 32], shape);
        let prepared = prepared_generator(&network);
        let sizes = [16 * 32, 32 * 32, 32 * 64];
        let all: usize = sizes.iter().sum();
        // A measure that likes 4 bits in the second layer only.
        let weights = [100.0, 1.0, 100.0];
        let mut measured = 0;
        let mut quality = |network: &QuantizedNetwork| {
            measured += 1;
            let bits = network.bits().into_iter().zip(weights);
            bits.filter(|(bits, _)| *bits == Bits::Four)
                .map(|(_, w)| w)
                .sum()
        };
        let at = |budget, quality: &mut dyn FnMut(&QuantizedNetwork) -> f64| {
            choose_by(&prepared, &[], budget, weights_alone, quality)
                .unwrap()
                .0
        };
        let free = at(all, &mut quality);
        assert_eq!(
            (free.bits, free.candidates.len()),
            (vec![Bits::Eight; 3], 1)
        );
        let one = at(all - 500, &mut quality);
        assert!(
            one.bytes <= all - 500 && one.candidates.len() <= 6,
            "{one:?}"
        );
        let by_bits = |choice: &Choice| {
            let found = choice.candidates.iter().find(|c| c.bits == choice.bits);
            found.map(|c| (c.bytes, c.quality))
        };
        let (bytes, quality_of_one) = by_bits(&one).unwrap();
        assert_eq!(bytes, one.bytes);
        // Nothing that was measured and fits is better.
        let fitting = one.candidates.iter().filter(|c| c.bytes <= all - 500);
        assert!(
            fitting.clone().all(|c| c.quality >= quality_of_one),
            "{one}"
        );
        let everything = at(all / 2, &mut quality);
        assert_eq!(everything.bits, [Bits::Four; 3]);
        let fixed = [Some(Bits::Eight)];
        let (kept, network) =
            choose_by(&prepared, &fixed, all - 1000, weights_alone, &mut quality).unwrap();
        assert_eq!(
            (kept.bits[0], network.bits()),
            (Bits::Eight, kept.bits.clone())
        );
        assert!(measured < 20, "{measured}");
        assert!(kept.to_string().contains("measured"), "{kept}");
    }
}
