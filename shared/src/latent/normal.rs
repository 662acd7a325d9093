//! The standard normal distribution in int8, without a float: inversion of the cumulative
//! distribution by a table.

use super::pcg::Pcg32;

/// `THRESHOLDS[m] = round(2^31 * erf((m + 1/2) / (32 * sqrt(2))))`: the probability that a standard
/// normal value, rounded to a multiple of 1/32, has a magnitude of at most `m / 32`, in units of
/// 2^-31.
///
/// Inversion method: Devroye, Non-Uniform Random Variate Generation (1986), section III.2.
/// Magnitudes over 127/32 (3.97 standard deviations, one value in 14,000) are clipped to it.
#[rustfmt::skip]
const THRESHOLDS: [u32; 127] = [
    26771474, 80288286, 133726768, 187034955, 240161262, 293054635, 345664698, 397941894,
    449837631, 501304410, 552295960, 602767362, 652675162, 701977489, 750634152, 798606740,
    845858706, 892355450, 938064388, 982955010, 1026998937, 1070169964, 1112444089, 1153799544,
    1194216806, 1233678607, 1272169930, 1309677997, 1346192253, 1381704335, 1416208041, 1449699283,
    1482176044, 1513638315, 1544088039, 1573529038, 1601966947, 1629409133, 1655864614, 1681343975,
    1705859281, 1729423988, 1752052847, 1773761817, 1794567965, 1814489375, 1833545052, 1851754827,
    1869139269, 1885719585, 1901517537, 1916555350, 1930855629, 1944441273, 1957335399, 1969561261,
    1981142178, 1992101467, 2002462373, 2012248007, 2021481289, 2030184895, 2038381202, 2046092246,
    2053339675, 2060144716, 2066528137, 2072510214, 2078110711, 2083348850, 2088243294, 2092812130,
    2097072859, 2101042378, 2104736983, 2108172356, 2111363569, 2114325082, 2117070745, 2119613807,
    2121966918, 2124142142, 2126150963, 2128004301, 2129712521, 2131285449, 2132732388, 2134062129,
    2135282972, 2136402741, 2137428803, 2138368081, 2139227076, 2140011883, 2140728211, 2141381395,
    2141976422, 2142517939, 2143010278, 2143457468, 2143863254, 2144231108, 2144564252, 2144865666,
    2145138107, 2145384118, 2145606047, 2145806056, 2145986134, 2146148109, 2146293658, 2146424320,
    2146541504, 2146646496, 2146740473, 2146824509, 2146899582, 2146966582, 2147026320, 2147079530,
    2147126880, 2147168974, 2147206358, 2147239528, 2147268929, 2147294965, 2147317997,
];

/// A value of the standard normal distribution, at exponent [`super::EXPONENT`]: `-127..=127` for
/// `-3.97..=3.97`.
///
/// Uses one 32-bit number of the generator: bit 0 is the sign, the others choose the magnitude.
pub fn sample(generator: &mut Pcg32) -> i8 {
    let bits = generator.next_u32();
    let uniform = bits >> 1;
    let magnitude = THRESHOLDS.partition_point(|&threshold| threshold <= uniform);
    // The table has 127 entries, so the magnitude fits.
    let magnitude = magnitude as i8;
    if bits & 1 == 0 { magnitude } else { -magnitude }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thresholds_are_the_error_function() {
        for (m, &threshold) in THRESHOLDS.iter().enumerate() {
            let x = (m as f64 + 0.5) / 32.0 / core::f64::consts::SQRT_2;
            let exact = libm::erf(x) * 2f64.powi(31);
            assert!(
                (f64::from(threshold) - exact).abs() < 0.51,
                "entry {m}: {threshold}, {exact}"
            );
        }
    }

    #[test]
    fn moments_and_tails_are_normal() {
        const N: u32 = 400_000;
        let mut generator = Pcg32::new(7, 1);
        let (mut sum, mut squares, mut fourth) = (0f64, 0f64, 0f64);
        let mut beyond = [0u32; 4];
        for _ in 0..N {
            let z = f64::from(sample(&mut generator)) / 32.0;
            sum += z;
            squares += z * z;
            fourth += z * z * z * z;
            for (k, count) in beyond.iter_mut().enumerate() {
                // Between the grid's points, so that rounding to 1/32 does not move the border.
                *count += u32::from(z.abs() > k as f64 + 1.0 / 64.0);
            }
        }
        let n = f64::from(N);
        // Five standard errors: 5 / sqrt(n) for the mean, 5 sqrt(2 / n) for the variance (rounding
        // adds 1/12 of a squared step, clipping takes less), 5 sqrt(96 / n) for the fourth moment.
        assert!((sum / n).abs() < 0.008, "mean {}", sum / n);
        assert!(
            (squares / n - 1.0).abs() < 0.0115,
            "variance {}",
            squares / n
        );
        assert!(
            (fourth / n - 3.0).abs() < 0.08,
            "fourth moment {}",
            fourth / n
        );
        for (k, &count) in beyond.iter().enumerate() {
            let p = libm::erfc((k as f64 + 1.0 / 64.0) / core::f64::consts::SQRT_2);
            let error = 5.0 * (n * p * (1.0 - p)).sqrt();
            assert!(
                (f64::from(count) - n * p).abs() < error,
                "beyond {k}: {count} of {}",
                n * p
            );
        }
    }

    #[test]
    fn the_extremes_are_symmetric() {
        let mut generator = Pcg32::new(3, 9);
        let (mut low, mut high) = (0i8, 0i8);
        for _ in 0..2_000_000 {
            let z = sample(&mut generator);
            low = low.min(z);
            high = high.max(z);
        }
        assert_eq!((low, high), (-127, 127));
    }
}
