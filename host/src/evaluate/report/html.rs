//! The page: a single file that needs no network, readable in light and dark, wide and narrow, and
//! by a screen reader.

use super::charts::{STYLES, bars, curves};
use super::escape::escape;
use super::figures::{ENLARGED, Figure, difference, sheet};
use super::lines::{LINES, number};
use crate::evaluate::metrics::Estimate;
use crate::evaluate::source::SampleKind;
use crate::evaluate::{EvaluateError, Evaluation, Row};
use std::fmt::Write;

/// The page's style, which stands in the page.
const STYLE: &str = include_str!("style.css");

/// The whole page.
///
/// # Errors
/// [`EvaluateError::Picture`].
pub fn page(evaluation: &Evaluation) -> Result<String, EvaluateError> {
    let mut targets: Vec<&str> = evaluation
        .rows
        .iter()
        .skip(1)
        .map(|r| r.target.as_str())
        .collect();
    targets.dedup();
    let title = match targets.as_slice() {
        [] => format!("Evaluation of {}", evaluation.dataset.name),
        targets => format!("Evaluation of {}", targets.join(", ")),
    };
    let mut page = String::new();
    // Writing to a string cannot fail.
    let _ = write!(
        page,
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" \
         content=\"width=device-width, initial-scale=1\">\n<title>{title}</title>\n<style>\n{STYLE}</style>\n</head>\n\
         <body>\n<header>\n<h1>{title}</h1>\n{}</header>\n<main>\n",
        summary(evaluation),
        title = escape(&title),
    );
    page += &numbers(evaluation);
    page += &pictures(evaluation)?;
    page += &classes(evaluation);
    page += &training(evaluation);
    page += &meanings(evaluation);
    page += "</main>\n</body>\n</html>\n";
    Ok(page)
}

/// What everything was measured with.
fn summary(evaluation: &Evaluation) -> String {
    let dataset = &evaluation.dataset;
    let mut text = format!(
        "<p>Compared with {} test pictures of {}; {} pictures of each were asked for, seed {}. The first column of numbers \
         are {} training pictures, measured like the others: what real pictures reach at this N.</p>\n",
        dataset.test,
        escape(&dataset.name),
        evaluation.n,
        evaluation.seed,
        evaluation.rows.first().map_or(0, |row| row.pictures),
    );
    if dataset.test_sha256.is_none() {
        text += "<p>The dataset has no test pictures: every sixth picture serves, which models were trained on.</p>\n";
    }
    let classifier = &evaluation.classifier;
    let _ = writeln!(
        text,
        "<p>Classifier {}: right on {} of the test pictures, {} features; SHA-256 <code>{}</code>. Thumbgen {}.</p>",
        escape(&classifier.file),
        number(classifier.test_accuracy),
        classifier.features,
        escape(&classifier.sha256),
        evaluation.thumbgen,
    );
    text
}

/// The head of a table: one column a set of pictures.
fn head(evaluation: &Evaluation, first: &str) -> String {
    let mut text = format!("<thead>\n<tr><th scope=\"col\">{first}</th>");
    for row in &evaluation.rows {
        let _ = write!(
            text,
            "<th scope=\"col\">{} <span class=\"kind\">{}</span> <span class=\"n\">N {}</span></th>",
            escape(&row.target),
            row.kind.name(),
            row.pictures
        );
    }
    text + "</tr>\n</thead>\n<tbody>\n"
}

fn cell(estimate: Option<Estimate>, n: usize) -> String {
    let Some(estimate) = estimate else {
        return "<td class=\"none\">–</td>".to_owned();
    };
    let mut text = format!("<td>{}", number(estimate.value));
    if let Some([low, high]) = estimate.interval {
        let _ = write!(
            text,
            " <span class=\"interval\">{} to {}</span>",
            number(low),
            number(high)
        );
    }
    if estimate.n != n {
        let _ = write!(text, " <span class=\"n\">N {}</span>", estimate.n);
    }
    text + "</td>"
}

fn numbers(evaluation: &Evaluation) -> String {
    let mut text = format!(
        "<section>\n<h2>Numbers</h2>\n<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"Numbers\">\n<table>\n\
         <caption>Small: 95 % interval.</caption>\n{}",
        head(evaluation, "number")
    );
    for line in &LINES {
        let cells: Vec<Option<Estimate>> = evaluation
            .rows
            .iter()
            .map(|row| (line.value)(&row.scores))
            .collect();
        if cells.iter().all(Option::is_none) {
            continue;
        }
        let _ = write!(
            text,
            "<tr><th scope=\"row\">{} <span class=\"kind\">{}</span></th>",
            line.name,
            line.better.word()
        );
        for (estimate, row) in cells.into_iter().zip(&evaluation.rows) {
            text += &cell(estimate, row.pictures);
        }
        text += "</tr>\n";
    }
    text += "</tbody>\n</table>\n</div>\n";
    for difference in &evaluation.differences {
        let _ = writeln!(
            text,
            "<p>{}, integer less float: Frechet distance {}, {} grey levels a pixel on average and {} at most, on {} \
             pictures.</p>",
            escape(&difference.target),
            number(difference.frechet_distance),
            number(difference.mean_grey),
            difference.largest_grey,
            difference.n
        );
    }
    text + "</section>\n"
}

/// Grids: real, then every target's sets, float and integer with their difference.
fn pictures(evaluation: &Evaluation) -> Result<String, EvaluateError> {
    let classes = evaluation.dataset.classes.len();
    let mut text = "<section>\n<h2>Pictures</h2>\n<div class=\"grids\">\n".to_owned();
    let mut before: Option<&Row> = None;
    for row in &evaluation.rows {
        let (name, kind) = (escape(&row.target), row.kind.name());
        let what = match row.kind {
            SampleKind::Real => "real pictures".to_owned(),
            SampleKind::Pictures => "pictures of the folder".to_owned(),
            SampleKind::Float | SampleKind::Integer => format!("{kind} model"),
        };
        let order = if row.conditional && classes <= 10 {
            ", one column a class"
        } else {
            ""
        };
        let sheet_of_row = sheet(&row.shown, classes)?;
        let caption = format!("{name}, {what}{order}");
        text += &figure(
            &sheet_of_row,
            &caption,
            &format!("{} pictures of {name}, {what}{order}", row.shown.len()),
        );
        if let Some(float) = before.filter(|before| pair(before, row)) {
            let apart = sheet(&difference(&float.shown, &row.shown), classes)?;
            let caption = format!("{name}, float and integer apart, {ENLARGED} times");
            let alt = format!(
                "Absolute difference of the two grids of {name}, enlarged {ENLARGED} times; black is equal"
            );
            text += &figure(&apart, &caption, &alt);
        }
        before = Some(row);
    }
    Ok(text + "</div>\n</section>\n")
}

/// Whether two rows are a model's float and integer pictures of the same points.
fn pair(float: &Row, integer: &Row) -> bool {
    float.kind == SampleKind::Float
        && integer.kind == SampleKind::Integer
        && float.target == integer.target
        && float.shown.images.len() == integer.shown.images.len()
}

fn figure(figure: &Figure, caption: &str, alt: &str) -> String {
    format!(
        "<figure><img src=\"{}\" width=\"{}\" height=\"{}\" alt=\"{alt}\"><figcaption>{caption}</figcaption></figure>\n",
        figure.uri, figure.width, figure.height
    )
}

/// A bar a class, for every set, all to one scale; and the same as a table.
fn classes(evaluation: &Evaluation) -> String {
    let names = &evaluation.dataset.classes;
    let shares = evaluation.rows.iter().flat_map(|row| {
        let own = &row.scores.classes;
        own.shares
            .iter()
            .map(|share| share.value)
            .chain(own.expected.iter().copied())
    });
    let high = shares.fold(0.0, f64::max) * 1.1;
    let mut text = "<section>\n<h2>Classes</h2>\n<p>The part of the pictures that the classifier takes for each class; the \
                    rule across each bar is what is expected.</p>\n<div class=\"charts\">\n"
        .to_owned();
    for row in &evaluation.rows {
        let title = format!("{} {}", row.target, row.kind.name());
        let own = &row.scores.classes;
        let chart = bars(
            &format!("Share of each class, {title}"),
            names,
            &own.shares,
            &own.expected,
            high,
        );
        let _ = writeln!(
            text,
            "<figure>{chart}<figcaption>share, {}</figcaption></figure>",
            escape(&title)
        );
    }
    let labelled = || {
        evaluation
            .rows
            .iter()
            .filter(|row| row.kind != SampleKind::Real)
    };
    for row in labelled() {
        let Some(labels) = &row.scores.labels else {
            continue;
        };
        let title = format!("{} {}", row.target, row.kind.name());
        let chart = bars(
            &format!("Label accuracy of each class, {title}"),
            names,
            &labels.accuracy_of_class,
            &[],
            1.0,
        );
        let _ = writeln!(
            text,
            "<figure>{chart}<figcaption>label accuracy, {}</figcaption></figure>",
            escape(&title)
        );
    }
    let _ = write!(
        text,
        "</div>\n<details>\n<summary>Shares as a table</summary>\n<div class=\"scroll\" tabindex=\"0\" role=\"region\" \
         aria-label=\"Shares of classes\">\n<table>\n{}",
        head(evaluation, "class")
    );
    for (class, name) in names.iter().enumerate() {
        let _ = write!(text, "<tr><th scope=\"row\">{}</th>", escape(name));
        for row in &evaluation.rows {
            text += &cell(row.scores.classes.shares.get(class).copied(), row.pictures);
        }
        text += "</tr>\n";
    }
    text + "</tbody>\n</table>\n</div>\n</details>\n</section>\n"
}

/// A chart for everything that the runs recorded.
fn training(evaluation: &Evaluation) -> String {
    let runs = &evaluation.training;
    let mut names: Vec<&str> = runs
        .iter()
        .flat_map(|run| &run.curves)
        .map(|c| c.name.as_str())
        .collect();
    names.sort_unstable();
    names.dedup();
    if names.is_empty() {
        return String::new();
    }
    let mut text = "<section>\n<h2>Training</h2>\n<ul class=\"legend\">\n".to_owned();
    for (index, run) in runs.iter().enumerate() {
        let _ = writeln!(
            text,
            "<li><svg viewBox=\"0 0 40 10\" aria-hidden=\"true\"><polyline class=\"curve s{}\" points=\"0,5 40,5\"/></svg>{}</li>",
            index % STYLES,
            escape(&run.target)
        );
    }
    text += "</ul>\n<div class=\"charts\">\n";
    for name in names {
        let title = escape(&name.replace('_', " "));
        let _ = writeln!(
            text,
            "<figure>{}<figcaption>{title}, over steps</figcaption></figure>",
            curves(name, runs)
        );
    }
    text + "</div>\n</section>\n"
}

/// What each number says.
fn meanings(evaluation: &Evaluation) -> String {
    let mut text = "<section>\n<h2>What the numbers say</h2>\n<dl>\n".to_owned();
    for line in &LINES {
        if evaluation
            .rows
            .iter()
            .any(|row| (line.value)(&row.scores).is_some())
        {
            let _ = writeln!(
                text,
                "<dt>{} ({})</dt><dd>{}</dd>",
                line.name,
                line.better.word(),
                line.meaning
            );
        }
    }
    text + "</dl>\n</section>\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_gets_out_of_its_place() {
        assert_eq!(
            escape("<a href=\"x\">'&"),
            "&lt;a href=&quot;x&quot;&gt;&#39;&amp;"
        );
    }
}
