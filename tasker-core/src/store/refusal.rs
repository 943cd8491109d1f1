use super::Error;

/// What a failed statement means to the caller, whichever database it went to.
impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        let text = error.to_string();
        match error {
            sqlx::Error::Configuration(_) => Self::Url(text),
            sqlx::Error::Database(refusal) => of_code(refusal.code().as_deref().unwrap_or_default(), text),
            sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_) | sqlx::Error::ColumnNotFound(_) => {
                Self::Corrupt(text)
            }
            sqlx::Error::Io(_)
            | sqlx::Error::Tls(_)
            | sqlx::Error::Protocol(_)
            | sqlx::Error::PoolTimedOut
            | sqlx::Error::PoolClosed
            | sqlx::Error::WorkerCrashed
            | sqlx::Error::BeginFailed => Self::Unavailable(text),
            _ => Self::Refused(text),
        }
    }
}

/// By the code of the refusal: SQLSTATE has five characters; SQLite has a number, with the kind in its low byte.
fn of_code(code: &str, text: String) -> Error {
    if let ("1", true) = (code, text.contains("no such table") || text.contains("no such column")) {
        return Error::Schema(text);
    }
    if code.len() == 5 {
        return match code {
            "42P01" | "42703" | "3F000" => Error::Schema(text),
            // Rolled back by the database (deadlock, serialisation), cancelled, out of resources, connection, shutdown.
            _ if ["40", "53", "57", "08", "55P03"].iter().any(|class| code.starts_with(class)) => {
                Error::Unavailable(text)
            }
            _ => Error::Refused(text),
        };
    }
    match code.parse::<u32>().map(|code| code & 0xff) {
        // busy, locked, out of memory, interrupted, I/O, full, cannot open, protocol
        Ok(5 | 6 | 7 | 9 | 10 | 13 | 14 | 15) => Error::Unavailable(text),
        Ok(11 | 26) => Error::Corrupt(text),
        _ => Error::Refused(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(code: &str) -> &'static str {
        match of_code(code, String::new()) {
            Error::Unavailable(_) => "unavailable",
            Error::Schema(_) => "schema",
            Error::Newer(_) => "newer",
            Error::Url(_) => "url",
            Error::Corrupt(_) => "corrupt",
            Error::Refused(_) => "refused",
        }
    }

    #[test]
    fn what_may_pass_is_told_from_what_will_not() {
        for code in ["40P01", "40001", "57P01", "57014", "53300", "08006", "55P03", "5", "517", "10", "13"] {
            assert_eq!(kind(code), "unavailable", "{code}");
        }
        for code in ["23514", "23505", "22P02", "1", "275", "2067"] {
            assert_eq!(kind(code), "refused", "{code}");
        }
        assert_eq!([kind("42P01"), kind("11")], ["schema", "corrupt"]);
    }
}
