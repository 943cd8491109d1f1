use url::Url;

use super::{Error, Result};

const URL_BYTES: usize = 2_048;

/// Whether a text is an address that something can be sent to. Where it leads is looked at when something is sent.
pub(super) fn check_address(text: &str) -> Result<()> {
    let invalid = |reason: &str| Err(Error::FieldInvalid { field: "url", reason: reason.to_owned() });
    if text.len() > URL_BYTES {
        return invalid("has more than 2,048 bytes");
    }
    let Ok(url) = Url::parse(text) else { return invalid("is no URL: write https://host/path") };
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none_or(str::is_empty) {
        return invalid("begins with neither `https://` nor `http://`, or names no host");
    }
    if !url.username().is_empty() || url.password().is_some() {
        return invalid("names a user: the receiver knows us by the signature, and addresses are shown to many");
    }
    if url.fragment().is_some() {
        return invalid("has a fragment (`#`), which is never sent: leave it out");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_http_with_a_host_and_without_a_user() {
        for good in ["https://example.com/a?b=c", "http://127.0.0.1:1/", "https://[::1]/"] {
            assert!(check_address(good).is_ok(), "{good}");
        }
        let long = format!("https://example.com/{}", "a".repeat(URL_BYTES));
        for bad in
            ["", "example.com", "ftp://a/", "https://", "https://me@a/", "https://me:word@a/", "https://a/#b", &long]
        {
            assert!(check_address(bad).is_err(), "{bad}");
        }
    }
}
