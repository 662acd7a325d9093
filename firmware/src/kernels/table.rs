//! Table activation: any function of one int8, as 256 entries.

/// `output[i] = entries[input[i] + 128]`, over the shorter of both.
pub fn table(entries: &[u8; 256], input: &[i8], output: &mut [i8]) {
    for (y, &x) in output.iter_mut().zip(input) {
        *y = look_up(entries, x);
    }
}

/// `data[i] = entries[data[i] + 128]`.
pub fn table_in_place(entries: &[u8; 256], data: &mut [i8]) {
    for x in data {
        *x = look_up(entries, *x);
    }
}

#[inline(always)]
fn look_up(entries: &[u8; 256], x: i8) -> i8 {
    // Adding 128 to a two's complement byte flips its upper bit.
    entries[usize::from(x as u8 ^ 0x80)] as i8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_entry_is_found_in_place_and_not() {
        let entries: [u8; 256] =
            core::array::from_fn(|i| (i as u8).wrapping_mul(77).wrapping_add(5));
        let input: [i8; 256] = core::array::from_fn(|i| (i as i16 - 128) as i8);
        let mut output = [0; 258];
        table(&entries, &input, &mut output[1..257]);
        let mut in_place = input;
        table_in_place(&entries, &mut in_place);
        for (i, &entry) in entries.iter().enumerate() {
            assert_eq!(output[i + 1], entry as i8, "input {}", i as i16 - 128);
            assert_eq!(
                in_place[i],
                entry as i8,
                "in place, input {}",
                i as i16 - 128
            );
        }
        assert_eq!((output[0], output[257]), (0, 0));
    }
}
