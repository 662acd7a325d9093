//! 8- or 4-bit weights for each layer, so that the model image fits a flash budget with the least
//! damage.

mod greedy;

pub use greedy::choose_by;

use super::report::picture_sqnr;
use super::{Prepared, QuantizeError, QuantizeOptions};
use crate::graph::{Bits, QuantizedNetwork};
use serde::Serialize;
use std::fmt;

/// Choices are searched exhaustively up to so many layers, and greedily beyond.
const EXHAUSTIVE: usize = 14;

/// Points that each candidate is measured on.
const POINTS: usize = 256;

/// What 4-bit weights in one layer save and cost.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LayerCost {
    /// Name of the layer.
    pub layer: String,
    /// Bytes that the image shrinks by.
    pub saves: usize,
    /// SQNR of the pictures in decibels with this layer alone at 4 bits.
    pub sqnr_db: f64,
}

/// The chosen widths, and what each choice would have cost.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Choice {
    /// One width a layer with weights, in order.
    pub bits: Vec<Bits>,
    /// Size of the image with these widths, in bytes.
    pub bytes: usize,
    /// SQNR of the pictures with these widths, in decibels.
    pub sqnr_db: f64,
    /// The budget, in bytes.
    pub budget: usize,
    /// Size of the image with int8 weights everywhere.
    pub all_int8_bytes: usize,
    /// SQNR with int8 weights everywhere, in decibels.
    pub all_int8_sqnr_db: f64,
    /// Size of the image with int4 weights everywhere.
    pub all_int4_bytes: usize,
    /// One row a layer with weights; empty where int8 everywhere fits.
    pub costs: Vec<LayerCost>,
    /// What [`choose_by`] measured, in order; empty for [`choose`].
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub candidates: Vec<Candidate>,
}

/// Widths that were measured by what the caller asked for.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Candidate {
    /// One width a layer with weights.
    pub bits: Vec<Bits>,
    /// Size of the image.
    pub bytes: usize,
    /// The measure; smaller is better.
    pub quality: f64,
}

impl fmt::Display for Choice {
    /// What was chosen, and what each layer's 4 bits would save and cost.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bits: Vec<String> = self.bits.iter().map(Bits::to_string).collect();
        write!(
            f,
            "weights {}: {} of {} bytes, {:.1} dB (int8 everywhere: {} bytes, {:.1} dB; int4 everywhere: {} bytes)",
            bits.join(", "),
            self.bytes,
            self.budget,
            self.sqnr_db,
            self.all_int8_bytes,
            self.all_int8_sqnr_db,
            self.all_int4_bytes
        )?;
        for cost in &self.costs {
            write!(
                f,
                "\n  {} alone at int4 saves {} bytes and gives {:.1} dB",
                cost.layer, cost.saves, cost.sqnr_db
            )?;
        }
        for candidate in &self.candidates {
            let bits: Vec<String> = candidate.bits.iter().map(Bits::to_string).collect();
            let (bytes, quality) = (candidate.bytes, candidate.quality);
            write!(
                f,
                "\n  {}: {bytes} bytes, measured {quality:.4}",
                bits.join(", ")
            )?;
        }
        Ok(())
    }
}

/// What every search starts from.
struct Start<'a, 'n, S> {
    prepared: &'a Prepared<'n>,
    /// Widths that are set beforehand, one entry a layer at most.
    fixed: &'a [Option<Bits>],
    size: S,
    all_int8: QuantizedNetwork,
    /// The choice of int8 everywhere.
    choice: Choice,
}

impl<'a, 'n, S: Fn(&QuantizedNetwork) -> usize> Start<'a, 'n, S> {
    fn new(
        prepared: &'a Prepared<'n>,
        fixed: &'a [Option<Bits>],
        budget: usize,
        size: S,
    ) -> Result<Self, QuantizeError> {
        let at = |free: Bits| -> Vec<Bits> {
            (0..prepared.linear_layers().len())
                .map(|i| fixed.get(i).copied().flatten().unwrap_or(free))
                .collect()
        };
        let (wide, narrow) = (at(Bits::Eight), at(Bits::Four));
        let all_int8 = quantize(prepared, wide.clone())?;
        let all_int8_bytes = size(&all_int8);
        let all_int4_bytes = size(&with_widths(&all_int8, &narrow));
        let sqnr_db = picture_sqnr(prepared.network(), &all_int8, POINTS);
        if all_int8_bytes > budget && all_int4_bytes > budget {
            return Err(QuantizeError::Budget {
                budget,
                all_int8: all_int8_bytes,
                all_int4: all_int4_bytes,
            });
        }
        let choice = Choice {
            bits: wide,
            bytes: all_int8_bytes,
            sqnr_db,
            budget,
            all_int8_bytes,
            all_int8_sqnr_db: sqnr_db,
            all_int4_bytes,
            costs: Vec::new(),
            candidates: Vec::new(),
        };
        Ok(Self {
            prepared,
            fixed,
            size,
            all_int8,
            choice,
        })
    }

    fn is_free(&self, layer: usize) -> bool {
        self.fixed.get(layer).copied().flatten().is_none()
    }

    fn fits(&self) -> bool {
        self.choice.all_int8_bytes <= self.choice.budget
    }

    fn sizes(&self, bits: &[Bits]) -> usize {
        (self.size)(&with_widths(&self.all_int8, bits))
    }

    /// Fills in what each layer costs alone; gives their damages, the noise power that the pictures
    /// gain.
    fn measure_layers(&mut self) -> Result<Vec<f64>, QuantizeError> {
        let noise = |sqnr_db: f64| 10f64.powf(-sqnr_db / 10.0);
        let all_int8_sqnr_db = self.choice.all_int8_sqnr_db;
        let layers = self.prepared.linear_layers();
        let mut damages = Vec::with_capacity(layers.len());
        for (index, layer) in layers.into_iter().enumerate() {
            let mut bits = self.choice.bits.clone();
            // A layer that is fixed costs nothing and saves nothing.
            let mut sqnr_db = all_int8_sqnr_db;
            if self.is_free(index) {
                bits[index] = Bits::Four;
                let network = quantize(self.prepared, bits.clone())?;
                sqnr_db = picture_sqnr(self.prepared.network(), &network, POINTS);
            }
            damages.push((noise(sqnr_db) - noise(all_int8_sqnr_db)).max(0.0));
            let saves = self.choice.all_int8_bytes.saturating_sub(self.sizes(&bits));
            self.choice.costs.push(LayerCost {
                layer: layer.to_owned(),
                saves,
                sqnr_db,
            });
        }
        Ok(damages)
    }

    /// The choice with these widths, measured.
    fn finish(self, bits: Vec<Bits>, chosen: QuantizedNetwork) -> (Choice, QuantizedNetwork) {
        let bytes = (self.size)(&chosen);
        let sqnr_db = picture_sqnr(self.prepared.network(), &chosen, POINTS);
        let choice = Choice {
            bits,
            bytes,
            sqnr_db,
            ..self.choice
        };
        (choice, chosen)
    }
}

fn quantize(prepared: &Prepared<'_>, bits: Vec<Bits>) -> Result<QuantizedNetwork, QuantizeError> {
    prepared.quantize(&QuantizeOptions {
        bits,
        ..Default::default()
    })
}

/// Chooses widths for a budget in bytes. `fixed` sets those of single layers beforehand, in the
/// layers' order; the others are free, and "int8 everywhere" means all of those. `size` gives the
/// size of a network's image.
///
/// A layer's damage is the noise power that the pictures gain when it alone has 4 bits; damages are
/// taken to add up, and the choice is then measured as it is. Smallest sum first; where all 8-bit
/// weights fit, nothing is lost.
///
/// # Errors
/// [`QuantizeError::Budget`] with the sizes where even all 4-bit weights are too large, and errors
/// of quantization.
pub fn choose(
    prepared: &Prepared<'_>,
    fixed: &[Option<Bits>],
    budget: usize,
    size: impl Fn(&QuantizedNetwork) -> usize,
) -> Result<(Choice, QuantizedNetwork), QuantizeError> {
    let mut start = Start::new(prepared, fixed, budget, size)?;
    if start.fits() {
        return Ok((start.choice, start.all_int8));
    }
    let damages = start.measure_layers()?;
    let wide = &start.choice.bits;
    let free = |(index, &bits): (usize, &Bits)| {
        if start.is_free(index) {
            Bits::Four
        } else {
            bits
        }
    };
    let narrow: Vec<Bits> = wide.iter().enumerate().map(free).collect();
    let sizes = |bits: &[Bits]| start.sizes(bits);
    let bits = least_damage(&damages, &start.choice.costs, wide, &narrow, budget, sizes);
    let chosen = quantize(prepared, bits.clone())?;
    Ok(start.finish(bits, chosen))
}

/// The widths with the smallest sum of damages among those that fit, each layer's `wide` or
/// `narrow`. All narrow fit.
fn least_damage(
    damages: &[f64],
    costs: &[LayerCost],
    wide: &[Bits],
    narrow: &[Bits],
    budget: usize,
    size: impl Fn(&[Bits]) -> usize,
) -> Vec<Bits> {
    let count = damages.len();
    if count > EXHAUSTIVE {
        // The layer that costs least per byte saved goes first.
        let mut order: Vec<usize> = (0..count).collect();
        let price = |i: usize| damages[i] / costs[i].saves.max(1) as f64;
        order.sort_by(|&a, &b| price(a).total_cmp(&price(b)));
        let mut bits = wide.to_vec();
        for index in order {
            if size(&bits) <= budget {
                break;
            }
            bits[index] = narrow[index];
        }
        return bits;
    }
    let mut best: Option<(f64, Vec<Bits>)> = None;
    for code in 0..1usize << count {
        let is_narrow = |index: usize| code >> index & 1 == 1;
        let damage: f64 = (0..count)
            .filter(|&i| is_narrow(i))
            .map(|i| damages[i])
            .sum();
        let bits: Vec<Bits> = (0..count)
            .map(|i| if is_narrow(i) { narrow[i] } else { wide[i] })
            .collect();
        if best.as_ref().is_none_or(|(least, _)| damage < *least) && size(&bits) <= budget {
            best = Some((damage, bits));
        }
    }
    best.map_or_else(|| narrow.to_vec(), |(_, bits)| bits)
}

/// A network of the same shapes with other widths: good for its size only.
fn with_widths(network: &QuantizedNetwork, bits: &[Bits]) -> QuantizedNetwork {
    let mut network = network.clone();
    let mut bits = bits.iter();
    for node in &mut network.nodes {
        if let Some(linear) = node.op.linear_mut() {
            linear.bits = bits.next().copied().unwrap_or_default();
        }
    }
    network
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::{Network, Shape};
    use crate::quantize::calibrate::Calibration;
    use crate::synthetic;
    use shared::latent::Prior;

    pub(super) fn prepared_generator(network: &Network) -> Prepared<'_> {
        let calibration = Calibration {
            prior: Prior::Normal,
            points: 200,
            seed: 0,
        };
        Prepared::new(network, &calibration).unwrap()
    }

    pub(super) fn weights_alone(network: &QuantizedNetwork) -> usize {
        let linear = network.nodes.iter().filter_map(|node| node.op.linear());
        linear
            .map(|l| l.weights.len() * usize::from(l.bits.count()) / 8)
            .sum()
    }

    #[test]
    fn the_smallest_damage_that_fits() {
        let shape = Shape {
            channels: 1,
            height: 8,
            width: 8,
        };
        let network = synthetic::generator(3, 16, 0, &[32, 32], shape);
        let prepared = prepared_generator(&network);
        let all = 16 * 32 + 32 * 32 + 32 * 64;
        let at = |budget| choose(&prepared, &[], budget, weights_alone);
        let (free, _) = at(all).unwrap();
        assert_eq!((free.bits, free.costs.len()), (vec![Bits::Eight; 3], 0));
        let (half, network) = at(all / 2).unwrap();
        assert_eq!(
            (half.bits.clone(), half.bytes),
            (vec![Bits::Four; 3], all / 2)
        );
        assert_eq!(network.bits(), half.bits);
        let (some, _) = at(all - 500).unwrap();
        assert!(
            some.bytes <= all - 500 && some.sqnr_db >= half.sqnr_db,
            "{some:?}"
        );
        // Nothing that fits has a smaller sum of damages.
        let noise =
            |sqnr: f64| 10f64.powf(-sqnr / 10.0) - 10f64.powf(-some.all_int8_sqnr_db / 10.0);
        let damage = |code: usize| -> f64 {
            (0..3)
                .filter(|i| code >> i & 1 == 1)
                .map(|i| noise(some.costs[i].sqnr_db).max(0.0))
                .sum()
        };
        let saved = |code: usize| -> usize {
            (0..3)
                .filter(|i| code >> i & 1 == 1)
                .map(|i| some.costs[i].saves)
                .sum()
        };
        let chosen = (0..3)
            .filter(|&i| some.bits[i] == Bits::Four)
            .map(|i| 1 << i)
            .sum();
        for code in (0..8).filter(|&code| saved(code) >= 500) {
            assert!(
                damage(chosen) <= damage(code),
                "{code:b} is better than {chosen:b}"
            );
        }
        let fixed = [None, None, Some(Bits::Eight)];
        let (kept, _) = choose(&prepared, &fixed, all - 500, weights_alone).unwrap();
        assert!(
            kept.bits[2] == Bits::Eight && kept.bytes <= all - 500,
            "{kept:?}"
        );
        assert_eq!(kept.costs[2].saves, 0);
        assert_eq!(
            at(all / 2 - 1).unwrap_err(),
            QuantizeError::Budget {
                budget: all / 2 - 1,
                all_int8: all,
                all_int4: all / 2
            }
        );
    }
}
