//! Charts of a report as inline SVG: bars of classes and curves of training. Colours come from the
//! page's style, so that they suit light and dark; curves differ by dashes as well.

use super::escape::escape;
use super::lines::number;
use crate::evaluate::metrics::Estimate;
use crate::evaluate::training::Training;
use std::fmt::Write;

/// Size of a chart in its own units; the page scales it.
const WIDTH: f64 = 360.0;
const HEIGHT: f64 = 200.0;

/// Units around the frame.
const LEFT: f64 = 46.0;
const RIGHT: f64 = 8.0;
const ABOVE: f64 = 10.0;
const BELOW: f64 = 26.0;

/// Styles of curves that a page has: as many colours and dashes.
pub const STYLES: usize = 6;

/// Where values lie on the frame.
struct Frame {
    low: f64,
    high: f64,
}

impl Frame {
    fn y(&self, value: f64) -> f64 {
        let part = (value - self.low) / (self.high - self.low);
        HEIGHT - BELOW - part.clamp(0.0, 1.0) * (HEIGHT - ABOVE - BELOW)
    }

    /// The picture's first element and its horizontal rules, each with its value.
    fn open(&self, label: &str) -> String {
        let mut svg = format!(
            "<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"{}\">",
            escape(label)
        );
        let tick = tick(self.high - self.low);
        let mut value = (self.low / tick).ceil() * tick;
        while value <= self.high + tick * 1e-9 {
            let y = self.y(value);
            // Writing to a string cannot fail.
            let _ = write!(
                svg,
                "<line class=\"rule\" x1=\"{LEFT}\" x2=\"{:.1}\" y1=\"{y:.1}\" y2=\"{y:.1}\"/><text x=\"{:.1}\" y=\"{:.1}\" \
                 text-anchor=\"end\">{}</text>",
                WIDTH - RIGHT,
                LEFT - 5.0,
                y + 4.0,
                short(value)
            );
            value += tick;
        }
        svg
    }
}

/// One bar a class with its interval, and a mark at what is expected. `high` is the value at the
/// top.
pub fn bars(
    label: &str,
    names: &[String],
    values: &[Estimate],
    marks: &[f64],
    high: f64,
) -> String {
    let frame = Frame {
        low: 0.0,
        high: if high > 0.0 && high.is_finite() {
            high
        } else {
            1.0
        },
    };
    let mut svg = frame.open(label);
    let slot = (WIDTH - LEFT - RIGHT) / names.len().max(1) as f64;
    for (class, (name, estimate)) in names.iter().zip(values).enumerate() {
        let left = LEFT + slot * class as f64;
        let middle = left + slot / 2.0;
        // A class without pictures has no bar.
        let value = if estimate.value.is_finite() {
            estimate.value
        } else {
            0.0
        };
        let (top, bottom) = (frame.y(value), frame.y(0.0));
        let _ = write!(
            svg,
            "<rect class=\"bar\" x=\"{:.1}\" y=\"{top:.1}\" width=\"{:.1}\" height=\"{:.1}\"><title>{}: {}</title></rect>",
            left + slot * 0.15,
            slot * 0.7,
            (bottom - top).max(0.0),
            escape(name),
            number(estimate.value)
        );
        if let Some([low, high]) = estimate.interval {
            let _ = write!(
                svg,
                "<line class=\"whisker\" x1=\"{middle:.1}\" x2=\"{middle:.1}\" y1=\"{:.1}\" y2=\"{:.1}\"/>",
                frame.y(low),
                frame.y(high)
            );
        }
        if let Some(&mark) = marks.get(class) {
            let y = frame.y(mark);
            let _ = write!(
                svg,
                "<line class=\"mark\" x1=\"{left:.1}\" x2=\"{:.1}\" y1=\"{y:.1}\" y2=\"{y:.1}\"/>",
                left + slot
            );
        }
        // Long names of many classes would run into each other.
        let fits = (slot / 6.5) as usize;
        let short: String = name.chars().take(fits.max(1)).collect();
        let _ = write!(
            svg,
            "<text x=\"{middle:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>",
            HEIGHT - 9.0,
            escape(&short)
        );
    }
    svg + "</svg>"
}

/// One curve of all runs that have it.
pub fn curves(name: &str, runs: &[Training]) -> String {
    let of = |run: &Training| {
        let curve = run.curves.iter().find(|curve| curve.name == name);
        curve.map(|curve| curve.points.clone()).unwrap_or_default()
    };
    let all: Vec<Vec<(f64, f64)>> = runs.iter().map(of).collect();
    let values = || all.iter().flatten().map(|point| point.1);
    let (low, high) = (
        values().fold(0.0, f64::min),
        values().fold(f64::NEG_INFINITY, f64::max),
    );
    let high = if high > low { high } else { low + 1.0 };
    let rule = tick(high - low);
    let frame = Frame {
        low: (low / rule).floor() * rule,
        high: (high / rule).ceil() * rule,
    };
    let steps = all
        .iter()
        .flatten()
        .map(|point| point.0)
        .fold(1.0, f64::max);
    let label = format!(
        "{} over {} steps of {}",
        name.replace('_', " "),
        short(steps),
        runs.iter()
            .map(|run| run.target.as_str())
            .collect::<Vec<_>>()
            .join(", ")
    );
    let mut svg = frame.open(&label);
    let x = |step: f64| LEFT + step / steps * (WIDTH - LEFT - RIGHT);
    let tick = tick(steps);
    // At most seven.
    for i in 0..=(steps / tick).floor() as u32 {
        let step = f64::from(i) * tick;
        let anchor = if x(step) > WIDTH - 30.0 {
            "end"
        } else {
            "middle"
        };
        let _ = write!(
            svg,
            "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"{anchor}\">{}</text>",
            x(step),
            HEIGHT - 9.0,
            short(step)
        );
    }
    for (index, points) in all.iter().enumerate() {
        let path: Vec<String> = points
            .iter()
            .map(|&(step, value)| format!("{:.1},{:.1}", x(step), frame.y(value)))
            .collect();
        let _ = write!(
            svg,
            "<polyline class=\"curve s{}\" points=\"{}\"/>",
            index % STYLES,
            path.join(" ")
        );
    }
    svg + "</svg>"
}

/// A round distance between rules: three to seven of them.
fn tick(span: f64) -> f64 {
    let span = if span > 0.0 && span.is_finite() {
        span
    } else {
        1.0
    };
    let rough = span / 6.0;
    let power = 10f64.powf(rough.log10().floor());
    let factor = [1.0, 2.0, 5.0]
        .into_iter()
        .find(|factor| factor * power >= rough);
    factor.unwrap_or(10.0) * power
}

/// "0.25", "12", "20k".
fn short(value: f64) -> String {
    if value.abs() >= 10_000.0 {
        return format!(
            "{}k",
            number(value / 1000.0)
                .trim_end_matches('0')
                .trim_end_matches('.')
        );
    }
    let text = format!("{value:.3}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text == "-0" {
        "0".to_owned()
    } else {
        text.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evaluate::training::Curve;

    #[test]
    fn rules_are_round_and_few() {
        for (span, expected) in [
            (1.0, 0.2),
            (0.13, 0.05),
            (20_000.0, 5000.0),
            (0.0, 0.2),
            (f64::NAN, 0.2),
        ] {
            assert!(
                (tick(span) - expected).abs() < 1e-9,
                "{span}: {}",
                tick(span)
            );
        }
        assert_eq!(
            [short(0.25), short(12.0), short(20_000.0)],
            ["0.25", "12", "20k"]
        );
    }

    #[test]
    fn every_class_has_its_bar_and_its_mark() {
        let names: Vec<String> = ["0", "1<"].map(str::to_owned).to_vec();
        let value = Estimate {
            value: 0.5,
            interval: Some([0.4, 0.6]),
            n: 10,
        };
        let svg = bars("shares of \"x\"", &names, &[value, value], &[0.5, 0.5], 0.0);
        for (part, count) in [
            ("class=\"bar\"", 2),
            ("class=\"mark\"", 2),
            ("class=\"whisker\"", 2),
        ] {
            assert_eq!(svg.matches(part).count(), count, "{part}");
        }
        assert!(
            svg.contains("&lt;") && svg.contains("&quot;x&quot;"),
            "escaped: {svg}"
        );
    }

    #[test]
    fn runs_share_a_chart() {
        let run = |target: &str, name: &str| Training {
            target: target.to_owned(),
            curves: vec![Curve {
                name: name.to_owned(),
                points: vec![(0.0, 2.0), (100.0, -1.0)],
            }],
        };
        let svg = curves(
            "loss",
            &[run("a", "loss"), run("b", "other"), run("c", "loss")],
        );
        assert_eq!(svg.matches("<polyline").count(), 3);
        assert_eq!(svg.matches("points=\"\"").count(), 1, "b has none");
        assert!(!svg.contains("NaN") && !svg.contains("inf"), "{svg}");
        assert!(!curves("none", &[run("a", "loss")]).contains("NaN"));
    }
}
