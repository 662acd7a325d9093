//! The numbers of a report, one a line: name, which way is better, where to find it.

use crate::evaluate::metrics::Estimate;
use crate::evaluate::scores::Scores;

/// Which way is better.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Better {
    /// Less.
    Lower,
    /// More.
    Higher,
    /// As real pictures have it.
    Real,
}

impl Better {
    /// A word for it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Lower => "lower is better",
            Self::Higher => "higher is better",
            Self::Real => "as real pictures",
        }
    }

    /// A sign for it.
    pub const fn sign(self) -> &'static str {
        match self {
            Self::Lower => "v",
            Self::Higher => "^",
            Self::Real => "=",
        }
    }
}

/// One number of every set.
pub struct Line {
    /// What it is called.
    pub name: &'static str,
    /// Which way is better.
    pub better: Better,
    /// What it says, in a sentence.
    pub meaning: &'static str,
    /// The number; `None` where a set has none.
    pub value: fn(&Scores) -> Option<Estimate>,
}

/// A number without an interval.
fn plain(value: f64, n: usize) -> Option<Estimate> {
    Some(Estimate {
        value,
        interval: None,
        n,
    })
}

/// All lines, in the order that they are shown.
pub const LINES: [Line; 15] = [
    Line {
        name: "Frechet distance",
        better: Better::Lower,
        meaning: "Distance of two normal distributions fitted to the features of these and of the test pictures.",
        value: |s| Some(s.frechet_distance),
    },
    Line {
        name: "Inception Score",
        better: Better::Higher,
        meaning: "Whether the classifier is sure of each picture and finds all classes; at most the number of classes.",
        value: |s| Some(s.inception_score),
    },
    Line {
        name: "kernel distance",
        better: Better::Lower,
        meaning: "Maximum mean discrepancy of the features with a cubic kernel (KID); may be a little below 0.",
        value: |s| Some(s.kernel_distance),
    },
    Line {
        name: "precision",
        better: Better::Higher,
        meaning: "Part of the pictures that lie where test pictures lie.",
        value: |s| Some(s.precision),
    },
    Line {
        name: "recall",
        better: Better::Higher,
        meaning: "Part of the test pictures that lie where these pictures lie.",
        value: |s| Some(s.recall),
    },
    Line {
        name: "density",
        better: Better::Higher,
        meaning: "How densely test pictures lie around these; 1 for real pictures, more for those that play safe.",
        value: |s| Some(s.density),
    },
    Line {
        name: "coverage",
        better: Better::Higher,
        meaning: "Part of the test pictures that have one of these as a near neighbour.",
        value: |s| Some(s.coverage),
    },
    Line {
        name: "label accuracy",
        better: Better::Higher,
        meaning: "Part of the pictures that the classifier takes for the class that was asked for.",
        value: |s| s.labels.as_ref().map(|labels| labels.accuracy),
    },
    Line {
        name: "label confidence",
        better: Better::Higher,
        meaning: "Mean probability that the classifier gives the class that was asked for.",
        value: |s| s.labels.as_ref().map(|labels| labels.confidence),
    },
    Line {
        name: "class imbalance",
        better: Better::Lower,
        meaning: "How far the share of the worst class is from what it should be: 0.2 is a fifth too many or too few.",
        value: |s| plain(s.classes.class_imbalance, s.duplicates.near.n),
    },
    Line {
        name: "near copies of training",
        better: Better::Lower,
        meaning: "Part of the pictures that have one training picture three times as near as any other. In the column of real pictures, here and in the next two lines: the test pictures.",
        value: |s| Some(s.memorisation.near_copies),
    },
    Line {
        name: "distance to training",
        better: Better::Real,
        meaning: "Median distance to the nearest training picture, in grey levels (root mean square).",
        value: |s| plain(s.memorisation.median_distance, s.memorisation.near_copies.n),
    },
    Line {
        name: "farther than test pictures",
        better: Better::Real,
        meaning: "Probability that a picture lies farther from the training pictures than a test picture: 0.5 where they lie alike, towards 0 where they are copied.",
        value: |s| {
            plain(
                s.memorisation.farther_than_test,
                s.memorisation.near_copies.n,
            )
        },
    },
    Line {
        name: "near duplicates",
        better: Better::Lower,
        meaning: "Part of the pictures that another one of the set equals within 5 grey levels (root mean square).",
        value: |s| Some(s.duplicates.near),
    },
    Line {
        name: "exact duplicates",
        better: Better::Lower,
        meaning: "Part of the pictures that another one of the set equals in every pixel.",
        value: |s| plain(s.duplicates.exact, s.duplicates.near.n),
    },
];

/// A number with about four digits.
pub fn number(value: f64) -> String {
    let digits = match value.abs() {
        a if a >= 1000.0 => 0,
        a if a >= 100.0 => 1,
        a if a >= 10.0 => 2,
        a if a >= 1.0 || a == 0.0 => 3,
        _ => 4,
    };
    let text = format!("{value:.digits$}");
    // No "-0.0000".
    match text.strip_prefix('-') {
        Some(rest) if rest.chars().all(|c| matches!(c, '0' | '.')) => rest.to_owned(),
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_keep_about_four_digits() {
        let cases = [
            (0.0, "0.000"),
            (-0.000_01, "0.0000"),
            (0.123_45, "0.1235"),
            (9.876_54, "9.877"),
            (12.345, "12.35"),
            (123.45, "123.5"),
            (-12_345.6, "-12346"),
        ];
        for (value, expected) in cases {
            assert_eq!(number(value), expected);
        }
    }
}
