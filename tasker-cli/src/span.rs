//! Spans of time, as people write and read them.

use std::time::Duration;

/// Reads `500ms`, `30s`, `1.5s`, `2m` or `1h`.
///
/// # Errors
/// A text for people when it is none of these.
pub(crate) fn parse(text: &str) -> Result<Duration, String> {
    let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let seconds = match unit {
        "ms" => 0.001,
        "s" | "" => 1.0,
        "m" => 60.0,
        "h" => 3_600.0,
        _ => return Err(format!("`{unit}` is no unit of time: write 500ms, 30s, 2m or 1h")),
    };
    let number: f64 = number.parse().map_err(|_| "write a number and a unit: 500ms, 30s, 2m or 1h".to_owned())?;
    let span =
        Duration::try_from_secs_f64(number * seconds).ok().filter(|span| *span <= Duration::from_secs(31_536_000));
    span.ok_or_else(|| "at most a year".to_owned())
}

/// How long a worker that went silent keeps a step.
///
/// # Errors
/// A text for people when it is no time, or one that no lease may have.
pub(crate) fn parse_lease(text: &str) -> Result<Duration, String> {
    let lease = parse(text)?;
    let range = Duration::from_millis(500)..=Duration::from_secs(3_600);
    if range.contains(&lease) { Ok(lease) } else { Err("write a time between 500ms and 1h".to_owned()) }
}

/// `850 µs`, `12 ms`, `1.2 s`, `2m 05s`, `3h 04m`.
pub(crate) fn show(span: Duration) -> String {
    let (seconds, millis) = (span.as_secs(), span.as_millis());
    match seconds {
        0 if millis == 0 => format!("{} µs", span.as_micros()),
        0 => format!("{millis} ms"),
        1..60 => format!("{}.{} s", seconds, (millis % 1_000) / 100),
        60..3_600 => format!("{}m {:02}s", seconds / 60, seconds % 60),
        _ => format!("{}h {:02}m", seconds / 3_600, seconds % 3_600 / 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_read_in_every_unit() {
        let read = ["500ms", "1.5s", "30", "2m", "1h"].map(|text| parse(text).map(|span| span.as_millis()));
        assert_eq!(read, [Ok(500), Ok(1_500), Ok(30_000), Ok(120_000), Ok(3_600_000)]);
        for text in ["", "s", "1d", "-1s", "1.2.3s", "99999999h", "1 s"] {
            assert!(parse(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn spans_are_short_to_read() {
        let shown =
            [400, 12_345, 1_290_000, 125_000_000, 11_045_000_000].map(|micros| show(Duration::from_micros(micros)));
        assert_eq!(shown, ["400 µs", "12 ms", "1.2 s", "2m 05s", "3h 04m"]);
    }
}
