use serde_json::Number;

use super::document::Kind;

/// What a plain (unquoted) scalar is under the core schema of YAML 1.2, or why it cannot be taken.
///
/// `yes`, `no`, `on` and `off` are text there; only `true` and `false` are booleans.
pub(super) fn plain(text: &str) -> Result<Kind, NotFinite> {
    let kind = match text {
        "" | "~" | "null" | "Null" | "NULL" => Kind::Null,
        "true" | "True" | "TRUE" => Kind::Boolean(true),
        "false" | "False" | "FALSE" => Kind::Boolean(false),
        _ => match number(text) {
            Some(number) => Kind::Number(number?, text.into()),
            None => Kind::Text(text.into()),
        },
    };
    Ok(kind)
}

/// A number in YAML that JSON has no form for: infinite, not a number, or an integer beyond 64 bits.
pub(super) struct NotFinite;

fn number(text: &str) -> Option<Result<Number, NotFinite>> {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    if !unsigned.starts_with(|first: char| first.is_ascii_digit() || first == '.') {
        return None;
    }
    if matches!(unsigned, ".inf" | ".Inf" | ".INF") || matches!(text, ".nan" | ".NaN" | ".NAN") {
        return Some(Err(NotFinite));
    }
    if let Some((digits, radix)) = radix(text) {
        return digits.chars().all(|digit| digit.is_digit(radix)).then(|| {
            let integer = u64::from_str_radix(digits, radix);
            integer.map(Number::from).map_err(|_| NotFinite)
        });
    }
    if unsigned.bytes().all(|byte| byte.is_ascii_digit()) {
        return Some(integer(text));
    }
    is_float(unsigned).then(|| {
        let float = text.parse::<f64>().ok();
        float.and_then(Number::from_f64).ok_or(NotFinite)
    })
}

fn radix(text: &str) -> Option<(&str, u32)> {
    let (digits, radix) = match text.split_at_checked(2)? {
        ("0x", digits) => (digits, 16),
        ("0o", digits) => (digits, 8),
        _ => return None,
    };
    (!digits.is_empty()).then_some((digits, radix))
}

fn integer(text: &str) -> Result<Number, NotFinite> {
    let signed = text.parse::<i64>().map(Number::from);
    signed.or_else(|_| text.parse::<u64>().map(Number::from)).map_err(|_| NotFinite)
}

/// Digits with a point somewhere, and perhaps an exponent.
fn is_float(unsigned: &str) -> bool {
    let (mantissa, exponent) = unsigned.split_once(['e', 'E']).map_or((unsigned, None), |(a, b)| (a, Some(b)));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let exponent_fits = exponent.is_none_or(|exponent| {
        let magnitude = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
        !magnitude.is_empty() && digits(magnitude)
    });
    digits(whole) && digits(fraction) && whole.len() + fraction.len() > 0 && exponent_fits
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(text: &str) -> String {
        match plain(text) {
            Ok(Kind::Null) => "null".into(),
            Ok(Kind::Boolean(value)) => value.to_string(),
            Ok(Kind::Number(value, _)) => value.to_string(),
            Ok(Kind::Text(value)) => format!("{value:?}"),
            Ok(_) => "other".into(),
            Err(NotFinite) => "refused".into(),
        }
    }

    #[test]
    fn plain_scalars_follow_the_core_schema() {
        let cases = [
            ("", "null"),
            ("~", "null"),
            ("Null", "null"),
            ("nULL", "\"nULL\""),
            ("TRUE", "true"),
            ("tRUE", "\"tRUE\""),
            ("yes", "\"yes\""),
            ("off", "\"off\""),
            ("012", "12"),
            ("-7", "-7"),
            ("+7", "7"),
            ("0o17", "15"),
            ("0xfF", "255"),
            ("0x", "\"0x\""),
            ("-0x1", "\"-0x1\""),
            ("18446744073709551615", "18446744073709551615"),
            ("18446744073709551616", "refused"),
            ("1.", "1.0"),
            (".5", "0.5"),
            (".", "\".\""),
            ("1e3", "1000.0"),
            ("1e", "\"1e\""),
            ("1e999", "refused"),
            ("-.inf", "refused"),
            (".nan", "refused"),
            ("-.nan", "\"-.nan\""),
            ("1.0.0", "\"1.0.0\""),
            ("2026-01-01", "\"2026-01-01\""),
            ("1_000", "\"1_000\""),
        ];
        for (text, expected) in cases {
            assert_eq!(json(text), expected, "for {text:?}");
        }
    }
}
