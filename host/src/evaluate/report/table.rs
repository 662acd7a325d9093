//! The table on a terminal: one line a number, one column a set of pictures.

use super::lines::{LINES, number};
use crate::evaluate::metrics::Estimate;
use crate::evaluate::{Evaluation, Row};

/// A column's head: the target, and what made its pictures.
pub fn head(row: &Row) -> [String; 2] {
    [
        row.target.clone(),
        format!("{}, N {}", row.kind.name(), row.pictures),
    ]
}

/// "0.982 ±0.003"; with N where it is not the column's.
fn cell(estimate: Option<Estimate>, n: usize) -> String {
    let Some(estimate) = estimate else {
        return "-".to_owned();
    };
    let mut text = number(estimate.value);
    if let Some([low, high]) = estimate.interval {
        text += &format!(" ±{}", number((high - low) / 2.0));
    }
    if estimate.n != n {
        text += &format!(" (N {})", estimate.n);
    }
    text
}

/// The whole table. ± is half of the 95 % interval.
pub fn table(evaluation: &Evaluation) -> String {
    let mut lines: Vec<Vec<String>> = Vec::new();
    for part in 0..2 {
        let names = evaluation.rows.iter().map(|row| head(row)[part].clone());
        lines.push(std::iter::once(String::new()).chain(names).collect());
    }
    for line in &LINES {
        let cells: Vec<String> = evaluation
            .rows
            .iter()
            .map(|row| cell((line.value)(&row.scores), row.pictures))
            .collect();
        if cells.iter().any(|cell| cell != "-") {
            let name = format!("{} {}", line.name, line.better.sign());
            lines.push(std::iter::once(name).chain(cells).collect());
        }
    }
    for (class, name) in evaluation.dataset.classes.iter().enumerate() {
        let cells = evaluation
            .rows
            .iter()
            .map(|row| cell(row.scores.classes.shares.get(class).copied(), row.pictures));
        lines.push(
            std::iter::once(format!("share of {name}"))
                .chain(cells)
                .collect(),
        );
    }
    let mut text = aligned(&lines);
    text += &format!(
        "v lower is better, ^ higher, = as real pictures; ±: half of the 95 % interval; compared with {} test pictures of \
         {}\nclassifier {}: {} of them right, SHA-256 {}",
        evaluation.dataset.test,
        evaluation.dataset.name,
        evaluation.classifier.file,
        number(evaluation.classifier.test_accuracy),
        evaluation.classifier.sha256,
    );
    if evaluation.dataset.test_sha256.is_none() {
        text += "\nthe dataset has no test pictures: every sixth picture serves, which models were trained on";
    }
    for difference in &evaluation.differences {
        text += &format!(
            "\n{}, integer less float: Frechet distance {}, {} grey levels a pixel, {} at most (N {})",
            difference.target,
            number(difference.frechet_distance),
            number(difference.mean_grey),
            difference.largest_grey,
            difference.n,
        );
    }
    text
}

/// Columns of equal width, the first to the left and the others to the right.
fn aligned(lines: &[Vec<String>]) -> String {
    let columns = lines.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        let cells = lines.iter().filter_map(|line| line.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let mut text = String::new();
    for line in lines {
        let mut row = String::new();
        for (column, (cell, &width)) in line.iter().zip(&widths).enumerate() {
            match column {
                0 => row += &format!("{cell:width$}"),
                _ => row += &format!("  {cell:>width$}"),
            }
        }
        text += row.trim_end();
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_say_what_they_know() {
        let estimate = Estimate {
            value: 0.5,
            interval: Some([0.4, 0.6]),
            n: 100,
        };
        assert_eq!(cell(Some(estimate), 100), "0.5000 ±0.1000");
        assert_eq!(cell(Some(estimate), 50), "0.5000 ±0.1000 (N 100)");
        assert_eq!(cell(None, 50), "-");
    }

    #[test]
    fn columns_are_aligned() {
        let lines = [vec!["a", "1", "x"], vec!["long", "22", ""]];
        let lines = lines.map(|line| line.into_iter().map(str::to_owned).collect());
        assert_eq!(aligned(&lines), "a      1  x\nlong  22\n");
    }
}
