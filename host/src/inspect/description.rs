//! What is said of a file, as a table for people and as JSON.

use super::arena::ArenaMap;
use std::fmt;

/// A line of the table.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize)]
pub struct LayerRow {
    /// The layer's name.
    pub name: String,
    /// What it computes, with its activation.
    pub kind: String,
    /// Shape of the output.
    pub output: String,
    /// Number of weights.
    pub weights: u64,
    /// Multiplications, and elements that are moved, added or looked up: see
    /// [`shared::op::Operator::work`].
    pub work: u64,
    /// Bytes of its data.
    pub bytes: u64,
    /// Exponent of the output.
    pub exponent: Option<i8>,
    /// Smallest and largest shift.
    pub shifts: Option<(u8, u8)>,
    /// The largest magnitude that an accumulator can reach.
    pub largest_accumulator: Option<i64>,
}

/// What a file holds.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Description {
    /// "model image", "float ONNX network" or "ONNX graph".
    pub format: &'static str,
    /// The model's name.
    pub name: String,
    /// Facts in one line each: what it is called, and its value.
    pub facts: Vec<(&'static str, String)>,
    /// The layers, in order of execution.
    pub layers: Vec<LayerRow>,
    /// What lies where in the arena; of a model image.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub arena: Option<ArenaMap>,
}

/// The input in words: elements of the latent vector, and labels.
pub(super) fn input_fact(latent: usize, classes: usize) -> String {
    match classes {
        0 => format!("{latent} (latent)"),
        classes => format!("{latent} + {classes} (latent, one-hot label)"),
    }
}

impl fmt::Display for Description {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}: {}", self.format, self.name)?;
        for (what, value) in self.facts.iter().filter(|(_, value)| !value.is_empty()) {
            writeln!(f, "  {what:<15} {value}")?;
        }
        let optional = |value: Option<String>| value.unwrap_or_else(|| "-".to_owned());
        let header = [
            "layer",
            "kind",
            "output",
            "weights",
            "work",
            "bytes",
            "exponent",
            "shifts",
            "accumulator",
        ];
        let mut rows: Vec<[String; 9]> = vec![header.map(str::to_owned)];
        for row in &self.layers {
            rows.push([
                row.name.clone(),
                row.kind.clone(),
                row.output.clone(),
                row.weights.to_string(),
                row.work.to_string(),
                row.bytes.to_string(),
                optional(row.exponent.map(|e| e.to_string())),
                optional(row.shifts.map(|(low, high)| format!("{low}..{high}"))),
                optional(row.largest_accumulator.map(|a| a.to_string())),
            ]);
        }
        let sum =
            |value: fn(&LayerRow) -> u64| self.layers.iter().map(value).sum::<u64>().to_string();
        let mut total = [const { String::new() }; 9];
        total[0] = "total".to_owned();
        (total[3], total[4], total[5]) = (sum(|r| r.weights), sum(|r| r.work), sum(|r| r.bytes));
        total[8] = optional(
            self.layers
                .iter()
                .filter_map(|r| r.largest_accumulator)
                .max()
                .map(|a| a.to_string()),
        );
        rows.push(total);
        // Columns that no layer fills stay away.
        let shown = |column: usize| {
            rows[1..rows.len() - 1]
                .iter()
                .any(|row| !matches!(row[column].as_str(), "-" | ""))
        };
        let columns: Vec<usize> = (0..9)
            .filter(|&column| column < 6 || shown(column))
            .collect();
        let width = |column: usize| {
            rows.iter()
                .map(|row| row[column].chars().count())
                .max()
                .unwrap_or(0)
        };
        let widths: Vec<usize> = columns.iter().map(|&column| width(column)).collect();
        for row in &rows {
            let mut line = String::new();
            for (&column, &width) in columns.iter().zip(&widths) {
                let cell = &row[column];
                line += &if column < 3 {
                    format!("  {cell:<width$}")
                } else {
                    format!("  {cell:>width$}")
                };
            }
            writeln!(f, "{}", line.trim_end())?;
        }
        if let Some(arena) = &self.arena {
            write!(f, "\n{arena}")?;
        }
        Ok(())
    }
}
