/// An amount for people to read: `EUR 1,234.05`.
#[must_use]
pub fn amount(cents: u64, currency: &str) -> String {
    let whole = (cents / 100).to_string();
    let mut grouped = String::new();
    for (index, digit) in whole.chars().enumerate() {
        if index > 0 && (whole.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    format!("{currency} {grouped}.{:02}", cents % 100)
}

/// A share of an amount in hundredths of a percent, rounded half up to a whole cent.
#[must_use]
pub fn share(cents: u64, basis_points: u64) -> u64 {
    (cents * basis_points + 5_000) / 10_000
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_grouped_by_thousands() {
        let texts = [5, 100, 99_999, 123_456_789].map(|cents| amount(cents, "EUR"));
        assert_eq!(texts, ["EUR 0.05", "EUR 1.00", "EUR 999.99", "EUR 1,234,567.89"]);
    }

    #[test]
    fn half_a_cent_is_rounded_up() {
        assert_eq!([share(50, 100), share(49, 100), share(250, 1_900)], [1, 0, 48]);
    }
}
