//! What each layer of a picture costs on an emulated core, beside how much it multiplies.

use crate::inspect;
use shared::image::Image;
use std::fmt;

/// What a layer costs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cost {
    /// Its name; `latent vector` for the input.
    pub name: String,
    /// What it computes.
    pub kind: String,
    /// Multiplications, and elements that are moved, added or looked up: see
    /// [`shared::op::Operator::work`].
    pub work: u64,
    /// Instructions of the core, exact to the board's tick.
    pub instructions: u64,
}

impl Cost {
    /// Instructions for a unit of work; `None` where there is none.
    pub fn per_work(&self) -> Option<f64> {
        (self.work > 0).then(|| self.instructions as f64 / self.work as f64)
    }
}

/// A picture's costs: the input first, then each operation of the image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Profile(pub Vec<Cost>);

impl Profile {
    /// Puts what [`profile`](crate::emulator::session::profile) measured, in ticks of so many
    /// instructions, beside an image's operations.
    pub fn new(image: &Image<'_>, ticks: &[u64], instructions_per_tick: u64) -> Self {
        let input = Cost {
            name: "latent vector".to_owned(),
            kind: "PCG32".to_owned(),
            work: 0,
            instructions: 0,
        };
        let layers = inspect::image(image).layers.into_iter().map(|row| Cost {
            name: row.name,
            kind: row.kind,
            work: row.work,
            instructions: 0,
        });
        let mut costs: Vec<Cost> = std::iter::once(input).chain(layers).collect();
        for (cost, ticks) in costs.iter_mut().zip(ticks) {
            cost.instructions = ticks.saturating_mul(instructions_per_tick);
        }
        Self(costs)
    }

    /// All together.
    pub fn total(&self) -> Cost {
        Cost {
            name: "total".to_owned(),
            kind: String::new(),
            work: self.0.iter().map(|cost| cost.work).sum(),
            instructions: self.0.iter().map(|cost| cost.instructions).sum(),
        }
    }
}

impl fmt::Display for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let total = self.total();
        let rows: Vec<[String; 6]> = self
            .0
            .iter()
            .chain([&total])
            .map(|cost| {
                let share = 100.0 * cost.instructions as f64 / total.instructions.max(1) as f64;
                let per_work = cost.per_work();
                [
                    cost.name.clone(),
                    cost.kind.clone(),
                    cost.work.to_string(),
                    cost.instructions.to_string(),
                    per_work.map_or("-".to_owned(), |ratio| format!("{ratio:.2}")),
                    format!("{share:.1} %"),
                ]
            })
            .collect();
        let header = ["layer", "kind", "work", "instructions", "each", "share"];
        let header = header.map(str::to_owned);
        let width = |column: usize| {
            let cells = rows.iter().chain([&header]).map(|row| &row[column]);
            cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
        };
        let widths: [usize; 6] = std::array::from_fn(width);
        for row in [&header].into_iter().chain(&rows) {
            for (column, (cell, width)) in row.iter().zip(widths).enumerate() {
                let gap = if column == 0 { "" } else { "  " };
                if column < 2 {
                    write!(f, "{gap}{cell:<width$}")?;
                } else {
                    write!(f, "{gap}{cell:>width$}")?;
                }
            }
            writeln!(f)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::folder::ModelFiles;

    #[test]
    fn ticks_stand_beside_their_layers() {
        let model = ModelFiles::find("cgan").unwrap().model().unwrap();
        let image = model.image().unwrap();
        let profile = Profile::new(&image, &[2, 100, 200, 300, 10], 5);
        let found: Vec<u64> = profile.0.iter().map(|cost| cost.instructions).collect();
        assert_eq!(found, [10, 500, 1000, 1500, 50]);
        assert_eq!(profile.0[1].per_work(), Some(500.0 / 10752.0));
        assert_eq!(profile.total().instructions, 3060);
        let text = profile.to_string();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 7);
        assert!(lines[0].starts_with("layer") && lines[6].starts_with("total"));
        assert!(lines[6].ends_with("100.0 %"), "{text}");
    }
}
